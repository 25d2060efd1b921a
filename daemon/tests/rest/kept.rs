//! Overlays made over the interface are kept, and what cannot be kept is not made.

use std::fs;

use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::support::{Daemon, Setup};

#[tokio::test]
async fn what_was_made_returns_with_its_token_after_a_restart() {
    let mut daemon = Daemon::start().await;
    let mut properties = daemon.properties();
    properties["client_secrets"] = json!({ "payments \"quoted\" \u{7f}": "a secret" });
    let token = daemon.add("fresh", &properties).await;
    daemon.put("/overlays/fresh/quarantine_after", &token, &json!(12.5)).await.expect(202);
    let before = daemon.get("/configuration/fresh", &token).await.expect(200).json();
    let gone = daemon.add("gone", &daemon.properties()).await;
    daemon.ask(Method::DELETE, "/overlays/gone", &gone, "").await.expect(202);
    let main = daemon.token("main").await;
    daemon.crash();
    daemon.run().await;
    let after = daemon.get("/configuration/fresh", &token).await.expect(200).json();
    assert_eq!(before["configuration"], after["configuration"]);
    daemon.get("/membership/main", &main).await.expect(200);
    assert_eq!(daemon.overlays().await, ["fresh", "main"]);
    assert!(!daemon.data_dir().join("overlays/gone").exists());
}

#[tokio::test]
async fn an_overlay_that_is_added_again_has_another_token() {
    let daemon = Daemon::start().await;
    let first = daemon.add("fresh", &daemon.properties()).await;
    daemon.ask(Method::DELETE, "/overlays/fresh", &first, "").await.expect(202);
    daemon.get("/membership/fresh", &first).await.expect_problem(404, "unknown_overlay");
    let second = daemon.add("fresh", &daemon.properties()).await;
    daemon.get("/membership/fresh", &first).await.expect_problem(401, "unauthorized");
    daemon.get("/membership/fresh", &second).await.expect(200);
}

#[tokio::test]
async fn what_cannot_be_kept_is_not_made() {
    let daemon = Daemon::start().await;
    let token = daemon.add("fresh", &daemon.properties()).await;
    // A folder stands where the file is written first.
    let blocks = |overlay: &str| daemon.data_dir().join("overlays").join(overlay).join("overlay.toml.new");
    fs::create_dir_all(blocks("fresh")).expect("made");
    fs::create_dir_all(blocks("second")).expect("made");
    let before = daemon.get("/configuration/fresh", &token).await.expect(200).json();
    daemon.put("/overlays/fresh/quarantine_after", &token, &json!(33)).await.expect_problem(500, "not_kept");
    daemon.put("/overlays/fresh/secret", &token, &json!("another")).await.expect_problem(500, "not_kept");
    let after = daemon.get("/configuration/fresh", &token).await.expect(200).json();
    assert_eq!(before["configuration"], after["configuration"]);
    let properties = daemon.properties().to_string();
    let answer = daemon.ask(Method::POST, "/overlays/second", &daemon.rest_user(), &properties).await;
    answer.expect_problem(500, "not_kept");
    assert_eq!(daemon.overlays().await, ["fresh", "main"]);
    // Nothing of it is left in the way.
    fs::remove_dir(blocks("second")).expect("removed");
    daemon.ask(Method::POST, "/overlays/second", &daemon.rest_user(), &properties).await.expect(201);
}

#[tokio::test]
async fn what_would_be_too_large_to_be_read_again_is_refused() {
    let mut daemon = Daemon::start().await;
    let mut properties = daemon.properties();
    // A byte in JSON, six in the file.
    let names = (0..3_500).map(|number| (format!("{number}{}", "\u{7f}".repeat(240)), json!("a")));
    properties["client_secrets"] = Value::Object(names.collect::<Map<_, _>>());
    let body = properties.to_string();
    assert!(body.len() < 1 << 20);
    let answer = daemon.ask(Method::POST, "/overlays/large", &daemon.rest_user(), &body).await;
    if answer.status == 201 {
        daemon.crash();
        daemon.run().await;
        assert_eq!(daemon.overlays().await, ["large", "main"], "it was answered, and is lost");
    } else {
        answer.expect_problem(409, "bad_property");
    }
}

#[tokio::test]
async fn a_member_name_that_was_given_cannot_be_taken_away() {
    let mut daemon = Daemon::start().await;
    let mut properties = daemon.properties();
    properties["member_name"] = json!("given");
    let token = daemon.add("fresh", &properties).await;
    daemon
        .put("/overlays/fresh/member_name", &token, &Value::Null)
        .await
        .expect_problem(409, "fixed_property");
    properties["member_name"].take();
    daemon.put("/overlays/fresh", &token, &properties).await.expect_problem(409, "fixed_property");
    // One that was made may be written and taken away again.
    let made = daemon.add("made", &daemon.properties()).await;
    let shown = daemon.get("/configuration/made", &made).await.expect(200).json();
    let name = shown["configuration"]["member_name"].clone();
    daemon.put("/overlays/made/member_name", &made, &name).await.expect(202);
    daemon.put("/overlays/made/member_name", &made, &Value::Null).await.expect(202);
    daemon.crash();
    daemon.run().await;
    for (overlay, token, name) in [("fresh", token, json!("given")), ("made", made, name)] {
        let shown = daemon.get(&format!("/configuration/{overlay}"), &token).await.expect(200).json();
        assert_eq!(shown["configuration"]["member_name"], name);
    }
}

#[tokio::test]
async fn an_overlay_that_does_not_start_leaves_nothing_behind() {
    let daemon = Daemon::start_with(Setup::default()).await;
    let mut properties = daemon.properties();
    // Of a network for documentation: no host has it.
    properties["ip"] = json!("192.0.2.1");
    let answer =
        daemon.ask(Method::POST, "/overlays/fresh", &daemon.rest_user(), &properties.to_string()).await;
    answer.expect_problem(409, "cannot_start");
    assert_eq!(daemon.overlays().await, ["main"]);
    assert!(!daemon.data_dir().join("overlays/fresh").exists(), "a folder is left");
}
