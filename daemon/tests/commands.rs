//! The commands against a real daemon, as processes.

#![allow(clippy::expect_used, reason = "a test stops at what it did not expect")]

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::UdpSocket,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
};

use tempfile::TempDir;

const GOSSIPERL: &str = env!("CARGO_BIN_EXE_gossiperl");

/// A daemon with one overlay, killed at the end.
struct Daemon {
    child: Child,
    folder: TempDir,
}

impl Daemon {
    fn start(ip: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port = UdpSocket::bind((ip, 0)).expect("bound").local_addr().expect("bound").port();
        let text = format!(
            "data_dir = {:?}\n[overlays.main]\nip = \"{ip}\"\nport = {port}\nmember_name = \"host-1\"\n\
             symmetric_key = \"a key of this test\"\nracks = {{ default = [] }}\n",
            folder.path().join("data")
        );
        let config = folder.path().join("gossiperl.toml");
        fs::write(&config, text).expect("written");
        fs::set_permissions(&config, fs::Permissions::from_mode(0o600)).expect("set");
        let mut child = Command::new(env!("CARGO_BIN_EXE_gossiperld"))
            .arg("--config")
            .arg(&config)
            .stderr(Stdio::piped())
            .spawn()
            .expect("started");
        let mut log = BufReader::new(child.stderr.take().expect("piped")).lines();
        assert!(log.any(|line| line.expect("text").contains("started")));
        // Nobody reads the log any more, and nobody must block on it.
        std::thread::spawn(move || log.for_each(drop));
        Daemon { child, folder }
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("gossiperl.toml")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(GOSSIPERL);
        command.args(arguments).arg("--config").arg(self.config());
        command
    }

    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        ended(self.command(arguments).output().expect("started"))
    }

    /// A subscriber that is subscribed already.
    fn subscriber(&self, arguments: &[&str]) -> Child {
        let arguments = [&["subscribe"], arguments].concat();
        let mut command = self.command(&arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
        let mut line = String::new();
        BufReader::new(child.stderr.as_mut().expect("piped")).read_line(&mut line).expect("text");
        assert!(line.starts_with("subscribed to"), "{line}");
        child
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ended(Output { status, stdout, stderr }: Output) -> (i32, String, String) {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (status.code().expect("no signal"), text(stdout), text(stderr))
}

#[test]
fn members_are_shown_as_a_table_and_as_json() {
    let daemon = Daemon::start("127.0.0.51");
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
    let daemon = Daemon::start("127.0.0.52");
    let text = daemon.subscriber(&["news", "--count", "4", "--fields"]);
    let json = daemon.subscriber(&["news", "other", "--count", "4", "--json"]);
    assert_eq!(daemon.run(&["publish", "news", "hello"]).0, 0);
    assert_eq!(daemon.run(&["publish", "news", "--field", "1:string=x", "--field", "2:i32=-7"]).0, 0);
    let mut lines =
        daemon.command(&["publish", "news", "--lines"]).stdin(Stdio::piped()).spawn().expect("started");
    lines.stdin.take().expect("piped").write_all("a\nb ü\n".as_bytes()).expect("written");
    assert!(lines.wait().expect("ended").success());
    let (code, told, _) = ended(text.wait_with_output().expect("ended"));
    assert_eq!((code, told.as_str()), (0, "news  hello\nnews  1:string=x 2:i32=-7\nnews  a\nnews  b ü\n"));
    let (code, told, _) = ended(json.wait_with_output().expect("ended"));
    let payloads: Vec<serde_json::Value> =
        told.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(code, 0);
    assert_eq!((&payloads[0]["payload"], &payloads[3]["payload"]), (&"hello".into(), &"b ü".into()));
}

#[test]
fn a_payload_that_no_message_carries_is_refused_with_the_limit() {
    let daemon = Daemon::start("127.0.0.53");
    let file = daemon.folder.path().join("large");
    fs::write(&file, vec![b'x'; 60_001]).expect("written");
    let (code, _, errors) = daemon.run(&["publish", "news", "--file", file.to_str().expect("text")]);
    assert_eq!(code, 1);
    assert!(errors.contains("60000"), "{errors}");
}

#[test]
fn bench_counts_every_message_on_both_sides() {
    let daemon = Daemon::start("127.0.0.54");
    let mut subscriber = daemon.command(&["bench", "sub", "b", "-m", "5000"]);
    let mut subscriber = subscriber.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    let mut line = String::new();
    BufReader::new(subscriber.stderr.as_mut().expect("piped")).read_line(&mut line).expect("text");
    let (code, told, errors) = daemon.run(&["bench", "pub", "b", "-m", "5000"]);
    assert_eq!(code, 0, "{errors}");
    assert!(told.starts_with("5000 messages published and acknowledged in"), "{told}");
    let (code, told, errors) = ended(subscriber.wait_with_output().expect("ended"));
    assert_eq!(code, 0, "{errors}");
    assert!(told.starts_with("5000 messages received in") && told.contains("latency p50"), "{told}");
}

#[test]
fn reach_is_answered_by_the_daemon_and_by_answerers() {
    let daemon = Daemon::start("127.0.0.55");
    let mut answerer =
        daemon.command(&["reach", "--answer"]).stderr(Stdio::piped()).spawn().expect("started");
    let mut line = String::new();
    BufReader::new(answerer.stderr.as_mut().expect("piped")).read_line(&mut line).expect("text");
    assert!(line.contains("answering as host-1"), "{line}");
    let (code, told, errors) = daemon.run(&["reach", "-c", "2", "-i", "0.5"]);
    answerer.kill().expect("ended");
    answerer.wait().expect("ended");
    assert_eq!(code, 0, "{errors}");
    assert!(told.contains("host-1 (this host's daemon)") && told.matches("2/2").count() == 2, "{told}");
}

#[test]
fn a_daemon_that_is_not_there_and_a_wrong_key_say_what_to_check() {
    let daemon = Daemon::start("127.0.0.56");
    let text = fs::read_to_string(daemon.config()).expect("read");
    let other = daemon.folder.path().join("other.toml");
    let run = |text: String| {
        fs::write(&other, text).expect("written");
        ended(Command::new(GOSSIPERL).args(["members", "--config"]).arg(&other).output().expect("started"))
    };
    let (code, _, errors) = run(text.replace("a key of this test", "another key, a wrong one"));
    assert_eq!(code, 1);
    assert!(errors.contains("symmetric_key"), "{errors}");
    let (code, _, errors) = run(text.replace("127.0.0.56", "127.0.0.57"));
    assert_eq!(code, 1);
    assert!(errors.contains("is gossiperld running"), "{errors}");
}
