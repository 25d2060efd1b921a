//! gossiperld as a process: starts, serves, stops in order.

#![allow(clippy::expect_used, reason = "a test stops at what it did not expect")]

use std::{
    fs,
    io::{BufRead, BufReader},
    net::UdpSocket,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;

/// A process killed when the test ends early.
struct Daemon {
    child: Child,
    log: BufReader<ChildStderr>,
}

impl Daemon {
    fn start(config: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_gossiperld"))
            .arg("--config")
            .arg(config)
            .stderr(Stdio::piped())
            .spawn()
            .expect("started");
        let log = BufReader::new(child.stderr.take().expect("piped"));
        Daemon { child, log }
    }

    /// Reads the log up to the line that has these words.
    fn wait_for(&mut self, words: &str) -> String {
        let mut read = String::new();
        loop {
            let mut line = String::new();
            let length = self.log.read_line(&mut line).expect("text");
            assert!(length > 0, "{words:?} is missing in the log:\n{read}");
            read.push_str(&line);
            if line.contains(words) {
                return read;
            }
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a pid"));
        kill(pid, signal).expect("sent");
    }

    fn code(mut self) -> i32 {
        self.child.wait().expect("ended").code().expect("no signal")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A configuration with one overlay for each address, all on one free port.
fn configuration(addresses: &[&str], more: &str) -> (TempDir, u16) {
    let folder = tempfile::tempdir().expect("a folder");
    let port = UdpSocket::bind((addresses[0], 0)).expect("bound").local_addr().expect("bound").port();
    let mut text = format!("data_dir = {:?}\n{more}\n", folder.path().join("data"));
    for (index, address) in addresses.iter().enumerate() {
        text.push_str(&format!(
            "[overlays.o{index}]\nip = \"{address}\"\nport = {port}\nsymmetric_key = \"a key of this test\"\nracks = {{ default = [] }}\n"
        ));
    }
    let file = folder.path().join("gossiperl.toml");
    fs::write(&file, text).expect("written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("set");
    (folder, port)
}

#[test]
fn it_serves_all_overlays_and_stops_in_order() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let (folder, port) = configuration(&["127.0.0.31", "127.0.0.32"], "");
        let mut daemon = Daemon::start(&folder.path().join("gossiperl.toml"));
        daemon.wait_for("started");
        for address in ["127.0.0.31", "127.0.0.32"] {
            assert!(UdpSocket::bind((address, port)).is_err(), "{address} is bound by the daemon");
        }
        daemon.signal(signal);
        let log = daemon.wait_for("stopped");
        assert_eq!(log.matches(" left ").count(), 2, "{log}");
        assert_eq!(daemon.code(), 0);
    }
}

#[test]
fn its_folder_is_private_and_its_made_up_name_stays() {
    let (folder, _) = configuration(&["127.0.0.33"], "");
    let mut names = Vec::new();
    for _ in 0..2 {
        let mut daemon = Daemon::start(&folder.path().join("gossiperl.toml"));
        daemon.wait_for("started");
        daemon.signal(Signal::SIGTERM);
        assert_eq!(daemon.code(), 0);
        names.push(fs::read_to_string(folder.path().join("data/overlays/o0/member_name")).expect("kept"));
    }
    assert!(names[0].starts_with("o0-127.0.0.33-"), "{names:?}");
    assert_eq!(names[0], names[1]);
    let mode = fs::metadata(folder.path().join("data")).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn an_address_in_use_ends_it_with_1_and_no_overlay_stays() {
    let (folder, port) = configuration(&["127.0.0.34", "127.0.0.35"], "");
    let _taken = UdpSocket::bind(("127.0.0.35", port)).expect("bound");
    let mut daemon = Daemon::start(&folder.path().join("gossiperl.toml"));
    let log = daemon.wait_for("cannot start");
    assert!(
        log.contains(&format!("overlay \"o1\" cannot start: cannot bind UDP 127.0.0.35:{port}")),
        "{log}"
    );
    assert_eq!(daemon.code(), 1);
}

#[test]
fn logs_are_json_when_asked_for() {
    let (folder, _) = configuration(&["127.0.0.36"], "log = { format = \"json\" }");
    let mut daemon = Daemon::start(&folder.path().join("gossiperl.toml"));
    let log = daemon.wait_for("started");
    for line in log.lines() {
        let event: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert!(event["level"].is_string() && event["message"].is_string(), "{line}");
    }
    assert!(!log.contains("a key of this test"), "{log}");
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.code(), 0);
}

#[test]
fn sighup_does_not_end_it() {
    let (folder, _) = configuration(&["127.0.0.37"], "");
    let mut daemon = Daemon::start(&folder.path().join("gossiperl.toml"));
    daemon.wait_for("started");
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for("SIGHUP: reloading is not supported yet");
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.code(), 0);
}
