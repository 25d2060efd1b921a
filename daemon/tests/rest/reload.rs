//! The file read again, by SIGHUP and by POST /reconfigure, beside clients that go on.

use std::fs;

use gossiperl_client::{Client, Event, SlowPolicy, Subscription};
use nix::sys::signal::Signal;
use reqwest::Method;
use serde_json::json;

use crate::support::{As, Daemon, KEY, Setup, free_port, soon, until};

/// A publisher and a subscriber of an overlay, who are not to notice anything.
struct Pair {
    publisher: Client,
    subscription: Subscription,
    events: gossiperl_client::Events,
    _reader: Client,
    next: u64,
}

impl Pair {
    async fn of(daemon: &Daemon, overlay: &str) -> Pair {
        let port = daemon.port(overlay);
        let publisher = daemon.session(port, "publisher").await;
        let reader = daemon.session(port, "reader").await;
        let subscription =
            soon("subscribed", reader.subscribe(["numbers"], SlowPolicy::Wait)).await.expect("subscribed");
        let mut events = reader.events();
        while events.try_next().is_some() {}
        Pair { publisher, subscription, events, _reader: reader, next: 0 }
    }

    /// Messages arrive, each once and in order, and the session is what it was.
    async fn goes_on(&mut self) {
        for _ in 0..20 {
            soon("taken", self.publisher.publish("numbers", self.next.to_be_bytes())).await.expect("taken");
            let delivery = soon("a delivery", self.subscription.next()).await.expect("open");
            assert_eq!(delivery.payload(), self.next.to_be_bytes());
            self.next += 1;
        }
        while let Some(event) = self.events.try_next() {
            assert!(
                !matches!(
                    event,
                    Event::Connected { .. } | Event::Disconnected(_) | Event::Refused(_) | Event::Closed
                ),
                "the session was disturbed: {event:?}"
            );
        }
    }
}

async fn reconfigure(daemon: &Daemon) {
    let answer = daemon.ask(Method::POST, "/reconfigure", &daemon.superuser(), "").await.expect(202);
    assert_eq!(answer.json()["status"], "reconfigured");
}

async fn hang_up(daemon: &Daemon) {
    let seen = daemon.log().count("configuration read again");
    daemon.signal(Signal::SIGHUP);
    until("the reload", async || (daemon.log().count("configuration read again") > seen).then_some(())).await;
}

async fn overlays_of_the_file_come_change_and_go(reload: impl AsyncFn(&Daemon)) {
    let mut daemon = Daemon::start().await;
    let made = daemon.add("made", &daemon.properties()).await;
    let mut pair = Pair::of(&daemon, "main").await;
    let token = daemon.token("main").await;
    pair.goes_on().await;

    daemon.change_config(|setup| {
        setup.overlays.push(("second".to_owned(), "quarantine_after = 15".to_owned()))
    });
    reload(&daemon).await;
    assert_eq!(daemon.overlays().await, ["made", "main", "second"]);
    let second = daemon.token("second").await;
    pair.goes_on().await;

    // While it runs, and by a restart; its token stays.
    for lines in ["quarantine_after = 16", "quarantine_after = 16\nsecret = \"another one\""] {
        daemon.change_config(|setup| setup.overlays[1].1 = lines.to_owned());
        reload(&daemon).await;
        let shown = daemon.get("/configuration/second", &second).await.expect(200).json();
        assert_eq!(shown["configuration"]["quarantine_after"], json!(16));
        pair.goes_on().await;
    }

    daemon.change_config(|setup| setup.overlays[0].1.push_str("\nquarantine_after = 17"));
    reload(&daemon).await;
    let shown = daemon.get("/configuration/main", &token).await.expect(200).json();
    assert_eq!(shown["configuration"]["quarantine_after"], json!(17));
    pair.goes_on().await;

    daemon.change_config(|setup| drop(setup.overlays.remove(1)));
    reload(&daemon).await;
    daemon.get("/membership/second", &second).await.expect_problem(404, "unknown_overlay");
    daemon.get("/membership/made", &made).await.expect(200);
    pair.goes_on().await;
}

#[tokio::test]
async fn overlays_of_the_file_come_change_and_go_by_reconfigure() {
    overlays_of_the_file_come_change_and_go(reconfigure).await;
}

