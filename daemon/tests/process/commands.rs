//! The commands against a real daemon, as processes.

use std::{
    fs,
    io::Write,
    net::IpAddr,
    process::{Command, Stdio},
};

use nix::sys::signal::Signal;

use crate::support::{Daemon, GOSSIPERL, KEY, Running, Table, ended, free_port, write_config};

/// A subscriber that is subscribed already.
fn subscriber(daemon: &Daemon, arguments: &[&str]) -> Running {
    Running::start(daemon.command(&[&["subscribe"], arguments].concat()), "subscribed to")
}

#[test]
fn members_are_shown_as_a_table_and_as_json() {
    let daemon = Daemon::alone("127.0.0.51");
    let (code, table, errors) = daemon.run(&["members"]);
    assert_eq!(code, 0, "{errors}");
    assert!(table.starts_with("NAME") && table.contains("host-1") && table.contains("reachable"), "{table}");
    let (_, json, _) = daemon.run(&["members", "--json"]);
    let members: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(members["members"][0]["name"], "host-1");
    assert_eq!(members["members"][0]["kind"], "daemon");
}

#[test]
fn what_is_published_is_printed_by_subscribers() {
    let daemon = Daemon::alone("127.0.0.52");
    let text = subscriber(&daemon, &["news", "--count", "4", "--fields"]);
    let json = subscriber(&daemon, &["news", "other", "--count", "4", "--json"]);
    assert_eq!(daemon.run(&["publish", "news", "hello"]).0, 0);
    assert_eq!(daemon.run(&["publish", "news", "--field", "1:string=x", "--field", "2:i32=-7"]).0, 0);
    let mut lines =
        daemon.command(&["publish", "news", "--lines"]).stdin(Stdio::piped()).spawn().expect("started");
    lines.stdin.take().expect("piped").write_all("a\nb ü\n".as_bytes()).expect("written");
    assert!(lines.wait().expect("ended").success());
    let (code, told, _) = text.ended();
    assert_eq!((code, told.as_str()), (0, "news  hello\nnews  1:string=x 2:i32=-7\nnews  a\nnews  b ü\n"));
    let (code, told, _) = json.ended();
    let payloads: Vec<serde_json::Value> =
        told.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(code, 0);
    assert_eq!((&payloads[0]["payload"], &payloads[3]["payload"]), (&"hello".into(), &"b ü".into()));
}

#[test]
fn lines_are_any_bytes_and_one_that_is_too_long_is_named_after_those_before_it() {
    let daemon = Daemon::alone("127.0.0.64");
    let reader = subscriber(&daemon, &["news", "--count", "4"]);
    let mut publish = daemon.command(&["publish", "news", "--lines"]);
    let mut publish = publish.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    let longest = "x".repeat(60_000);
    let lines = [b"a\xff\r\n\n", longest.as_bytes(), b"\r\nb\ny", longest.as_bytes(), b"\nnever\n"].concat();
    publish.stdin.take().expect("piped").write_all(&lines).expect("written");
    let (code, _, errors) = ended(publish.wait_with_output().expect("ended"));
    assert_eq!(code, 1);
    assert!(
        errors.contains(
            "line 5 of standard input; the 4 before it are published, none behind it: it has more than 60000"
        ),
        "{errors}"
    );
    let (_, told, _) = reader.ended();
    assert_eq!(told, format!("news  0x61ff\nnews  \nnews  {longest}\nnews  b\n"));
}

#[test]
fn a_payload_that_no_message_carries_is_refused_with_the_limit() {
    let daemon = Daemon::alone("127.0.0.53");
    let file = daemon.config().with_file_name("large");
    fs::write(&file, vec![b'x'; 60_001]).expect("written");
    let (code, _, errors) = daemon.run(&["publish", "news", "--file", file.to_str().expect("text")]);
    assert_eq!(code, 1);
    assert!(errors.contains("60000"), "{errors}");
}

#[test]
fn bench_counts_every_message_on_both_sides() {
    let daemon = Daemon::alone("127.0.0.54");
    let subscriber = Running::start(daemon.command(&["bench", "sub", "b", "-m", "5000"]), "");
    let (code, told, errors) = daemon.run(&["bench", "pub", "b", "-m", "5000"]);
    assert_eq!(code, 0, "{errors}");
    assert!(told.starts_with("5000 messages published and acknowledged in"), "{told}");
    let (code, told, errors) = subscriber.ended();
    assert_eq!(code, 0, "{errors}");
    assert!(told.starts_with("5000 messages received in") && told.contains("latency p50"), "{told}");
}

#[test]
fn reach_is_answered_by_the_daemon_and_by_answerers() {
    let daemon = Daemon::alone("127.0.0.55");
    let answerer = Running::start(daemon.command(&["reach", "--answer"]), "answering as host-1");
    let (code, told, errors) = daemon.run(&["reach", "-c", "2", "-i", "0.5"]);
    drop(answerer);
    assert_eq!(code, 0, "{errors}");
    assert!(told.contains("host-1 (this host's daemon)") && told.matches("2/2").count() == 2, "{told}");
}

