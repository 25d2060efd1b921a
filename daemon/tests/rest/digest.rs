//! POST /digest: every type of field, as clients of both protocols receive it.

use gossiperl_client::{CustomDigest, SlowPolicy, Value as Field};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Daemon, Legacy, soon};

/// Fields of every type, at the edges of each.
fn fields() -> (Value, CustomDigest) {
    let fields = json!([
        { "on": true, "bool": 1 }, { "off": false, "bool": 2 },
        { "small": -128, "byte": 3 }, { "large": 127, "byte": 4 },
        { "small": -32_768, "i16": 5 }, { "large": 32_767, "i16": 6 },
        { "small": i32::MIN, "i32": 7 }, { "large": i32::MAX, "i32": 8 },
        { "small": i64::MIN, "i64": 9 }, { "large": i64::MAX, "i64": 10 },
        { "real": -0.5, "double": 11 }, { "whole": 3, "double": 12 },
        { "text": "grüße\u{0}\n", "string": 13 }, { "empty": "", "string": -32_768 },
        { "bool": "called like a type", "string": 0 }, { "far": true, "bool": 32_767 },
    ]);
    let digest = CustomDigest::new()
        .with(1, true)
        .with(2, false)
        .with(3, Field::Byte(-128))
        .with(4, Field::Byte(127))
        .with(5, Field::I16(-32_768))
        .with(6, Field::I16(32_767))
        .with(7, Field::I32(i32::MIN))
        .with(8, Field::I32(i32::MAX))
        .with(9, Field::I64(i64::MIN))
        .with(10, Field::I64(i64::MAX))
        .with(11, -0.5)
        .with(12, 3.0)
        .with(13, "grüße\u{0}\n")
        .with(-32_768, "")
        .with(0, "called like a type")
        .with(32_767, true);
    (fields, digest)
}

#[tokio::test]
async fn a_subscriber_of_either_protocol_gets_every_field() {
    let daemon = Daemon::start().await;
    let (token, port) = (daemon.token("main").await, daemon.port("main"));
    let reader = daemon.session(port, "reader").await;
    let mut subscription =
        soon("a subscription", reader.subscribe(["reading"], SlowPolicy::Wait)).await.expect("subscribed");
    let old = Legacy::new(daemon.ip, port, "old");
    old.enter();
    old.subscribe("reading");

    let (fields, digest) = fields();
    let body = json!({ "reading": fields }).to_string();
    let taken = daemon.ask(Method::POST, "/digest/main", &token, &body).await.expect(202);
    assert_eq!(taken.json(), json!({ "status": "ok" }));
    let delivery = soon("a delivery", subscription.next()).await.expect("open");
    assert_eq!(delivery.event_type(), b"reading");
    assert_eq!(delivery.digest().expect("fields"), digest);
    let payload = tokio::task::spawn_blocking(move || old.hear("reading")).await.expect("heard");
    assert_eq!(CustomDigest::read(&payload).expect("fields"), digest);
}

#[tokio::test]
async fn a_recipient_alone_gets_it_where_one_is_named() {
    let daemon = Daemon::start().await;
    let (token, port) = (daemon.token("main").await, daemon.port("main"));
    let reader = daemon.session(port, "reader").await;
    let mut subscription =
        soon("a subscription", reader.subscribe(["reading"], SlowPolicy::Wait)).await.expect("subscribed");
    let named = Legacy::new(daemon.ip, port, "named");

    let (fields, digest) = fields();
    let (ip, recipient_port) = (named.address().ip(), named.address().port());
    let body = json!({ "reading": fields, "recipient_ip": ip, "recipient_port": recipient_port }).to_string();
    daemon.ask(Method::POST, "/digest/main", &token, &body).await.expect(202);
    let payload = tokio::task::spawn_blocking(move || named.hear("reading")).await.expect("heard");
    assert_eq!(CustomDigest::read(&payload).expect("fields"), digest);

    // Had the subscriber got it too, it would come first.
    let body = json!({ "reading": [{ "last": true, "bool": 1 }] }).to_string();
    daemon.ask(Method::POST, "/digest/main", &token, &body).await.expect(202);
    let delivery = soon("a delivery", subscription.next()).await.expect("open");
    assert_eq!(delivery.digest().expect("fields"), CustomDigest::new().with(1, true));
}

#[tokio::test]
async fn what_has_another_form_is_refused_and_published_to_nobody() {
    let daemon = Daemon::start().await;
    let token = daemon.token("main").await;
    let reader = daemon.session(daemon.port("main"), "reader").await;
    let mut subscription =
        soon("a subscription", reader.subscribe(["t"], SlowPolicy::Wait)).await.expect("subscribed");
    let many: Vec<Value> = (0..1_025).map(|id| json!({ "x": true, "bool": id })).collect();
    for body in [
        json!({ "t": {} }),
        json!({ "t": [], "u": [] }),
        json!({ "t": [{}] }),
        json!({ "t": [{ "x": 1, "i32": 1, "y": 2 }] }),
        json!({ "t": [{ "x": 1, "i32": 32_768 }] }),
        json!({ "t": [{ "x": 1, "i32": 1.0 }] }),
        json!({ "t": [{ "x": 1, "list": 1 }] }),
        json!({ "t": [{ "x": 128, "byte": 1 }] }),
        json!({ "t": [{ "x": 32_768, "i16": 1 }] }),
        json!({ "t": [{ "x": 2_147_483_648_u64, "i32": 1 }] }),
        json!({ "t": [{ "x": u64::MAX, "i64": 1 }] }),
        json!({ "t": [{ "x": 1, "bool": 1 }] }),
        json!({ "t": [{ "x": "1", "double": 1 }] }),
        json!({ "t": [{ "x": 1, "string": 1 }] }),
        json!({ "t": [{ "x": null, "string": 1 }] }),
        json!({ "t": [{ "x": [], "string": 1 }] }),
        json!({ "t": many }),
        json!({ "t": [], "recipient_ip": "127.0.0.1" }),
        json!({ "t": [], "recipient_port": 1 }),
        json!({ "t": [], "recipient_ip": "127.0.0.1", "recipient_port": 0 }),
        json!({ "t": [], "recipient_ip": "localhost", "recipient_port": 1 }),
        json!({ "t": [], "recipient_ip": "127.0.0.1", "recipient_port": "1" }),
        json!({ "digest": [] }),
        json!({ "digestForwardedAck": [] }),
        json!({ "t".repeat(70_000): [] }),
    ] {
        let answer = daemon.ask(Method::POST, "/digest/main", &token, &body.to_string()).await;
        answer.expect_problem(409, "bad_digest");
    }
    daemon.ask(Method::POST, "/digest/main", &token, &json!({ "t": [] }).to_string()).await.expect(202);
    let delivery = soon("a delivery", subscription.next()).await.expect("open");
    assert_eq!(delivery.digest().expect("fields"), CustomDigest::new());
    assert!(subscription.try_next().is_none(), "one was published");
}

#[tokio::test]
async fn no_message_leaves_the_host_by_its_recipient() {
    let daemon = Daemon::start().await;
    let token = daemon.token("main").await;
    for ip in ["192.0.2.1", "224.0.0.1", "255.255.255.255", "0.0.0.0", "::ffff:192.0.2.1", "2001:db8::1"] {
        let body = json!({ "t": [], "recipient_ip": ip, "recipient_port": 7_000 }).to_string();
        daemon.ask(Method::POST, "/digest/main", &token, &body).await.expect_problem(409, "bad_digest");
    }
}
