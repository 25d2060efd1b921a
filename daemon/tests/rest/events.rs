//! The stream of events over what becomes of its overlay, its keys and its readers.

use std::time::Duration;

use nix::sys::signal::Signal;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{As, Daemon, Events, Setup, Told, soon, until};

async fn plain() -> Daemon {
    Daemon::start_with(Setup { rest: "ssl = false".to_owned(), ..Setup::default() }).await
}

/// Waits until the daemon is subscribed to this type on behalf of streams.
async fn observed(daemon: &Daemon, overlay: &str, who: &As, event_type: &str) {
    until("the streams' subscription", async || {
        let told = daemon.get(&format!("/subscriptions/{overlay}"), who).await;
        let told: Value = serde_json::from_str(&told.body).ok()?;
        let mut all = told["subscriptions"].as_array()?.iter();
        all.any(|one| one["event_type"] == event_type).then_some(())
    })
    .await;
}

async fn publish(daemon: &Daemon, overlay: &str, who: &As, text: &str) {
    let body = json!({ "news": [{ "said": text, "string": 1 }] }).to_string();
    daemon.ask(Method::POST, &format!("/digest/{overlay}"), who, &body).await.expect(202);
}

/// Whether a delivery has this text.
fn says(text: &str) -> impl Fn(&Value) -> bool {
    move |data| data.to_string().contains(text)
}

#[tokio::test]
async fn a_stream_goes_on_through_a_restart_of_its_overlay_and_ends_with_its_removal() {
    let daemon = plain().await;
    let properties = daemon.properties();
    let port = u16::try_from(properties["port"].as_u64().expect("a port")).expect("a port");
    let token = daemon.add("fresh", &properties).await;
    let (_, mut members) = Events::open(&daemon, "fresh", &token, "").await;
    let (_, mut messages) = Events::open(&daemon, "fresh", &token, "types=news").await;
    observed(&daemon, "fresh", &token, "news").await;
    publish(&daemon, "fresh", &token, "before").await;
    messages.find("delivery", says("before")).await;

    daemon.put("/overlays/fresh/secret", &token, &json!("another secret")).await.expect(202);
    members.find("restarted", |_| true).await;
    let _session = daemon.session(port, "a newcomer").await;
    members.find("member_in", |data| data["member"]["name"] == "a newcomer").await;
    messages.find("restarted", |_| true).await;
    let gap = messages.find("gap", |_| true).await;
    assert_eq!(gap.data["missed"], Value::Null, "what was published meanwhile may be missing");
    publish(&daemon, "fresh", &token, "after").await;
    messages.find("delivery", says("after")).await;

    daemon.ask(Method::DELETE, "/overlays/fresh", &token, "").await.expect(202);
    for events in [members, messages] {
        let told = events.rest().await;
        assert_eq!(told.last().map(|told| told.name.as_str()), Some("removed"), "{told:?}");
    }
}

