//! What an overlay tells of itself: members, configuration, subscriptions, statistics.

use gossiperl_client::SlowPolicy;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{As, Daemon, KEY, Legacy, Setup, soon, until};

#[tokio::test]
async fn membership_lists_ourselves_first_then_clients_with_address_and_state() {
    let daemon = Daemon::start().await;
    let (token, port) = (daemon.token("main").await, daemon.port("main"));
    let alone = daemon.get("/membership/main", &token).await.expect(200).json();
    let ourselves = &alone["membership"][0];
    assert_eq!(alone["membership"].as_array().map(Vec::len), Some(1));
    for (key, value) in [
        ("name", json!("host-1")),
        ("state", json!("reachable")),
        ("ip", json!(daemon.ip)),
        ("port", json!(port)),
        ("kind", json!("daemon")),
        ("rack", json!("default")),
    ] {
        assert_eq!(ourselves[key], value, "{key} in {alone}");
    }
    assert!(ourselves["heartbeat"].as_i64().is_some_and(|seconds| seconds > 1_700_000_000), "{alone}");

    // A client whose name comes before ours in the alphabet.
    let _session = daemon.session(port, "a client").await;
    let old = Legacy::new(daemon.ip, port, "an old client");
    old.enter();
    let members = daemon.get("/membership/main", &token).await.expect(200).json();
    let names: Vec<&str> = members["membership"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|member| member["name"].as_str().expect("text"))
        .collect();
    assert_eq!(names[0], "host-1", "{members}");
    assert_eq!(names.len(), 3, "{members}");
    let of = |name: &str| {
        let all = members["membership"].as_array().expect("a list");
        all.iter().find(|member| member["name"] == name).unwrap_or_else(|| panic!("{name} in {members}"))
    };
    assert_eq!(of("a client")["kind"], "client");
    assert_eq!(of("an old client")["port"], old.address().port());
    assert_eq!(of("an old client")["ip"], old.address().ip().to_string());
}

#[tokio::test]
async fn a_configuration_shows_every_property_of_protocol_1_and_no_secret() {
    let daemon = Daemon::start().await;
    let token = daemon.token("main").await;
    let body = daemon.get("/configuration/main", &token).await.expect(200);
    let shown = body.json()["configuration"].clone();
    for (property, value) in [
        ("ip", json!(daemon.ip)),
        ("iface", json!("undefined")),
        ("port", json!(daemon.port("main"))),
        ("ip_hint", json!("undefined")),
        ("rack_name", json!("default")),
        ("racks", json!({ "default": [] })),
        ("multicast", json!("off")),
        ("symmetric_key", json!("protected")),
        ("secret", json!("protected")),
        ("symmetric_keys", json!("protected")),
        ("client_secrets", json!("protected")),
        ("member_name", json!("host-1")),
        ("quarantine_after", json!(20)),
        ("max_quarantined", json!(10)),
        ("drop_unreachable_after", json!(180)),
        ("redelivery_retry_every", json!(5)),
        ("redelivery_retry_max", json!(0)),
        ("incoming_data_buffer_size", json!(16_777_216)),
        ("outgoing_data_buffer_size", json!(16_777_216)),
        ("read_packet_count", json!(5)),
    ] {
        assert_eq!(shown[property], value, "{property} in {shown}");
    }
    assert!(shown["gossip_round_every"].is_number(), "{shown}");
    assert!(!body.body.contains(KEY), "{body:?}");
}

#[tokio::test]
async fn a_configuration_put_back_as_it_was_shown_changes_nothing() {
    let daemon = Daemon::start().await;
    let mut properties = daemon.properties();
    for (property, value) in [
        ("racks", json!({ "default": ["192.0.2.1", "seed.example.com:7000"], "other": ["2001:db8::1"] })),
        ("ip_hint", json!("127.0.0.1")),
        ("secret", json!("a secret of daemons")),
        ("symmetric_keys", json!(["an older key of it"])),
        ("client_secrets", json!({ "payments": "a secret of a client" })),
        ("quarantine_after", json!(12.25)),
        ("drop_unreachable_after", json!(0)),
        ("preset", json!("wan")),
        ("limits", json!({ "clients": 100 })),
    ] {
        properties[property] = value;
    }
    let mut grouped = daemon.properties();
    // On this host alone. Its clients are at the port behind, which is taken with it.
    grouped["ip"].take();
    grouped["multicast"] = json!({ "ip": "239.255.79.79", "ttl": 0, "local_iface_address": "127.0.0.1" });
    for (overlay, properties) in [("fresh", properties), ("grouped", grouped)] {
        let token = daemon.add(overlay, &properties).await;
        let path = format!("/configuration/{overlay}");
        let before = daemon.get(&path, &token).await.expect(200).json();
        let started = daemon.log().count("serving");
        daemon.put(&format!("/overlays/{overlay}"), &token, &before["configuration"]).await.expect(200);
        let after = daemon.get(&path, &token).await.expect(200).json();
        assert_eq!(before["configuration"], after["configuration"]);
        assert_eq!(
            daemon.log().count("serving"),
            started,
            "{overlay} was started anew:\n{}",
            daemon.log().text()
        );
    }
}

