//! Overlays that should run and do not: they stay known, are told of, can be managed, and are tried again.

use std::{fs, net::UdpSocket, path::PathBuf};

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{As, Daemon, until};

fn kept(daemon: &Daemon) -> PathBuf {
    daemon.data_dir().join("rest/overlays/fresh/overlay.toml")
}

async fn post(daemon: &Daemon, properties: &Value) -> String {
    let answer =
        daemon.ask(Method::POST, "/overlays/fresh", &daemon.rest_user(), &properties.to_string()).await;
    answer.expect_problem(409, "overlay_exists")
}

async fn metric(daemon: &Daemon, line: &str) -> bool {
    let metrics = daemon.get("/metrics", &daemon.rest_user()).await.expect(200).body;
    metrics.lines().any(|held| held == line)
}

/// What everybody is told of it while it does not run; why it does not.
async fn is_known_and_does_not_run(daemon: &Daemon, token: &As) -> String {
    assert_eq!(daemon.overlays().await, ["fresh", "main"]);
    let told = daemon.get("/readyz", &As::Nobody).await.expect_problem(503, "overlay_failed");
    assert!(told.contains("do not: 1.") && !told.contains("fresh"), "{told}");
    for path in ["/membership/fresh", "/configuration/fresh", "/statistics/fresh/1m", "/keys/fresh"] {
        daemon.get(path, &As::token("another")).await.expect_problem(401, "unauthorized");
        daemon.get(path, token).await.expect_problem(503, "overlay_failed");
    }
    assert!(
        metric(daemon, "gossiperl_overlays_failed 1").await && metric(daemon, "gossiperl_overlays 1").await
    );
    daemon.get("/membership/main", &daemon.token("main").await).await.expect(200);
    let (As::Token(kept), As::Token(told)) = (token, daemon.token("fresh").await) else { panic!("tokens") };
    assert_eq!(*kept, told);
    daemon.get("/membership/fresh", token).await.expect_problem(503, "overlay_failed")
}

async fn runs(daemon: &Daemon, token: &As) {
    until("readiness", async || (daemon.get("/readyz", &As::Nobody).await.status == 200).then_some(())).await;
    daemon.get("/membership/fresh", token).await.expect(200);
    assert!(
        metric(daemon, "gossiperl_overlays_failed 0").await && metric(daemon, "gossiperl_overlays 2").await
    );
}

#[tokio::test]
async fn one_whose_port_is_held_runs_once_that_is_free() {
    let mut daemon = Daemon::start().await;
    let properties = daemon.properties();
    let token = daemon.add("fresh", &properties).await;
    let port = u16::try_from(properties["port"].as_u64().expect("a port")).expect("a port");
    daemon.crash();
    let held = UdpSocket::bind((daemon.ip, port)).expect("free");
    daemon.run_until_answered().await;
    let why = is_known_and_does_not_run(&daemon, &token).await;
    assert!(why.contains(&port.to_string()), "{why}");
    assert!(post(&daemon, &properties).await.contains("does not run"));
    let before = fs::read_to_string(kept(&daemon)).expect("kept");
    let same = daemon.put("/overlays/fresh", &token, &properties).await;
    same.expect_problem(409, "cannot_start");
    assert_eq!(fs::read_to_string(kept(&daemon)).expect("kept"), before);
    drop(held);
    runs(&daemon, &token).await;
}

#[tokio::test]
async fn one_that_cannot_start_is_changed_and_removed_with_its_token() {
    let mut daemon = Daemon::start().await;
    let properties = daemon.properties();
    let token = daemon.add("fresh", &properties).await;
    // Of a network for documentation: no host has it.
    let unusable = |daemon: &Daemon| {
        let good = fs::read_to_string(kept(daemon)).expect("kept");
        fs::write(kept(daemon), good.replace(&daemon.ip.to_string(), "192.0.2.1")).expect("written");
    };
    daemon.crash();
    unusable(&daemon);
    daemon.run_until_answered().await;
    is_known_and_does_not_run(&daemon, &token).await;
    daemon.put("/overlays/fresh/ip", &token, &json!(daemon.ip)).await.expect(202);
    runs(&daemon, &token).await;
    daemon.crash();
    unusable(&daemon);
    daemon.run_until_answered().await;
    let protected = json!({ "ip": daemon.ip, "port": properties["port"], "symmetric_key": "protected", "racks": { "default": [] } });
    daemon.put("/overlays/fresh", &token, &protected).await.expect(200);
    runs(&daemon, &token).await;
    daemon.crash();
    unusable(&daemon);
    daemon.run_until_answered().await;
    daemon.ask(Method::DELETE, "/overlays/fresh", &token, "").await.expect(202);
    daemon.get("/readyz", &As::Nobody).await.expect(200);
    assert!(!kept(&daemon).parent().expect("a folder").exists());
    daemon.add("fresh", &properties).await;
}