#[tokio::test]
async fn overlays_of_the_file_come_change_and_go_by_sighup() {
    overlays_of_the_file_come_change_and_go(hang_up).await;
}

#[tokio::test]
async fn overlays_come_change_and_go_over_rest_beside_others_clients() {
    let daemon = Daemon::start().await;
    let mut pair = Pair::of(&daemon, "main").await;
    for turn in 0..3 {
        let token = daemon.add("fresh", &daemon.properties()).await;
        pair.goes_on().await;
        daemon.put("/overlays/fresh/quarantine_after", &token, &json!(10 + turn)).await.expect(202);
        pair.goes_on().await;
        // By a restart.
        daemon.put("/overlays/fresh/secret", &token, &json!(format!("secret {turn}"))).await.expect(202);
        pair.goes_on().await;
        daemon.ask(Method::DELETE, "/overlays/fresh", &token, "").await.expect(202);
        pair.goes_on().await;
    }
}

#[tokio::test]
async fn a_change_that_an_overlay_takes_while_it_runs_is_unnoticed_by_its_own_clients() {
    let daemon = Daemon::start().await;
    let properties = daemon.properties();
    let token = daemon.add("fresh", &properties).await;
    let port = u16::try_from(properties["port"].as_u64().expect("a port")).expect("a port");
    let reader = daemon.session(port, "reader").await;
    let mut events = reader.events();
    while events.try_next().is_some() {}
    for (property, value) in [
        ("quarantine_after", json!(31)),
        ("max_quarantined", json!(32)),
        ("drop_unreachable_after", json!(0)),
        ("redelivery_retry_every", json!(0.5)),
        ("redelivery_retry_max", json!(7)),
        ("gossip_round_every", json!(3)),
        ("preset", json!("wan")),
        ("racks", json!({ "default": ["127.0.0.9"] })),
        ("limits", json!({ "clients": 9 })),
        ("client_secrets", json!({ "someone": "a secret" })),
    ] {
        daemon.put(&format!("/overlays/fresh/{property}"), &token, &value).await.expect(202);
        let shown = daemon.get("/configuration/fresh", &token).await.expect(200).json();
        if property == "limits" {
            assert_eq!(shown["configuration"]["limits"]["clients"], json!(9));
        } else if property != "client_secrets" {
            assert_eq!(shown["configuration"][property], value);
        }
    }
    soon("taken", reader.publish("t", b"still here")).await.expect("taken");
    while let Some(event) = events.try_next() {
        assert!(!matches!(event, Event::Disconnected(_) | Event::Connected { .. }), "{event:?}");
    }
}

#[tokio::test]
async fn a_file_that_is_refused_changes_nothing_and_its_secrets_are_not_told() {
    let mut daemon = Daemon::start().await;
    let mut pair = Pair::of(&daemon, "main").await;
    for (text, words) in [
        ("[overlays.main]\nsymmetric_key = \"unterminated secret words\nport = 1", "1"),
        (
            "[overlays.main]\nip = \"127.0.0.1\"\nport = 99999\nsymmetric_key = \"secret words\"\nracks = { default = [] }",
            "port",
        ),
        ("secret words", "1"),
    ] {
        fs::write(daemon.config(), text).expect("written");
        let answer = daemon.ask(Method::POST, "/reconfigure", &daemon.superuser(), "").await;
        let detail = answer.expect_problem(500, "not_reloaded");
        assert!(detail.contains(words) && !detail.contains("secret words"), "{detail}");
        assert_eq!(daemon.overlays().await, ["main"]);
        pair.goes_on().await;
    }
    fs::remove_file(daemon.config()).expect("removed");
    let answer = daemon.ask(Method::POST, "/reconfigure", &daemon.superuser(), "").await;
    answer.expect_problem(500, "not_reloaded");
    assert_eq!(daemon.overlays().await, ["main"]);
    daemon.change_config(|_| {});
    reconfigure(&daemon).await;
    pair.goes_on().await;
}

