//! The client against the real overlay, over loopback sockets.

#![allow(clippy::expect_used)]

#[allow(dead_code)]
mod support;

use std::time::Duration;

use gossiperl_client::{
    BusyReason, Client, ConnectError, DisconnectReason, Event, Options, PublishError, SlowPolicy,
    SubscribeError,
};
use support::Daemon;

/// Longer than anything here takes on a machine that is up.
const LONG: Duration = Duration::from_secs(20);

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, what).await.expect("it happens")
}

#[tokio::test]
async fn a_message_reaches_its_subscriber_and_not_its_publisher() {
    let daemon = Daemon::start().await;
    let (a, b) = (daemon.client("a").await, daemon.client("b").await);
    let mut own = a.subscribe(["news"], SlowPolicy::Wait).await.unwrap();
    let mut news = b.subscribe(["news"], SlowPolicy::Wait).await.unwrap();
    soon(a.publish("news", b"\xff\x00hello")).await.unwrap();
    let delivery = soon(news.next()).await.unwrap();
    assert_eq!((delivery.event_type(), delivery.payload()), (&b"news"[..], &b"\xff\x00hello"[..]));
    soon(b.publish("news", b"back")).await.unwrap();
    assert_eq!(soon(own.next()).await.unwrap().payload(), b"back");
    assert!(own.try_next().is_none() && news.try_next().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_messages_arrive_once_each_and_in_order() {
    let daemon = Daemon::start().await;
    let (a, b) = (daemon.client("a").await, daemon.client("b").await);
    let mut numbers = b.subscribe(["n"], SlowPolicy::Wait).await.unwrap();
    let publishing = tokio::spawn(async move {
        let publisher = a.publisher("n").unwrap();
        for number in 0..100_000u32 {
            publisher.send(number.to_be_bytes()).await.unwrap();
        }
        publisher.flush().await.unwrap();
        a.close().await;
    });
    let mut expected = 0u32;
    while expected < 100_000 {
        for delivery in soon(numbers.next_batch(1_000)).await {
            assert_eq!(delivery.payload(), expected.to_be_bytes());
            expected += 1;
        }
    }
    soon(publishing).await.unwrap();
    assert!(numbers.try_next().is_none());
}

#[tokio::test]
async fn sixty_thousand_bytes_pass_and_one_more_is_refused_here() {
    let daemon = Daemon::start().await;
    let (a, b) = (daemon.client("a").await, daemon.client("b").await);
    let mut big = b.subscribe(["big"], SlowPolicy::Wait).await.unwrap();
    let payload: Vec<u8> = (0..60_000u32).map(|n| (n % 251) as u8).collect();
    soon(a.publish("big", &payload)).await.unwrap();
    assert_eq!(soon(big.next()).await.unwrap().payload(), payload);
    let error = a.publish("big", vec![0; 60_001]).await.unwrap_err();
    assert_eq!(error, PublishError::TooLarge { len: 60_001, limit: 60_000 });
    soon(a.publish("big", b"")).await.unwrap();
    assert_eq!(soon(big.next()).await.unwrap().payload(), b"");
}

#[tokio::test]
async fn a_restarted_daemon_is_found_again_with_subscriptions_and_unacknowledged_messages() {
    let daemon = Daemon::start().await;
    let port = daemon.port();
    let (a, b) = (daemon.client("a").await, daemon.client("b").await);
    let mut news = b.subscribe(["news"], SlowPolicy::Wait).await.unwrap();
    let mut events = b.events();
    daemon.crash().await;
    assert!(matches!(soon(events.next()).await, Some(Event::Disconnected(_))));
    let publishing = {
        let a = a.clone();
        tokio::spawn(async move { a.publish("news", "while away").await })
    };
    let _daemon = Daemon::start_at(port, |_| {}).await;
    soon(async {
        while !matches!(events.next().await, Some(Event::Subscribed(types)) if types == ["news"]) {}
    })
    .await;
    soon(publishing).await.unwrap().unwrap();
    let mut heard = Vec::new();
    // The publisher may have been back before the subscriber; then its first message had no subscriber.
    soon(a.publish("news", "when back")).await.unwrap();
    while heard.last() != Some(&b"when back".to_vec()) {
        heard.push(soon(news.next()).await.unwrap().payload().to_vec());
    }
    assert!(heard.len() <= 2);
}

#[tokio::test]
async fn a_daemon_that_is_not_there_is_told_apart_from_one_that_does_not_answer() {
    let free = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    let options = Options::new(port, "a", Daemon::KEY).connect_timeout(Duration::from_millis(500));
    let error = Client::connect(options.clone()).await.unwrap_err();
    assert!(matches!(error, ConnectError::NoAnswer { .. }), "{error}");
    drop(free);
    let error = Client::connect(options).await.unwrap_err();
    assert!(matches!(error, ConnectError::Unreachable { .. }), "{error}");
    let daemon = Daemon::start().await;
    let wrong_key =
        Options::new(daemon.port(), "a", "another key").connect_timeout(Duration::from_millis(500));
    let error = Client::connect(wrong_key).await.unwrap_err();
    assert!(matches!(error, ConnectError::NoAnswer { .. }), "{error}");
}

#[tokio::test]
async fn a_wrong_secret_is_refused_by_name() {
    let daemon = Daemon::start().await;
    let _first = daemon.client("a").await;
    let error = Client::connect(daemon.options("a").secret("another")).await.unwrap_err();
    let ConnectError::Refused(refusal) = error else { panic!("{error}") };
    assert_eq!((refusal.code, refusal.entity.as_str()), (gossiperl_idl::code::WRONG_SECRET, Some("a")));
}

#[tokio::test]
async fn wrong_types_are_refused_before_anything_is_sent() {
    let daemon = Daemon::start().await;
    let client = daemon.client("a").await;
    let none: [&str; 0] = [];
    let subscribe =
        async |types: &[&str]| client.subscribe(types.iter().copied(), SlowPolicy::Wait).await.err();
    assert_eq!(subscribe(&none).await, Some(SubscribeError::NoTypes));
    assert_eq!(subscribe(&["a", ""]).await, Some(SubscribeError::BadType { len: 0 }));
    assert!(matches!(subscribe(&["member_in"]).await, Some(SubscribeError::ReservedType { .. })));
    let bytes = client.subscribe([gossiperl_client::Name::from(&[0xff][..])], SlowPolicy::Wait).await;
    assert!(bytes.is_ok(), "any bytes are a type");
    let long = "x".repeat(256);
    assert_eq!(client.publish(long.as_str(), "").await, Err(PublishError::BadType { len: 256 }));
    assert!(matches!(client.publish("member_out", "").await, Err(PublishError::ReservedType { .. })));
}

#[tokio::test]
async fn without_a_session_the_window_bounds_what_is_published() {
    let free = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    let client = Client::start(Options::new(port, "a", Daemon::KEY).publish_window(3, 1_000)).unwrap();
    for _ in 0..3 {
        drop(client.try_publish("n", "x").unwrap());
    }
    let busy = client.try_publish("n", "x").unwrap_err();
    assert_eq!(busy, PublishError::Busy { event_type: "n".into(), reason: BusyReason::Window });
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.publish("n", "x").await }
    });
    drop(free);
    let _daemon = Daemon::start_at(port, |_| {}).await;
    soon(waiting).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_subscriber_that_does_not_read_holds_its_publisher_back_and_loses_nothing() {
    let daemon = Daemon::start_at(0, |config| {
        config.limits.queue_frames = 200;
        config.limits.queue_cost = 100_000;
    })
    .await;
    let a = daemon.client("a").await;
    let b = Client::connect(daemon.options("b").subscription_buffer(50, 1 << 20)).await.unwrap();
    let mut slow = b.subscribe(["n"], SlowPolicy::Wait).await.unwrap();
    let mut events = a.events();
    let publisher = a.publisher("n").unwrap();
    let mut sent = 0u32;
    // Until the daemon says stop.
    loop {
        match publisher.try_send(sent.to_be_bytes()) {
            Ok(receipt) => {
                drop(receipt);
                sent += 1;
            }
            Err(PublishError::Busy { reason: BusyReason::Paused, .. }) => break,
            Err(PublishError::Busy { .. }) => soon(a.connected()).await.then_some(()).unwrap(),
            Err(other) => panic!("{other}"),
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(soon(events.next()).await, Some(Event::Paused("n".into())));
    for expected in 0..sent {
        assert_eq!(soon(slow.next()).await.unwrap().payload(), expected.to_be_bytes());
    }
    soon(a.publish("n", "again")).await.unwrap();
    assert_eq!(soon(slow.next()).await.unwrap().payload(), b"again");
}

#[tokio::test]
async fn a_full_subscription_does_not_keep_the_same_client_from_asking_for_more() {
    let daemon = Daemon::start().await;
    let a = daemon.client("a").await;
    let b = Client::connect(daemon.options("b").subscription_buffer(10, 1 << 20)).await.unwrap();
    let mut full = b.subscribe(["n"], SlowPolicy::Wait).await.unwrap();
    for number in 0..30u32 {
        soon(a.publish("n", number.to_be_bytes())).await.unwrap();
    }
    let _other = soon(b.subscribe(["other"], SlowPolicy::Wait)).await.unwrap();
    assert!(soon(b.members()).await.unwrap().iter().any(|member| member.name == "a"));
    for expected in 0..30u32 {
        assert_eq!(soon(full.next()).await.unwrap().payload(), expected.to_be_bytes());
    }
}

#[tokio::test]
async fn drop_oldest_keeps_the_newest_and_counts_the_rest() {
    let daemon = Daemon::start().await;
    let a = daemon.client("a").await;
    let b = Client::connect(daemon.options("b").subscription_buffer(10, 1 << 20)).await.unwrap();
    let mut recent = b.subscribe(["n"], SlowPolicy::DropOldest).await.unwrap();
    let mut end = b.subscribe(["end"], SlowPolicy::Wait).await.unwrap();
    for number in 0..100u32 {
        soon(a.publish("n", number.to_be_bytes())).await.unwrap();
    }
    soon(a.publish("end", "")).await.unwrap();
    soon(end.next()).await.unwrap();
    let kept: Vec<u32> = std::iter::from_fn(|| recent.try_next())
        .map(|delivery| u32::from_be_bytes(delivery.payload().try_into().unwrap()))
        .collect();
    assert_eq!(kept, (90..100).collect::<Vec<_>>());
    assert_eq!(recent.dropped(), 90);
}

#[tokio::test]
async fn an_ended_subscription_gets_nothing_and_the_daemon_knows() {
    let daemon = Daemon::start().await;
    let (a, b) = (daemon.client("a").await, daemon.client("b").await);
    let mut events = b.events();
    let one = b.subscribe(["x", "y"], SlowPolicy::Wait).await.unwrap();
    let mut two = b.subscribe(["y"], SlowPolicy::Wait).await.unwrap();
    soon(a.publish("x", "for one")).await.unwrap();
    soon(a.publish("y", "for both")).await.unwrap();
    assert_eq!(soon(two.next()).await.unwrap().payload(), b"for both");
    let rest: Vec<_> = soon(one.unsubscribe()).await.iter().map(|one| one.payload().to_vec()).collect();
    assert_eq!(rest, [b"for one".to_vec(), b"for both".to_vec()]);
    let told = soon(async {
        loop {
            if let Some(Event::Unsubscribed(types)) = events.next().await {
                break types;
            }
        }
    });
    assert_eq!(told.await, ["x"]);
    soon(a.publish("y", "for two")).await.unwrap();
    assert_eq!(soon(two.next()).await.unwrap().payload(), b"for two");
}

#[tokio::test]
async fn members_are_listed_and_their_changes_told() {
    let daemon = Daemon::start().await;
    let client = daemon.client("a").await;
    let mut watch = soon(client.watch_members()).await.unwrap();
    let names = |members: Vec<gossiperl_client::Member>| {
        members.iter().map(|member| member.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(watch.current()), ["a", "daemon"]);
    let other = daemon.client("b").await;
    let event = soon(watch.next()).await.unwrap();
    assert_eq!((event.change.as_str(), event.member.name.as_str()), ("member_in", Some("b")));
    soon(client.members()).await.unwrap();
    other.close().await;
    let event = soon(watch.next()).await.unwrap();
    assert_eq!((event.change.as_str(), event.member.name.as_str()), ("member_out", Some("b")));
    assert_eq!(names(watch.current()), ["a", "daemon"]);
    client.close().await;
    assert_eq!(soon(watch.next()).await, None);
}

#[tokio::test]
async fn closing_flushes_and_everything_says_so_afterwards() {
    let daemon = Daemon::start().await;
    let (a, b) = (daemon.client("a").await, daemon.client("b").await);
    let mut news = b.subscribe(["news"], SlowPolicy::Wait).await.unwrap();
    let mut own = a.subscribe(["other"], SlowPolicy::Wait).await.unwrap();
    let mut events = a.events();
    let publisher = a.publisher("news").unwrap();
    for _ in 0..100 {
        publisher.send("x").await.unwrap();
    }
    soon(a.close()).await;
    for _ in 0..100 {
        assert_eq!(soon(news.next()).await.unwrap().payload(), b"x");
    }
    assert_eq!(publisher.send("y").await, Err(PublishError::Closed));
    assert_eq!(a.flush().await, Ok(()));
    assert!(soon(own.next()).await.is_none());
    assert_eq!(a.subscribe(["z"], SlowPolicy::Wait).await.err(), Some(SubscribeError::Closed));
    while let Some(event) = soon(events.next()).await {
        assert!(!matches!(event, Event::Disconnected(DisconnectReason::Silent)));
    }
    soon(a.close()).await;
}

#[tokio::test]
async fn dropping_the_last_handle_ends_the_client_in_order() {
    let daemon = Daemon::start().await;
    let watcher = daemon.client("watcher").await;
    let mut watch = soon(watcher.watch_members()).await.unwrap();
    let mut news = watcher.subscribe(["news"], SlowPolicy::Wait).await.unwrap();
    let a = daemon.client("a").await;
    assert_eq!(soon(watch.next()).await.unwrap().change.as_str(), "member_in");
    a.publisher("news").unwrap().send("last words").await.unwrap();
    drop(a);
    assert_eq!(soon(news.next()).await.unwrap().payload(), b"last words");
    assert_eq!(soon(watch.next()).await.unwrap().change.as_str(), "member_out");
}

#[tokio::test]
async fn a_daemon_that_stops_for_a_while_resumes_the_session() {
    let daemon = Daemon::start_at(0, |config| config.keepalive_every = Duration::from_millis(100)).await;
    let (a, b) = (daemon.client("a").await, daemon.client("b").await);
    let mut news = b.subscribe(["news"], SlowPolicy::Wait).await.unwrap();
    let mut events = b.events();
    daemon.pause(true);
    let publishing = tokio::spawn(async move { a.publish("news", "patience").await });
    assert_eq!(soon(events.next()).await, Some(Event::Disconnected(DisconnectReason::Silent)));
    daemon.pause(false);
    assert!(matches!(soon(events.next()).await, Some(Event::Connected { resumed: true, .. })));
    soon(publishing).await.unwrap().unwrap();
    assert_eq!(soon(news.next()).await.unwrap().payload(), b"patience");
}

#[tokio::test]
async fn a_subscription_given_up_before_it_was_answered_is_ended() {
    let daemon = Daemon::start().await;
    let (a, b) = (daemon.client("a").await, daemon.client("b").await);
    for _ in 0..1_000 {
        // Polled, so that it is asked for, and hardly ever answered by then.
        let asking = b.subscribe(["n"], SlowPolicy::Wait);
        drop(tokio::time::timeout(Duration::ZERO, asking).await);
    }
    let mut real = soon(b.subscribe(["n"], SlowPolicy::Wait)).await.unwrap();
    soon(a.publish("n", "x")).await.unwrap();
    assert_eq!(soon(real.next()).await.unwrap().payload(), b"x");
}

#[tokio::test]
async fn a_thousand_clients_come_and_go_and_leave_nothing() {
    let open_files = || std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let daemon = Daemon::start().await;
    let before = open_files();
    for round in 0..1_000 {
        let client = daemon.client("a").await;
        let subscription = client.subscribe(["n"], SlowPolicy::Wait).await.unwrap();
        if round % 2 == 0 {
            client.close().await;
        }
        drop((client, subscription));
    }
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    soon(async {
        while tasks() > 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    // Other tests of this process have files of their own, but not a thousand.
    assert!(open_files() < before + 300);
}

#[test]
fn the_end_of_the_runtime_is_the_end_of_the_client() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (client, mut subscription) = runtime.block_on(async {
        let daemon = Daemon::start().await;
        let client = daemon.client("a").await;
        let subscription = client.subscribe(["n"], SlowPolicy::Wait).await.unwrap();
        (client, subscription)
    });
    drop(runtime);
    assert_eq!(client.try_publish("n", "x").err(), Some(PublishError::Closed));
    let other = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert!(other.block_on(subscription.next()).is_none());
    other.block_on(client.close());
    assert!(matches!(
        Client::start(Options::new(1, "a", Daemon::KEY)).map(|_| ()),
        Err(ConnectError::NoRuntime)
    ));
}

/// The daemon answers one question for the members at a time.
#[tokio::test]
async fn members_are_told_to_all_who_ask_at_once() {
    let daemon = Daemon::start().await;
    let client = daemon.client("a").await;
    let (one, other, watch) =
        soon(async { tokio::join!(client.members(), client.members(), client.watch_members()) }).await;
    assert_eq!((one.unwrap().len(), other.unwrap().len()), (2, 2));
    assert_eq!(watch.unwrap().current().len(), 2);
}
