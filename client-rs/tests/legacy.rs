//! The client in protocol 1 against the real overlay, over loopback sockets.

#![allow(clippy::expect_used)]

#[allow(dead_code)]
mod support;

use std::time::Duration;

use gossiperl_client::{Client, Event, Protocol, PublishError, SlowPolicy};
use support::Daemon;

/// Longer than anything here takes on a machine that is up.
const LONG: Duration = Duration::from_secs(30);

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, what).await.expect("it happens")
}

async fn legacy(daemon: &Daemon, name: &str) -> Client {
    Client::connect(daemon.options(name).protocol(Protocol::Legacy)).await.expect("a session")
}

#[tokio::test]
async fn messages_pass_between_the_protocols_in_both_directions() {
    let daemon = Daemon::start().await;
    let (old, other, new) =
        (legacy(&daemon, "old").await, legacy(&daemon, "other").await, daemon.client("new").await);
    let mut at_other = soon(other.subscribe(["news"], SlowPolicy::Wait)).await.unwrap();
    let mut at_new = soon(new.subscribe(["news"], SlowPolicy::Wait)).await.unwrap();
    soon(old.publish("news", b"\xff\x00from old")).await.unwrap();
    for subscription in [&mut at_other, &mut at_new] {
        let delivery = soon(subscription.next()).await.unwrap();
        assert_eq!(delivery.payload(), b"\xff\x00from old");
        assert!(delivery.envelope_id().is_some() && !delivery.is_verbatim());
    }
    soon(new.publish("news", "from new")).await.unwrap();
    assert_eq!(soon(at_other.next()).await.unwrap().payload(), b"from new");
    assert!(at_other.try_next().is_none() && at_new.try_next().is_none());
}

#[tokio::test]
async fn a_thousand_messages_arrive_once_each() {
    let daemon = Daemon::start().await;
    let (a, b) = (legacy(&daemon, "a").await, legacy(&daemon, "b").await);
    let mut numbers = soon(b.subscribe(["n"], SlowPolicy::Wait)).await.unwrap();
    let publisher = a.publisher("n").unwrap();
    for number in 0..1_000u32 {
        soon(publisher.send(number.to_be_bytes())).await.unwrap();
    }
    soon(publisher.flush()).await.unwrap();
    let mut heard = Vec::new();
    while heard.len() < 1_000 {
        heard.push(u32::from_be_bytes(soon(numbers.next()).await.unwrap().payload().try_into().unwrap()));
    }
    heard.sort_unstable();
    assert_eq!(heard, (0..1_000).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_largest_payload_passes_and_one_more_byte_is_refused_here() {
    let daemon = Daemon::start().await;
    let (a, b) = (legacy(&daemon, "a").await, daemon.client("b").await);
    let mut big = soon(b.subscribe(["big"], SlowPolicy::Wait)).await.unwrap();
    let Err(PublishError::TooLarge { limit, .. }) = a.publish("big", vec![0; 60_000]).await else {
        panic!("not refused");
    };
    soon(a.publish("big", vec![7; limit])).await.unwrap();
    assert_eq!(soon(big.next()).await.unwrap().payload(), vec![7; limit]);
}

#[tokio::test]
async fn a_restarted_daemon_is_found_again() {
    let daemon = Daemon::start().await;
    let port = daemon.port();
    let (a, b) = (legacy(&daemon, "a").await, legacy(&daemon, "b").await);
    let mut news = soon(b.subscribe(["news"], SlowPolicy::Wait)).await.unwrap();
    let mut events = b.events();
    daemon.crash().await;
    assert!(matches!(soon(events.next()).await, Some(Event::Disconnected(_))));
    let _daemon = Daemon::start_at(port, |_| {}).await;
    soon(async { while !matches!(events.next().await, Some(Event::Subscribed(_))) {} }).await;
    soon(a.publish("news", "again")).await.unwrap();
    assert_eq!(soon(news.next()).await.unwrap().payload(), b"again");
}

#[tokio::test]
async fn members_are_listed_and_their_changes_told() {
    let daemon = Daemon::start().await;
    let a = legacy(&daemon, "a").await;
    let listed = soon(a.members()).await.unwrap();
    assert_eq!(listed[0].name, "daemon");
    let mut watch = soon(a.watch_members()).await.unwrap();
    let b = legacy(&daemon, "b").await;
    let event = soon(watch.next()).await.unwrap();
    assert_eq!((event.change.as_str(), event.member.name.as_str()), ("member_in", Some("b")));
    b.close().await;
    let event = soon(watch.next()).await.unwrap();
    assert_eq!((event.change.as_str(), event.member.name.as_str()), ("member_out", Some("b")));
}