#[test]
fn what_others_choose_neither_begins_a_line_nor_commands_a_terminal() {
    let daemon = Daemon::alone("127.0.0.65");
    let name = "evil\u{1b}[2J\nname";
    let reader = subscriber(&daemon, &["news", "a\u{1b}\nb", "--name", name]);
    daemon.log().wait_for(&["member_in", r"client=evil\u{1b}[2J\nname "]);
    let (_, table, _) = daemon.run(&["members"]);
    assert!(table.contains(r"evil\u{1b}[2J\nname  client"), "{table}");
    let (_, json, _) = daemon.run(&["members", "--json"]);
    let members: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!((&members["members"][1]["name"], &members["members"][1]["rack"]), (&name.into(), &().into()));
    assert_eq!(daemon.run(&["publish", "a\u{1b}\nb", "line\nline\u{7}\tend"]).0, 0);
    reader.out.wait_for(&[r"a\u{1b}\nb  line\nline\u{7}\tend"]);
}

#[test]
fn a_subscriber_says_when_its_daemon_goes_and_when_it_is_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let ip: IpAddr = "127.0.0.68".parse().expect("an address");
    let more = "member_name = \"host-1\"";
    let table = Table { name: "main", ip, port: free_port(&[ip]), seeds: &[], more };
    let config = write_config(folder.path(), "", &[table]);
    let start = || {
        let daemon = Daemon::start(&config);
        daemon.wait_for("started");
        daemon
    };
    let daemon = start();
    let reader = subscriber(&daemon, &["news", "--count", "1"]);
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.code(), 0);
    reader.errors.wait_for(&["the daemon has left the overlay; waiting for its return"]);
    let daemon = start();
    reader.errors.wait_for(&["connected to host-1"]);
    daemon.log().wait_for(&["member_in", "client="]);
    // Until it has subscribed again nobody is there to take a message.
    while reader.out.lines().is_empty() {
        assert_eq!(daemon.run(&["publish", "news", "hello"]).0, 0);
    }
    assert_eq!(reader.ended().1, "news  hello\n");
}

#[test]
fn a_subscriber_of_protocol_1_is_told_of_what_is_too_large_for_it() {
    let daemon = Daemon::alone("127.0.0.69");
    let reader = subscriber(&daemon, &["news", "--legacy"]);
    let file = daemon.config().with_file_name("large");
    fs::write(&file, vec![b'x'; 60_000]).expect("written");
    assert_eq!(daemon.run(&["publish", "news", "--file", file.to_str().expect("text")]).0, 0);
    reader.errors.wait_for(&["the daemon refused: ", "larger"]);
}

#[test]
fn an_address_of_another_host_is_refused_before_anything_is_sent() {
    let daemon = Daemon::alone("127.0.0.70");
    let (code, _, errors) = daemon.run(&["members", "--address", "192.0.2.1"]);
    assert_eq!(code, 1);
    assert!(errors.contains("address 192.0.2.1 is not this host's loopback"), "{errors}");
}

#[test]
fn members_are_not_for_subscribing_to() {
    let daemon = Daemon::alone("127.0.0.66");
    let (code, _, errors) = daemon.run(&["subscribe", "member_in"]);
    assert_eq!(code, 1);
    assert!(errors.contains("`gossiperl members --watch`"), "{errors}");
}

#[test]
fn options_that_the_client_refuses_are_told_once() {
    let daemon = Daemon::alone("127.0.0.67");
    let (code, _, errors) = daemon.run(&["members", "--name", ""]);
    assert_eq!((code, errors.matches("1 to 255").count()), (1, 1), "{errors}");
    // The longest name that is allowed leaves no room for others of its kind in an event type.
    let name = "n".repeat(255);
    let (code, _, errors) = daemon.run(&["reach", "-c", "1", "-i", "0.1", "--name", &name]);
    assert_eq!(code, 0, "{errors}");
}

#[test]
fn a_daemon_that_is_not_there_and_a_wrong_key_say_what_to_check() {
    let daemon = Daemon::alone("127.0.0.56");
    let text = fs::read_to_string(daemon.config()).expect("read");
    let other = daemon.config().with_file_name("other.toml");
    let run = |text: String| {
        fs::write(&other, text).expect("written");
        ended(Command::new(GOSSIPERL).args(["members", "--config"]).arg(&other).output().expect("started"))
    };
    let (code, _, errors) = run(text.replace(KEY, "another key, a wrong one"));
    assert_eq!(code, 1);
    assert!(errors.contains("symmetric_key"), "{errors}");
    let (code, _, errors) = run(text.replace("127.0.0.56", "127.0.0.57"));
    assert_eq!(code, 1);
    assert!(errors.contains("is gossiperld running"), "{errors}");
}
