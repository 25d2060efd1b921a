//! Losing every seed harms nobody: restarted daemons rejoin from where members last were.

#![allow(clippy::expect_used, reason = "a test stops at what it did not expect")]

use std::{
    fs,
    io::{BufRead, BufReader},
    net::UdpSocket,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
};

/// A daemon killed when dropped.
struct Daemon {
    child: Child,
    log: BufReader<ChildStderr>,
}

impl Daemon {
    /// host-N of the network in `folder`, at 127.0.1.N.
    fn start(folder: &Path, port: u16, number: u8, seed: Option<u8>) -> Self {
        let seeds = seed.map(|seed| format!("\"127.0.1.{seed}\"")).unwrap_or_default();
        let text = format!(
            "data_dir = {:?}\n[overlays.main]\nip = \"127.0.1.{number}\"\nport = {port}\nmember_name = \"host-{number}\"\n\
             preset = \"local\"\nsymmetric_key = \"a key of this test\"\nracks = {{ default = [{seeds}] }}\n",
            folder.join(format!("data-{number}"))
        );
        let config = folder.join(format!("{number}.toml"));
        fs::write(&config, text).expect("written");
        fs::set_permissions(&config, fs::Permissions::from_mode(0o600)).expect("set");
        let mut child = Command::new(env!("CARGO_BIN_EXE_gossiperld"))
            .arg("--config")
            .arg(&config)
            .stderr(Stdio::piped())
            .spawn()
            .expect("started");
        let log = BufReader::new(child.stderr.take().expect("piped"));
        Daemon { child, log }
    }

    /// Reads the log up to a line that has all these words.
    fn wait_for(&mut self, words: &[&str]) {
        let mut read = String::new();
        loop {
            let mut line = String::new();
            let length = self.log.read_line(&mut line).expect("text");
            assert!(length > 0, "{words:?} is missing in the log:\n{read}");
            if words.iter().all(|word| line.contains(word)) {
                return;
            }
            read.push_str(&line);
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_killed_daemon_finds_back_without_any_seed() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let port = UdpSocket::bind("127.0.1.1:0").expect("bound").local_addr().expect("bound").port();
    let mut seed = Daemon::start(folder, port, 1, None);
    seed.wait_for(&["started"]);
    let mut second = Daemon::start(folder, port, 2, Some(1));
    let mut third = Daemon::start(folder, port, 3, Some(1));
    second.wait_for(&["member_in", "member=host-3"]);
    third.wait_for(&["member_in", "member=host-2"]);
    // On disk within seconds of being known; a kill before that would be a daemon that never knew.
    let kept = folder.join("data-3/overlays/main/members.json");
    let second_address = format!("127.0.1.2:{port}");
    while !fs::read_to_string(&kept).is_ok_and(|text| text.contains(&second_address)) {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    drop(seed);
    drop(third);
    second.wait_for(&["member_unreachable", "member=host-3"]);
    let mut third = Daemon::start(folder, port, 3, Some(1));
    third.wait_for(&["member_in", "member=host-2"]);
    second.wait_for(&["member_rejoin", "member=host-3"]);
}