#[tokio::test]
async fn an_overlay_of_a_removed_ones_name_has_a_stream_of_its_own() {
    let daemon = plain().await;
    let properties = daemon.properties();
    let old = daemon.add("fresh", &properties).await;
    let (first, mut former) = Events::open(&daemon, "fresh", &old, "types=news").await;
    observed(&daemon, "fresh", &old, "news").await;
    publish(&daemon, "fresh", &old, "a secret of the old one").await;
    former.find("delivery", says("old one")).await;
    daemon.ask(Method::DELETE, "/overlays/fresh", &old, "").await.expect(202);
    // With the same address and key.
    let new = daemon.add("fresh", &properties).await;
    let (_, mut latter) = Events::open(&daemon, "fresh", &new, &format!("types=news&after={first}")).await;
    observed(&daemon, "fresh", &new, "news").await;
    publish(&daemon, "fresh", &new, "something of the new one").await;
    let Told { name, data, .. } = latter.next().await.expect("open");
    assert_eq!((name.as_str(), &data["missed"]), ("gap", &Value::Null), "the id is of another history");
    let Told { name, data, .. } = latter.next().await.expect("open");
    assert!(name == "delivery" && says("new one")(&data), "{name}: {data}");
    let told = former.rest().await;
    assert_eq!(told.last().map(|told| told.name.as_str()), Some("removed"));
    assert!(!told.iter().any(|told| says("new one")(&told.data)), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_message_is_missing_while_keys_are_changed() {
    let daemon = plain().await;
    let token = daemon.token("main").await;
    let (_, mut events) = Events::open(&daemon, "main", &token, "types=news,key_ring").await;
    observed(&daemon, "main", &token, "news").await;
    let publisher = daemon.session(daemon.port("main"), "publisher").await;
    let mut published = 0;
    let mut some = async |count: u64| {
        for _ in 0..count {
            soon("taken", publisher.publish("news", published.to_string())).await.expect("taken");
            published += 1;
        }
    };
    some(50).await;
    for key in ["a second key of it", "a third key of it"] {
        publisher.add_key(key);
        let added = daemon.ask(Method::POST, "/keys/main", &token, &json!({ "key": key }).to_string()).await;
        let keys = added.expect(200).json()["daemons"][0]["keys"].clone();
        let new = keys.as_array().expect("keys").last().expect("one")["id"].clone();
        some(50).await;
        let path = format!("/keys/main/{}", new.as_str().expect("an id"));
        daemon.ask(Method::PUT, &path, &token, "").await.expect(200);
        some(50).await;
    }
    let mut expected = 0;
    while expected < published {
        let Told { name, data, .. } = events.next().await.expect("open");
        assert_ne!(name, "gap", "{data} before {expected}");
        if name == "delivery" {
            assert_eq!(data["text"], expected.to_string());
            expected += 1;
        }
    }
    // A client has room for 8 keys, those of former times among them: beyond that the daemon's own begins anew, and says so.
    let mut begun_anew = false;
    for number in 0..8 {
        let key = format!("key {number} of a great many");
        let added = daemon.ask(Method::POST, "/keys/main", &token, &json!({ "key": key }).to_string()).await;
        let keys = added.expect(200).json()["daemons"][0]["keys"].clone();
        let ids = keys.as_array().expect("keys");
        let path = |index: usize| format!("/keys/main/{}", ids[index]["id"].as_str().expect("an id"));
        daemon.ask(Method::PUT, &path(ids.len() - 1), &token, "").await.expect(200);
        daemon.ask(Method::DELETE, &path(0), &token, "").await.expect(200);
        loop {
            let Told { name, data, .. } = events.next().await.expect("open");
            begun_anew |= name == "gap";
            if data["change"] == "retired" {
                break;
            }
        }
    }
    if !begun_anew {
        events.find("gap", |data| data["missed"] == Value::Null).await;
    }
    let again = daemon.session_with(daemon.port("main"), "again", "key 7 of a great many").await;
    let publishing = async {
        loop {
            soon("taken", again.publish("news", "still read")).await.expect("taken");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        _ = events.find("delivery", says("still read")) => {}
        () = publishing => {}
    }
}

#[tokio::test]
async fn a_reader_comes_back_although_nothing_had_happened_yet() {
    let daemon = plain().await;
    let token = daemon.token("main").await;
    let (id, events) = Events::open(&daemon, "main", &token, "").await;
    drop(events);
    let _session = daemon.session(daemon.port("main"), "meanwhile").await;
    let (_, mut events) = Events::open(&daemon, "main", &token, &format!("after={id}")).await;
    let first = events.next().await.expect("open");
    assert_eq!((first.name.as_str(), &first.data["member"]["name"]), ("member_in", &json!("meanwhile")));
}

#[tokio::test]
async fn one_overlays_streams_leave_room_for_those_of_others() {
    let daemon = plain().await;
    let (main, fresh) = (daemon.token("main").await, daemon.add("fresh", &daemon.properties()).await);
    let mut held = Vec::new();
    for _ in 0..16 {
        held.push(Events::open(&daemon, "fresh", &fresh, "").await);
    }
    let refused = daemon.get("/events/fresh", &fresh).await;
    let words = refused.expect_problem(503, "busy");
    assert!(words.contains("16 streams"), "{words}");
    Events::open(&daemon, "main", &main, "").await;
}

#[tokio::test]
async fn a_stream_ends_with_a_word_when_the_daemon_is_drained_or_stops() {
    for drained in [true, false] {
        let daemon = plain().await;
        let token = daemon.token("main").await;
        let (_, events) = Events::open(&daemon, "main", &token, "types=news").await;
        if drained {
            daemon.ask(Method::POST, "/drain?within=5", &daemon.superuser(), "").await.expect(200);
            daemon.get("/events/main", &token).await.expect_problem(503, "stopping");
        } else {
            daemon.signal(Signal::SIGTERM);
        }
        let told = events.rest().await;
        assert_eq!(told.last().map(|told| told.name.as_str()), Some("stopping"), "{told:?}");
    }
}
