//! Subscriptions whose types change while they are read.

#![allow(clippy::expect_used)]

#[allow(dead_code)]
mod support;

use std::time::Duration;

use gossiperl_client::{Client, SlowPolicy, SubscribeError, Subscription};
use support::Daemon;

/// Longer than anything here takes on a machine that is up.
const LONG: Duration = Duration::from_secs(20);

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, what).await.expect("it happens")
}

/// Publishes one of each type and a last one, and returns the types that came before it.
async fn seen(publisher: &Client, subscription: &mut Subscription, types: &[&str]) -> Vec<String> {
    for event_type in types.iter().chain(&["end"]) {
        soon(publisher.publish(*event_type, "")).await.expect("published");
    }
    let mut seen = Vec::new();
    loop {
        let event_type = soon(subscription.next()).await.expect("open").event_type_name().to_string();
        if event_type == "end" {
            return seen;
        }
        seen.push(event_type);
    }
}

#[tokio::test]
async fn types_come_and_go_while_a_subscription_is_read() {
    let daemon = Daemon::start().await;
    let (shop, client) = (daemon.client("shop").await, daemon.client("billing").await);
    let mut subscription = client.subscribe(["end", "a"], SlowPolicy::Wait).await.unwrap();
    let selection = subscription.selection();
    assert_eq!(seen(&shop, &mut subscription, &["a", "b"]).await, ["a"]);

    // One that is there already is not asked for twice, and comes once.
    soon(selection.add(["b", "a"])).await.unwrap();
    assert_eq!(subscription.event_types(), ["a", "b", "end"]);
    assert_eq!(seen(&shop, &mut subscription, &["a", "b"]).await, ["a", "b"]);

    // One that it does not have is left out.
    soon(selection.remove(["a", "never"])).await.unwrap();
    assert_eq!(seen(&shop, &mut subscription, &["a", "b"]).await, ["b"]);
    soon(selection.remove(["b", "end"])).await.unwrap();
    assert!(subscription.event_types().is_empty());
    soon(selection.add(["end"])).await.unwrap();
    assert!(seen(&shop, &mut subscription, &["a", "b"]).await.is_empty());
}

#[tokio::test]
async fn a_type_taken_from_one_subscription_stays_in_another() {
    let daemon = Daemon::start().await;
    let (shop, client) = (daemon.client("shop").await, daemon.client("billing").await);
    let mut first = client.subscribe(["a", "end"], SlowPolicy::Wait).await.unwrap();
    let mut second = client.subscribe(["a", "end"], SlowPolicy::DropOldest).await.unwrap();
    soon(first.selection().remove(["a"])).await.unwrap();
    assert!(seen(&shop, &mut first, &["a"]).await.is_empty());
    assert_eq!(soon(second.next()).await.unwrap().event_type(), b"a");
}

#[tokio::test]
async fn added_types_come_back_after_the_daemon_was_away() {
    let daemon = Daemon::start().await;
    let (shop, client) = (daemon.client("shop").await, daemon.client("billing").await);
    let mut subscription = client.subscribe(["end", "gone"], SlowPolicy::Wait).await.unwrap();
    let selection = subscription.selection();
    soon(selection.add(["a"])).await.unwrap();
    soon(selection.remove(["gone"])).await.unwrap();
    let (port, mut events) = (daemon.port(), client.events());
    daemon.crash().await;
    let _daemon = Daemon::start_at(port, |_| {}).await;
    let restored = async {
        loop {
            if let Some(gossiperl_client::Event::Subscribed(types)) = events.next().await {
                return types;
            }
        }
    };
    assert_eq!(soon(restored).await, ["a", "end"]);
    assert_eq!(seen(&shop, &mut subscription, &["a", "gone"]).await, ["a"]);
}

#[tokio::test]
async fn a_refused_type_leaves_the_others_as_they_were() {
    let daemon = Daemon::start_at(0, |config| config.limits.subscriptions_per_client = 2).await;
    let (shop, client) = (daemon.client("shop").await, daemon.client("billing").await);
    let mut subscription = client.subscribe(["end", "a"], SlowPolicy::Wait).await.unwrap();
    let refused = soon(subscription.selection().add(["a", "one too many"])).await.unwrap_err();
    assert!(matches!(refused, SubscribeError::Refused(_)), "{refused}");
    assert_eq!(subscription.event_types(), ["a", "end"]);
    assert_eq!(seen(&shop, &mut subscription, &["a"]).await, ["a"]);
}

#[tokio::test]
async fn what_has_ended_says_so() {
    let daemon = Daemon::start().await;
    let client = daemon.client("billing").await;
    let subscription = client.subscribe(["a"], SlowPolicy::Wait).await.unwrap();
    let selection = subscription.selection();
    assert_eq!(selection.add([""]).await, Err(SubscribeError::BadType { len: 0 }));
    assert_eq!(
        selection.add(["member_in"]).await,
        Err(SubscribeError::ReservedType { event_type: "member_in".into() })
    );
    subscription.unsubscribe().await;
    assert_eq!(soon(selection.add(["b"])).await, Err(SubscribeError::Ended));
    client.close().await;
    assert_eq!(soon(selection.add(["b"])).await, Err(SubscribeError::Closed));
    assert_eq!(soon(selection.remove(["b"])).await, Err(SubscribeError::Closed));
}
