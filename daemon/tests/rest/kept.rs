//! Overlays made over the interface are kept, and what cannot be kept is not made.

use std::{
    collections::BTreeSet,
    fs,
    net::{Ipv4Addr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use nix::{sys::stat::Mode, unistd::mkfifo};
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::support::{Daemon, KEY, Setup, soon};

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
    assert!(!daemon.data_dir().join("rest/overlays/gone").exists());
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
    fs::create_dir_all(daemon.data_dir().join("rest/overlays/fresh/overlay.toml.new")).expect("made");
    // And where there is to be a folder, a file.
    let blocked = daemon.data_dir().join("rest/overlays/second");
    fs::write(&blocked, "").expect("written");
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
    fs::remove_file(blocked).expect("removed");
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
    assert!(!daemon.data_dir().join("rest/overlays/fresh").exists(), "a folder is left");
}

#[tokio::test]
async fn a_change_that_cannot_start_is_at_no_time_what_a_start_would_find() {
    let daemon = Daemon::start().await;
    let mut properties = daemon.properties();
    // A group takes an address that other hosts reach; without seeds nobody is spoken to.
    properties["ip"] = json!("0.0.0.0");
    let token = daemon.add("fresh", &properties).await;
    let kept = daemon.data_dir().join("rest/overlays/fresh/overlay.toml");
    let before = fs::read_to_string(&kept).expect("kept");
    // Clients' port is somebody else's.
    let taken = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = taken.local_addr().expect("bound").port();
    let group = json!({ "ip": "239.79.79.79", "local_port": port });
    let ended = Arc::new(AtomicBool::new(false));
    let (watched, until) = (kept.clone(), ended.clone());
    let watching = std::thread::spawn(move || {
        let mut seen = BTreeSet::new();
        while !until.load(Ordering::Relaxed) {
            seen.insert(fs::read_to_string(&watched).unwrap_or_default());
        }
        seen
    });
    let mut answers = Vec::new();
    for _ in 0..5 {
        answers.push(daemon.put("/overlays/fresh/multicast", &token, &group).await);
    }
    ended.store(true, Ordering::Relaxed);
    let seen = watching.join().expect("watched");
    answers.iter().for_each(|answer| drop(answer.expect_problem(409, "cannot_start")));
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [before]);
    assert!(!kept.with_file_name("overlay.toml.new").exists(), "the other is left behind");
    daemon.get("/membership/fresh", &token).await.expect(200);
}

#[tokio::test]
async fn nobody_waits_for_a_disk_that_is_slow() {
    // One overlay at the start: one thread drives all.
    let daemon = Daemon::start().await;
    let token = daemon.add("fresh", &daemon.properties()).await;
    let main = daemon.token("main").await;
    let session = daemon.session(daemon.port("main"), "publisher").await;
    // Opened for writing it blocks until somebody reads.
    let slow = daemon.data_dir().join("rest/overlays/fresh/overlay.toml.new");
    mkfifo(&slow, Mode::S_IRWXU).expect("made");
    let (value, path) = (json!(33), "/overlays/fresh/quarantine_after");
    let looking = async {
        for _ in 0..20 {
            daemon.get("/membership/main", &main).await.expect(200);
            soon("taken", session.publish("news", b"hello")).await.expect("taken");
        }
        // A pipe cannot be flushed to a disk.
        tokio::task::spawn_blocking(move || fs::read(slow).map(drop)).await.expect("no panic").expect("read");
    };
    let (answer, ()) = tokio::join!(daemon.put(path, &token, &value), looking);
    answer.expect_problem(500, "not_kept");
    fs::remove_file(daemon.data_dir().join("rest/overlays/fresh/overlay.toml.new")).expect("removed");
    daemon.put(path, &token, &value).await.expect(202);
}

#[tokio::test]
async fn nor_does_rest_while_new_users_are_kept() {
    let user = "rest_user = { username = \"one\", password = \"the right one\" }";
    let mut daemon = Daemon::start_with(Setup { rest: user.to_owned(), ..Setup::default() }).await;
    let main = daemon.token("main").await;
    let root = daemon.superuser();
    daemon.change_config(|setup| setup.rest = String::new());
    let slow = daemon.rest_file("rest_user.new");
    mkfifo(&slow, Mode::S_IRWXU).expect("made");
    let looking = async {
        for _ in 0..20 {
            daemon.get("/membership/main", &main).await.expect(200);
        }
        tokio::task::spawn_blocking(move || fs::read(slow).map(drop)).await.expect("no panic").expect("read");
    };
    let (answer, ()) = tokio::join!(daemon.ask(Method::POST, "/reconfigure", &root, ""), looking);
    assert!(answer.expect_problem(500, "not_reloaded").contains("users"));
    fs::remove_file(daemon.rest_file("rest_user.new")).expect("removed");
    // The next reload tries again.
    daemon.ask(Method::POST, "/reconfigure", &root, "").await.expect(202);
    assert!(daemon.rest_file("rest_user").exists());
}