#[tokio::test]
async fn one_that_cannot_be_read_is_not_written_over_and_mended_by_hand() {
    let mut daemon = Daemon::start().await;
    let properties = daemon.properties();
    let token = daemon.add("fresh", &properties).await;
    let good = fs::read_to_string(kept(&daemon)).expect("kept");
    let reload = async |daemon: &Daemon| {
        daemon.ask(Method::POST, "/reconfigure", &daemon.superuser(), "").await.expect(202);
    };
    daemon.crash();
    for damage in ["no toml at \"all", ""] {
        fs::write(kept(&daemon), damage).expect("written");
        daemon.run_until_answered().await;
        let why = is_known_and_does_not_run(&daemon, &token).await;
        assert!(why.contains("overlay.toml") && !why.contains("no toml"), "{why}");
        assert!(post(&daemon, &properties).await.contains("overlay.toml"));
        daemon.put("/overlays/fresh/port", &token, &json!(1)).await.expect_problem(503, "overlay_failed");
        reload(&daemon).await;
        assert_eq!(fs::read_to_string(kept(&daemon)).expect("kept"), damage);
        // By hand, and by whom its token belongs to.
        fs::write(kept(&daemon), &good).expect("written");
        reload(&daemon).await;
        runs(&daemon, &token).await;
        daemon.crash();
    }
    fs::write(kept(&daemon), "damaged").expect("written");
    daemon.run_until_answered().await;
    daemon.put("/overlays/fresh", &token, &properties).await.expect(200);
    runs(&daemon, &token).await;
    daemon.crash();
    fs::write(kept(&daemon), "damaged").expect("written");
    daemon.run_until_answered().await;
    fs::remove_file(kept(&daemon)).expect("removed");
    reload(&daemon).await;
    assert_eq!(daemon.overlays().await, ["main"]);
    daemon.get("/readyz", &As::Nobody).await.expect(200);
}

#[tokio::test]
async fn one_of_the_file_that_a_reload_cannot_start_runs_once_it_can_or_goes_with_the_file() {
    let mut daemon = Daemon::start().await;
    daemon.change_config(|setup| setup.overlays.push(("fresh".to_owned(), String::new())));
    let held = UdpSocket::bind((daemon.ip, daemon.port("fresh"))).expect("free");
    let reload =
        async |daemon: &Daemon| daemon.ask(Method::POST, "/reconfigure", &daemon.superuser(), "").await;
    reload(&daemon).await.expect_problem(500, "not_reloaded");
    let token = daemon.token("fresh").await;
    is_known_and_does_not_run(&daemon, &token).await;
    let properties = daemon.properties();
    post(&daemon, &properties).await;
    daemon.put("/overlays/fresh", &token, &properties).await.expect_problem(409, "overlay_of_file");
    daemon.ask(Method::DELETE, "/overlays/fresh", &token, "").await.expect_problem(409, "overlay_of_file");
    drop(held);
    runs(&daemon, &token).await;
    // Moved to where it cannot be, it is still the file's to take out.
    let held = UdpSocket::bind((daemon.ip, 0)).expect("free");
    let port = held.local_addr().expect("bound").port();
    let text = fs::read_to_string(daemon.config()).expect("a file");
    let moved = text.replace(&format!("port = {}", daemon.port("fresh")), &format!("port = {port}"));
    fs::write(daemon.config(), moved).expect("written");
    reload(&daemon).await.expect_problem(500, "not_reloaded");
    daemon.change_config(|setup| drop(setup.overlays.pop()));
    reload(&daemon).await.expect(202);
    assert_eq!(daemon.overlays().await, ["main"]);
    daemon.get("/readyz", &As::Nobody).await.expect(200);
}

#[tokio::test]
async fn one_that_a_restart_has_lost_runs_again_once_it_can() {
    let mut daemon = Daemon::start().await;
    let reload =
        async |daemon: &Daemon| daemon.ask(Method::POST, "/reconfigure", &daemon.superuser(), "").await;
    daemon.change_config(|setup| setup.overlays.push(("fresh".to_owned(), String::new())));
    reload(&daemon).await.expect(202);
    let token = daemon.token("fresh").await;
    // Where its folder was stands a file: it can be started neither as it should be nor as it was.
    let [folder, aside] = ["overlays/fresh", "aside"].map(|name| daemon.data_dir().join(name));
    fs::rename(&folder, &aside).expect("moved");
    fs::write(&folder, "").expect("written");
    daemon.change_config(|setup| setup.overlays[1].1 = "secret = \"another one\"".to_owned());
    let told = reload(&daemon).await.expect_problem(500, "not_reloaded");
    assert!(told.contains("overlays/fresh") && told.contains("tried again"), "{told}");
    is_known_and_does_not_run(&daemon, &token).await;
    fs::remove_file(&folder).expect("removed");
    fs::rename(&aside, &folder).expect("moved");
    runs(&daemon, &token).await;
    // It runs as the file says, so that there is nothing to bring it to.
    reload(&daemon).await.expect(202);
    assert_eq!(daemon.log().count("starting anew"), 1);
}
