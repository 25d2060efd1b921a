//! `gossiperl events`, over what becomes of the daemon and its overlays.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::Stdio,
};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::{Daemon, KEY, Running, free_port, within_patience};

/// Runs an operator's command, which must succeed; what it prints.
fn done(daemon: &Daemon, arguments: &[&str]) -> String {
    let (code, printed, told) = daemon.run(arguments);
    assert_eq!(code, 0, "{arguments:?}: {told}");
    printed
}

#[test]
fn events_are_printed_as_they_happen() {
    let daemon = Daemon::managed("127.0.0.1");
    let mut command = daemon.command(&["events", "main", "--types", "news,member_in", "--json"]);
    let mut following = command.stdout(Stdio::piped()).spawn().expect("started");
    let mut lines = BufReader::new(following.stdout.take().expect("piped")).lines();
    let mut next =
        || -> Value { serde_json::from_str(&lines.next().expect("a line").expect("read")).expect("JSON") };
    // The daemon subscribes on behalf of who watches: its own client is the first thing to be seen.
    let first = next();
    assert_eq!(first["event"], "member_in");
    let observer = first["data"]["member"]["name"].as_str().expect("a name").to_owned();
    assert!(observer.starts_with("gossiperld-events-"), "{observer}");
    // Its subscription may come a moment after itself.
    let published = std::iter::repeat_with(|| done(&daemon, &["publish", "news", "hello"]));
    let mut published = published.take(60);
    let delivered = loop {
        published.next().expect("within a minute or so");
        let seen = next();
        if seen["event"] == "delivery" {
            break seen;
        }
        assert_eq!(seen["event"], "member_in");
    };
    assert_eq!(
        (&delivered["data"]["event_type"], &delivered["data"]["text"]),
        (&json!("news"), &json!("hello"))
    );
    following.kill().expect("killed");
    following.wait().expect("ended");
}

#[test]
fn events_go_on_over_a_restart_of_the_daemon() {
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        let mut daemon = Daemon::managed("127.0.0.1");
        let following = Running::spawn(daemon.command(&["events", "main", "--types", "news"]));
        within_patience("the stream's subscription", || {
            done(&daemon, &["publish", "news", "before"]);
            following.out.lines().into_iter().find(|line| line.ends_with("news  before"))
        });
        daemon.signal(signal);
        daemon.end();
        following.errors.wait_for(&["broken off; waiting for the daemon"]);
        let again = Daemon::start(daemon.config());
        again.wait_for("started");
        following.errors.wait_for(&["connected again"]);
        following.out.wait_for(&["gap"]);
        within_patience("a delivery after the restart", || {
            done(&daemon, &["publish", "news", "after"]);
            following.out.lines().into_iter().find(|line| line.ends_with("news  after"))
        });
        following.signal(Signal::SIGTERM);
        assert_eq!(following.ended().0, 0, "an interruption is its way to end");
    }
}

#[test]
fn events_end_with_their_overlay() {
    let daemon = Daemon::managed("127.0.0.1");
    let file = daemon.config().with_file_name("properties");
    let port = free_port(&[[127, 0, 0, 1].into()]);
    let text =
        format!("ip = \"127.0.0.1\"\nport = {port}\nsymmetric_key = \"{KEY}\"\nracks = {{ default = [] }}\n");
    fs::write(&file, text).expect("written");
    done(&daemon, &["overlay", "add", "orders", file.to_str().expect("a path")]);
    let following = Running::spawn(daemon.command(&["events", "orders", "--types", "membr_in,member_in"]));
    let noted = following.errors.wait_for(&["membr_in"]);
    assert!(noted.contains("did you mean member_in?"), "{noted}");
    // It watches once its own client is seen.
    following.out.wait_for(&["gossiperld-events-"]);
    done(&daemon, &["overlay", "set", "orders", "incoming_data_buffer_size", "900000"]);
    following.out.wait_for(&["restarted"]);
    done(&daemon, &["overlay", "remove", "orders"]);
    following.out.wait_for(&["removed"]);
    let (code, _, told) = following.ended();
    assert!(code == 1 && told.contains("was removed"), "{code}: {told}");
}