#[tokio::test]
async fn what_is_shown_and_sent_back_changes_nothing() {
    let daemon = Daemon::start().await;
    let mut properties = daemon.properties();
    properties["racks"] = json!({ "default": [], "other": ["Seed.example.com"] });
    properties["limits"] = json!({ "clients": 9 });
    let token = daemon.add("fresh", &properties).await;
    let kept = daemon.data_dir().join("rest/overlays/fresh/overlay.toml");
    let before = fs::read_to_string(&kept).expect("kept");
    let shown = async || {
        let shown = daemon.get("/configuration/fresh", &token).await.expect(200).json();
        shown["configuration"].clone()
    };
    let mut body = shown().await;
    assert_eq!(body["drop_stale_subscriptions_after"], json!(20));
    let lan = body["gossip_round_every"].clone();
    daemon.put("/overlays/fresh", &token, &body).await.expect(200);
    assert_eq!(fs::read_to_string(&kept).expect("kept"), before);
    assert_eq!(shown().await, body);
    // What is changed is written, and nothing else: a preset's times are the new one's.
    body["preset"] = json!("wan");
    body["limits"]["members"] = json!(77);
    daemon.put("/overlays/fresh", &token, &body).await.expect(200);
    let after = shown().await;
    assert_eq!(
        (&after["preset"], &after["limits"]["members"], &after["limits"]["clients"]),
        (&json!("wan"), &json!(77), &json!(9))
    );
    assert_ne!(after["gossip_round_every"], lan);
    // One property of its own is written, default or not.
    daemon.put("/overlays/fresh/gossip_round_every", &token, &lan).await.expect(202);
    assert_eq!(shown().await["gossip_round_every"], lan);
}

#[tokio::test]
async fn a_ring_stays_until_other_keys_are_kept() {
    let daemon = Daemon::start().await;
    let token = daemon.add("fresh", &daemon.properties()).await;
    let added = json!({ "key": "added while it ran" }).to_string();
    daemon.ask(Method::POST, "/keys/fresh", &token, &added).await.expect(200);
    let ring = daemon.get("/keys/fresh", &token).await.expect(200).json()["daemons"].clone();
    let folder = daemon.data_dir().join("rest/overlays/fresh");
    let (kept, aside) = (folder.join("overlay.toml"), folder.join("aside"));
    // A version cannot be put in a folder's place: what has been started with it is taken back.
    fs::rename(&kept, &aside).expect("moved");
    fs::create_dir(&kept).expect("made");
    let other = json!("another than before");
    daemon.put("/overlays/fresh/symmetric_key", &token, &other).await.expect_problem(500, "not_kept");
    assert_eq!(daemon.get("/keys/fresh", &token).await.expect(200).json()["daemons"], ring);
    fs::remove_dir(&kept).expect("removed");
    fs::rename(&aside, &kept).expect("moved");
    daemon.put("/overlays/fresh/symmetric_key", &token, &other).await.expect(202);
    assert!(!folder.join("keys.json").exists(), "the configuration counts from now on");
}

#[tokio::test]
async fn a_ring_of_the_files_overlay_goes_when_the_file_has_other_keys() {
    let mut daemon = Daemon::start().await;
    let token = daemon.token("main").await;
    let added = json!({ "key": "added while it ran" }).to_string();
    daemon.ask(Method::POST, "/keys/main", &token, &added).await.expect(200);
    let ring = daemon.data_dir().join("overlays/main/keys.json");
    daemon.crash();
    daemon.run().await;
    assert!(ring.exists(), "its keys are the same");
    daemon.crash();
    let config = fs::read_to_string(daemon.config()).expect("written");
    fs::write(daemon.config(), config.replace(KEY, "another than before")).expect("written");
    daemon.run().await;
    assert!(!ring.exists(), "the configuration counts from now on");
}

#[tokio::test]
async fn a_second_daemon_on_the_same_folder_is_refused_and_takes_nothing_from_the_first() {
    let mut daemon = Daemon::start().await;
    let address = fs::read_to_string(daemon.rest_file("address")).expect("told");
    let output = tokio::task::spawn_blocking({
        let mut second = daemon.command();
        move || second.output()
    });
    let output = soon("its end", output).await.expect("no panic").expect("started");
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(78), "{log}");
    assert!(
        log.contains(&daemon.data_dir().display().to_string()) && log.contains("another gossiperld"),
        "{log}"
    );
    assert_eq!(fs::read_to_string(daemon.rest_file("address")).expect("still told"), address);
    assert_eq!(daemon.overlays().await, ["main"]);
    // A crash gives the folder up.
    daemon.crash();
    daemon.run().await;
}
