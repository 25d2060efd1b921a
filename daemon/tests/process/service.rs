//! gossiperld as a process: starts, serves, stops in order.

use std::{
    fs,
    net::UdpSocket,
    os::unix::fs::{MetadataExt, PermissionsExt},
    process::{Child, Command, Stdio},
};

use gossiperl_client::{Client, Options};
use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::support::{Daemon, GOSSIPERLD, KEY, Table, free_port, within_patience, write_config};

/// A configuration with one overlay for each address, all on one free port.
fn configuration(addresses: &[&str], more: &str) -> (TempDir, u16) {
    let folder = tempfile::tempdir().expect("a folder");
    let addresses: Vec<_> = addresses.iter().map(|ip| ip.parse().expect("an address")).collect();
    let port = free_port(&addresses);
    let names: Vec<String> = (0..addresses.len()).map(|index| format!("o{index}")).collect();
    let tables = addresses.iter().zip(&names);
    let tables = tables.map(|(ip, name)| Table { name, ip: *ip, port, seeds: &[], more: "" });
    write_config(folder.path(), more, &tables.collect::<Vec<_>>());
    (folder, port)
}

#[test]
fn it_serves_all_overlays_and_stops_in_order() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let (folder, port) = configuration(&["127.0.0.31", "127.0.0.32"], "");
        let daemon = Daemon::start(&folder.path().join("gossiperl.toml"));
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
        let daemon = Daemon::start(&folder.path().join("gossiperl.toml"));
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
    let daemon = Daemon::start(&folder.path().join("gossiperl.toml"));
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
    let daemon = Daemon::start(&folder.path().join("gossiperl.toml"));
    let log = daemon.wait_for("started");
    for line in log.lines() {
        let event: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert!(event["level"].is_string() && event["message"].is_string(), "{line}");
    }
    assert!(!log.contains(KEY), "{log}");
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.code(), 0);
}

#[test]
fn the_journal_gets_priorities_and_no_times() {
    let (folder, _) = configuration(&["127.0.0.38"], "");
    let config = folder.path().join("gossiperl.toml");
    // What systemd does: the variable names the stream by the numbers of its file.
    let log = fs::File::create(folder.path().join("log")).expect("a file");
    let stream = |file: fs::Metadata| format!("{}:{}", file.dev(), file.ino());
    let named = stream(log.metadata().expect("a file"));
    let another = stream(fs::metadata(&config).expect("a file"));
    for (stream, begin) in [(named, "<4> WARN configuration: no seeds"), (another, "20")] {
        log.set_len(0).expect("emptied");
        let log = fs::OpenOptions::new().append(true).open(folder.path().join("log")).expect("a file");
        let mut command = Command::new(GOSSIPERLD);
        command.arg("--config").arg(&config).env("JOURNAL_STREAM", stream).stderr(log);
        let daemon = Unread(command.spawn().expect("started"));
        let text = within_patience("the start", || {
            let text = fs::read_to_string(folder.path().join("log")).expect("text");
            text.contains("started").then_some(text)
        });
        assert!(text.starts_with(begin), "{text}");
        assert_eq!(text.lines().any(|line| line.starts_with("<6> INFO started")), begin != "20", "{text}");
        drop(daemon);
    }
}

#[test]
fn sighup_reads_the_configuration_again() {
    let (folder, _) = configuration(&["127.0.0.37"], "");
    let daemon = Daemon::start(&folder.path().join("gossiperl.toml"));
    daemon.wait_for("started");
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for("configuration read again");
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.code(), 0);
}

#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    let (folder, port) = configuration(&["127.0.0.37"], "[log]\nlevel = \"trace\"");
    let mut command = Command::new(GOSSIPERLD);
    command.arg("--config").arg(folder.path().join("gossiperl.toml")).stderr(Stdio::piped());
    let mut daemon = Unread(command.spawn().expect("started"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let address = "127.0.0.37".parse().expect("an address");
        // Each comes and goes with lines of some 100 bytes; a pipe holds 65,536.
        for number in 0..600 {
            let options = Options::new(port, format!("client {number}"), KEY).address(address);
            Client::connect(options).await.expect("connected").close().await;
        }
    });
    assert!(daemon.0.try_wait().expect("waited").is_none(), "it still runs");
}

/// Killed when dropped.
struct Unread(Child);

impl Drop for Unread {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