#[tokio::test]
async fn subscriptions_name_type_client_and_daemon() {
    let daemon = Daemon::start().await;
    let (token, port) = (daemon.token("main").await, daemon.port("main"));
    let reader = daemon.session(port, "reader").await;
    let subscription = soon("subscribed", reader.subscribe(["orders", "prices"], SlowPolicy::Wait))
        .await
        .expect("subscribed");
    let old = Legacy::new(daemon.ip, port, "old");
    old.enter();
    old.subscribe("orders");
    let told = daemon.get("/subscriptions/main", &token).await.expect(200).json();
    let mut all: Vec<(&str, &str)> = told["subscriptions"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| {
            assert_eq!(one["origin"], "host-1", "{told}");
            assert!(one["heartbeat"].is_i64(), "{told}");
            (one["event_type"].as_str().expect("text"), one["member_name"].as_str().expect("text"))
        })
        .collect();
    all.sort_unstable();
    assert_eq!(all, [("orders", "old"), ("orders", "reader"), ("prices", "reader")]);
    soon("unsubscribed", subscription.unsubscribe()).await;
    until("subscriptions that ended are gone", async || {
        let told = daemon.get("/subscriptions/main", &token).await.json();
        (told["subscriptions"].as_array()?.len() == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn statistics_count_what_was_published() {
    let daemon = Daemon::start().await;
    let (token, port) = (daemon.token("main").await, daemon.port("main"));
    let reader = daemon.session(port, "reader").await;
    let mut subscription =
        soon("subscribed", reader.subscribe(["t"], SlowPolicy::Wait)).await.expect("subscribed");
    for _ in 0..3 {
        daemon.ask(Method::POST, "/digest/main", &token, r#"{"t": []}"#).await.expect(202);
        soon("a delivery", subscription.next()).await.expect("open");
    }
    let told = daemon.get("/statistics/main", &token).await.expect(200).json();
    assert_eq!(told["enabled"], json!(true));
    let metrics = daemon.get("/metrics", &daemon.rest_user()).await.expect(200);
    assert!(
        metrics.header("content-type").starts_with("application/openmetrics-text")
            || metrics.header("content-type").starts_with("text/plain"),
        "{metrics:?}"
    );
    assert!(metrics.body.contains("overlay=\"main\""), "{}", metrics.body);
    assert!(told["statistics"].as_object().is_some_and(|groups| !groups.is_empty()), "{told}");
}

#[tokio::test]
async fn an_overlay_of_the_file_is_looked_at_and_not_changed() {
    let lines = "member_name = \"host-1\"\nquarantine_after = 15".to_owned();
    let daemon =
        Daemon::start_with(Setup { overlays: vec![("main".to_owned(), lines)], ..Setup::default() }).await;
    let token = daemon.token("main").await;
    let before = daemon.get("/configuration/main", &token).await.expect(200).json();
    assert_eq!(before["configuration"]["quarantine_after"], json!(15));
    daemon
        .put("/overlays/main/quarantine_after", &token, &json!(16))
        .await
        .expect_problem(409, "overlay_of_file");
    daemon
        .put("/overlays/main", &token, &before["configuration"])
        .await
        .expect_problem(409, "overlay_of_file");
    daemon.ask(Method::DELETE, "/overlays/main", &token, "").await.expect_problem(409, "overlay_of_file");
    let after: Value = daemon.get("/configuration/main", &token).await.expect(200).json();
    assert_eq!(before["configuration"], after["configuration"]);
}

/// What is told has the fields that OpenAPI is told of, all the way down.
#[tokio::test]
async fn what_an_overlay_tells_has_the_described_shape() {
    let daemon = Daemon::start().await;
    let token = daemon.token("main").await;
    let document = daemon.get("/openapi.json", &As::Nobody).await.expect(200).json();
    for path in ["/configuration/main", "/statistics/main", "/membership/main", "/subscriptions/main"] {
        let answer = daemon.get(path, &token).await.expect(200).json();
        let described = format!("{}/{{overlay}}", path.trim_end_matches("/main"));
        let described =
            &document["paths"][&described]["get"]["responses"]["200"]["content"]["application/json"];
        has_shape(&document, &described["schema"], &answer, path);
    }
}

fn has_shape(document: &Value, schema: &Value, value: &Value, place: &str) {
    if let Some(named) = schema["$ref"].as_str() {
        let named = document.pointer(named.trim_start_matches('#')).expect("a schema of that name");
        return has_shape(document, named, value, place);
    }
    match (value, schema["properties"].as_object(), schema.get("additionalProperties")) {
        (Value::Object(fields), Some(described), _) => {
            assert!(fields.keys().eq(described.keys()), "{place} has {fields:?}, described {described:?}");
            for (name, field) in fields {
                has_shape(document, &described[name], field, &format!("{place}.{name}"));
            }
        }
        (Value::Object(fields), None, Some(described)) => {
            for (name, field) in fields {
                has_shape(document, described, field, &format!("{place}.{name}"));
            }
        }
        (Value::Array(items), ..) => {
            for item in items {
                has_shape(document, &schema["items"], item, &format!("{place}[]"));
            }
        }
        (Value::Object(_), None, None) => panic!("{place} is not described: {schema}"),
        _ => {}
    }
}