#[tokio::test]
async fn the_file_does_not_take_what_rest_has_made() {
    let mut daemon = Daemon::start().await;
    let properties = daemon.properties();
    let token = daemon.add("made", &properties).await;
    // By its name.
    daemon.change_config(|setup| setup.overlays.push(("made".to_owned(), String::new())));
    let answer = daemon.ask(Method::POST, "/reconfigure", &daemon.superuser(), "").await;
    assert!(answer.expect_problem(500, "not_reloaded").contains("made over REST"));
    // By its port.
    daemon.change_config(|setup| drop(setup.overlays.pop()));
    let text = fs::read_to_string(daemon.config()).expect("a file");
    let other = format!(
        "{text}\n[overlays.other]\nip = \"{}\"\nport = {}\nsymmetric_key = \"{KEY}\"\nracks = {{ default = [] }}\n",
        daemon.ip, properties["port"]
    );
    fs::write(daemon.config(), other).expect("written");
    let answer = daemon.ask(Method::POST, "/reconfigure", &daemon.superuser(), "").await;
    assert!(answer.expect_problem(500, "not_reloaded").contains("made over REST"));
    assert_eq!(daemon.overlays().await, ["made", "main"]);
    daemon.get("/membership/made", &token).await.expect(200);
}

#[tokio::test]
async fn two_overlays_of_the_file_change_their_ports_with_each_other() {
    let overlays = ["one", "two"].map(|name| (name.to_owned(), String::new())).into();
    let daemon = Daemon::start_with(Setup { overlays, ..Setup::default() }).await;
    let (one, two) = (daemon.port("one"), daemon.port("two"));
    let text = fs::read_to_string(daemon.config()).expect("a file");
    let text = text
        .replace(&format!("port = {one}"), "port = ONE")
        .replace(&format!("port = {two}"), &format!("port = {one}"));
    fs::write(daemon.config(), text.replace("port = ONE", &format!("port = {two}"))).expect("written");
    reconfigure(&daemon).await;
    for (overlay, port) in [("one", two), ("two", one)] {
        let shown = daemon
            .get(&format!("/configuration/{overlay}"), &daemon.token(overlay).await)
            .await
            .expect(200)
            .json();
        assert_eq!(shown["configuration"]["port"], json!(port));
    }
}

#[tokio::test]
async fn an_overlay_that_starts_anew_is_never_unknown_meanwhile() {
    let daemon = Daemon::start().await;
    let token = daemon.add("fresh", &daemon.properties()).await;
    // Somebody has to be told that it leaves, so that leaving takes a moment.
    let looking = async {
        loop {
            for path in
                ["/membership/fresh", "/configuration/fresh", "/statistics/fresh", "/subscriptions/fresh"]
            {
                let answer = daemon.get(path, &token).await;
                assert!([200, 503].contains(&answer.status), "{path}: {answer:?}");
            }
            assert_eq!(daemon.overlays().await, ["fresh", "main"]);
        }
    };
    let changing = async {
        for turn in 0..20 {
            daemon.put("/overlays/fresh/secret", &token, &json!(format!("secret {turn}"))).await.expect(202);
        }
    };
    tokio::select! {
        () = looking => {}
        () = soon("changed", changing) => {}
    }
}

#[tokio::test]
async fn users_of_the_file_change_with_it_even_where_the_address_does_too() {
    let user = |password: &str| format!("superuser = {{ username = \"root\", password = \"{password}\" }}");
    let mut daemon = Daemon::start_with(Setup { rest: user("the first one"), ..Setup::default() }).await;
    let (first, second, third) = (
        As::basic("root", "the first one"),
        As::basic("root", "the second one"),
        As::basic("root", "the third one"),
    );
    daemon.get("/tokens", &first).await.expect(200);
    let taken_over = async |daemon: &Daemon, old: &As, new: &As| {
        let answer = daemon.ask(Method::POST, "/reconfigure", old, "").await.expect(202);
        assert_eq!(answer.json()["status"], "reconfigured");
        // It is taken over when it is answered.
        daemon.get("/tokens", new).await.expect(200);
        daemon.get("/tokens", old).await.expect(401);
    };
    daemon.change_config(|setup| setup.rest = user("the second one"));
    taken_over(&daemon, &first, &second).await;
    let port = free_port(daemon.ip);
    daemon.change_config(|setup| setup.rest = user("the third one"));
    let text = fs::read_to_string(daemon.config()).expect("a file");
    fs::write(daemon.config(), text.replace("port = 0", &format!("port = {port}"))).expect("written");
    taken_over(&daemon, &second, &third).await;
}

