//! What the log and the metrics say of who managed, and of who was not let in.

use reqwest::Method;
use serde_json::json;

use crate::support::{As, Daemon, Events, Setup, until};

/// Waits until one line has all these words.
async fn line_with(daemon: &Daemon, words: &[&str]) {
    until(&format!("a line with {words:?}"), async || {
        let log = daemon.log().text();
        log.lines().any(|line| words.iter().all(|word| line.contains(word))).then_some(())
    })
    .await;
}

#[tokio::test]
async fn every_change_leaves_a_line_with_who_made_it_and_what_it_was() {
    let mut daemon = Daemon::start().await;
    let root = daemon.superuser();
    let token = daemon.add("fresh", &daemon.properties()).await;
    line_with(&daemon, &["overlay added", "by=\"rest_user\"", "from=127.", "overlay=fresh", "symmetric_key"])
        .await;
    daemon.put("/overlays/fresh/quarantine_after", &token, &json!(31)).await.expect(202);
    line_with(&daemon, &["overlay changed", "by=\"token\"", "from=127.", "properties=\"quarantine_after\""])
        .await;
    let body = json!({ "key": "a key to be added here" }).to_string();
    let added = daemon.ask(Method::POST, "/keys/fresh", &token, &body).await.expect(200).json();
    let key = added["key"].as_str().expect("its id");
    line_with(&daemon, &["key ring changed", "by=\"token\"", "operation=\"add\"", key]).await;
    daemon.ask(Method::DELETE, "/overlays/fresh", &token, "").await.expect(202);
    line_with(&daemon, &["overlay removed", "by=\"token\"", "from=127.", "overlay=fresh"]).await;

    daemon.change_config(|setup| {
        setup.overlays[0].1.push_str("\nquarantine_after = 17");
        setup.overlays.push(("second".to_owned(), String::new()));
    });
    daemon.ask(Method::POST, "/reconfigure", &root, "").await.expect(202);
    line_with(&daemon, &["changed with the configuration", "overlay=main", "\"quarantine_after\""]).await;
    line_with(&daemon, &["it was added", "overlay=second"]).await;
    line_with(&daemon, &["configuration read again", "by=\"superuser\"", "from=127."]).await;
    daemon.change_config(|setup| drop(setup.overlays.pop()));
    daemon.signal(nix::sys::signal::Signal::SIGHUP);
    line_with(&daemon, &["it was left", "overlay=second"]).await;

    daemon.ask(Method::POST, "/drain?within=1", &root, "").await.expect(200);
    line_with(&daemon, &[" draining", "by=\"superuser\"", "within=1", "forced=false"]).await;
    line_with(&daemon, &["drained: the overlays are left", "by=\"superuser\""]).await;
    let metrics = daemon.get("/metrics", &daemon.rest_user()).await.expect(200).body;
    assert!(metrics.contains("\ngossiperl_draining 1\n"), "{metrics}");
}

#[tokio::test]
async fn streams_are_counted_while_they_are_open() {
    let daemon = Daemon::start_with(Setup { rest: "ssl = false".to_owned(), ..Setup::default() }).await;
    let token = daemon.add("fresh", &daemon.properties()).await;
    let user = daemon.rest_user();
    let open = async |count: usize| {
        until(&format!("{count} streams"), async || {
            let metrics = daemon.get("/metrics", &user).await.expect(200).body;
            metrics.lines().any(|line| line == format!("gossiperl_rest_streams {count}")).then_some(())
        })
        .await;
    };
    let _streams =
        (Events::open(&daemon, "fresh", &token, "").await, Events::open(&daemon, "fresh", &token, "").await);
    open(2).await;
    daemon.ask(Method::DELETE, "/overlays/fresh", &token, "").await.expect(202);
    open(0).await;
}

#[tokio::test]
async fn failed_logins_are_told_with_their_address_and_counted() {
    let daemon = Daemon::start().await;
    for (path, needed) in
        [("/overlays", "rest_user"), ("/tokens", "superuser"), ("/membership/main", "token")]
    {
        daemon.get(path, &As::basic("somebody", "a guess")).await.expect(401);
        line_with(
            &daemon,
            &["WARN", "failed login from=127.", &format!("needed=\"{needed}\""), "left_out=0"],
        )
        .await;
        // Who shows nothing is only asked, and who is somebody else has not guessed.
        daemon.get(path, &As::Nobody).await.expect(401);
    }
    daemon.get("/tokens", &daemon.rest_user()).await.expect(401);
    daemon.get("/nowhere", &As::Nobody).await.expect(404);
    let metrics = daemon.get("/metrics", &daemon.rest_user()).await.expect(200).body;
    for line in [
        "gossiperl_rest_failed_logins_total 3",
        "gossiperl_rest_requests_total{route=\"/membership/{overlay}\",method=\"GET\",status=\"401\"} 2",
        "gossiperl_rest_requests_total{route=\"none\",method=\"GET\",status=\"404\"} 1",
        "gossiperl_rest_streams 0",
        "gossiperl_config_last_reload_successful 1",
    ] {
        assert!(metrics.lines().any(|held| held == line), "{line} is not in\n{metrics}");
    }
}