#[tokio::test]
async fn what_could_not_be_taken_over_is_told_and_the_rest_is() {
    let mut daemon = Daemon::start().await;
    let root = daemon.superuser();
    let token = daemon.token("main").await;
    daemon.change_config(|setup| {
        setup.rest = "ssl = { certfile = \"/nowhere/cert.pem\", keyfile = \"/nowhere/key.pem\" }".to_owned();
        setup.overlays[0].1.push_str("\nquarantine_after = 17");
    });
    let words = ["keeps the certificate it has", "/nowhere/"];
    for _ in 0..2 {
        let answer = daemon.ask(Method::POST, "/reconfigure", &root, "").await;
        let detail = answer.expect_problem(500, "not_reloaded");
        assert!(words.iter().all(|word| detail.contains(word)), "{detail}");
    }
    let shown = daemon.get("/configuration/main", &token).await.expect(200).json();
    assert_eq!(shown["configuration"]["quarantine_after"], json!(17));
    daemon.signal(Signal::SIGHUP);
    until("the log tells the same", async || {
        let log = daemon.log().text();
        log.lines()
            .any(|line| line.contains("SIGHUP") && words.iter().all(|word| line.contains(word)))
            .then_some(())
    })
    .await;
    daemon.change_config(|setup| setup.rest = String::new());
    reconfigure(&daemon).await;
}

#[tokio::test]
async fn the_logs_level_follows_and_what_takes_a_start_is_named() {
    let top = |level: &str, format: &str| format!("[log]\nlevel = \"{level}\"\nformat = \"{format}\"");
    let mut daemon = Daemon::start_with(Setup { top: top("error", "text"), ..Setup::default() }).await;
    daemon.add("one", &daemon.properties()).await;
    assert_eq!(daemon.log().count("serving"), 0);
    daemon.change_config(|setup| setup.top = top("info", "json"));
    let answer = daemon.ask(Method::POST, "/reconfigure", &daemon.superuser(), "").await.expect(202).json();
    assert_eq!(answer["restart"], json!(["log.format"]));
    daemon.add("two", &daemon.properties()).await;
    until("the overlay's start", async || (daemon.log().count("serving") == 1).then_some(())).await;
    until("the same in the log", async || (daemon.log().count("log.format") == 1).then_some(())).await;
    let text = fs::read_to_string(daemon.config()).expect("a file");
    let moved = text.replace("port = 0", &format!("port = {}", free_port(daemon.ip)));
    fs::write(daemon.config(), moved.replace("data_dir = \"", "data_dir = \"/elsewhere")).expect("written");
    let answer = daemon.ask(Method::POST, "/reconfigure", &daemon.superuser(), "").await.expect(202).json();
    let restart = answer["restart"].to_string();
    assert!(
        ["log.format", "data_dir", "interface listens"].iter().all(|what| restart.contains(what)),
        "{restart}"
    );
}

/// A server's address, and a task that ends once statistics are written there.
async fn server() -> (String, tokio::task::JoinHandle<()>) {
    use tokio::io::AsyncReadExt;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let written = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.expect("accepted");
            let mut line = [0; 11];
            if stream.read_exact(&mut line).await.is_ok() && line == *b"POST /write" {
                return;
            }
        }
    });
    (url, written)
}

#[tokio::test]
async fn statistics_go_where_the_file_says_now() {
    let top = |url: &str, more: &str| {
        format!("[statistics.influxdb]\nurl = \"{url}\"\ndatabase = \"d\"\nevery = 0.1\n{more}")
    };
    let mut daemon = Daemon::start().await;
    for _ in 0..2 {
        let (url, written) = server().await;
        daemon.change_config(|setup| setup.top = top(&url, ""));
        reconfigure(&daemon).await;
        soon("statistics", written).await.expect("written");
    }
    // Where another cannot begin, the one there is goes on.
    let (url, written) = server().await;
    daemon.change_config(|setup| setup.top = top(&url, "username = \"u\"\npassword_file = \"/nowhere\""));
    let answer = daemon.ask(Method::POST, "/reconfigure", &daemon.superuser(), "").await;
    let detail = answer.expect_problem(500, "not_reloaded");
    assert!(detail.contains("statistics") && detail.contains("/nowhere"), "{detail}");
    assert!(!written.is_finished());
    daemon.change_config(|setup| setup.top = String::new());
    reconfigure(&daemon).await;
    let metrics = daemon.get("/metrics", &daemon.rest_user()).await.expect(200).body;
    assert!(!metrics.contains("gossiperl_influxdb"), "nobody writes any more");
}
