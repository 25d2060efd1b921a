//! What a service manager hears of gossiperld: a socket of ours in the manager's place, and the real process.

use std::{
    io::ErrorKind,
    net::UdpSocket,
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixDatagram},
    },
    time::Duration,
};

use nix::{
    sys::{
        ptrace,
        signal::Signal,
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

use crate::support::{Daemon, Table, free_port, write_config};

/// The watchdog's time in these tests, microseconds.
const WATCHDOG: &str = "200000";

/// The service manager's end.
struct Socket(UnixDatagram);

impl Socket {
    fn at(address: &SocketAddr) -> Self {
        let socket = UnixDatagram::bind_addr(address).expect("bound");
        socket.set_read_timeout(Some(Duration::from_secs(60))).expect("set");
        Socket(socket)
    }

    fn at_path(path: &std::path::Path) -> Self {
        Socket::at(&SocketAddr::from_pathname(path).expect("an address"))
    }

    fn next(&self) -> String {
        let mut message = [0; 512];
        let length = self.0.recv(&mut message).expect("told");
        String::from_utf8(message[..length].to_vec()).expect("text")
    }

    /// Throws away what has come.
    fn forget(&self) {
        while !self.is_silent(Duration::from_micros(1)) {}
    }

    /// Whether nothing comes for as long as this. Who tells after all fails the test; who is slow does not.
    fn is_silent(&self, time: Duration) -> bool {
        self.0.set_read_timeout(Some(time)).expect("set");
        let told = self.0.recv(&mut [0; 512]);
        self.0.set_read_timeout(Some(Duration::from_secs(60))).expect("set");
        told.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }
}

#[test]
fn the_manager_hears_when_all_overlays_serve_and_when_they_are_left() {
    let folder = tempfile::tempdir().expect("a folder");
    let ip = "127.0.0.51".parse().expect("an address");
    let (first, second) = (free_port(&[ip]), free_port(&[ip]));
    let table = |name, port| Table { name, ip, port, seeds: &[], more: "" };
    let config = write_config(folder.path(), "", &[table("one", first), table("two", second)]);
    let path = folder.path().join("notify");
    let socket = Socket::at_path(&path);
    let daemon = Daemon::start_with(&config, &[("NOTIFY_SOCKET", path.to_str().expect("text"))]);
    assert_eq!(socket.next(), "READY=1\nSTATUS=serving 2 overlays");
    for port in [first, second] {
        assert!(UdpSocket::bind((ip, port)).is_err(), "port {port} is bound by then");
    }
    daemon.signal(Signal::SIGTERM);
    assert_eq!(socket.next(), "STOPPING=1\nSTATUS=leaving");
    assert_eq!(daemon.code(), 0);
    assert!(socket.is_silent(Duration::from_millis(1)), "no watchdog was asked for");
}

#[test]
fn the_manager_hears_nothing_of_a_service_that_cannot_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let ip = "127.0.0.52".parse().expect("an address");
    let (first, second) = (free_port(&[ip]), free_port(&[ip]));
    let _taken = UdpSocket::bind((ip, second)).expect("bound");
    let table = |name, port| Table { name, ip, port, seeds: &[], more: "" };
    let config = write_config(folder.path(), "", &[table("one", first), table("two", second)]);
    let path = folder.path().join("notify");
    let socket = Socket::at_path(&path);
    let daemon = Daemon::start_with(&config, &[("NOTIFY_SOCKET", path.to_str().expect("text"))]);
    assert_eq!(daemon.code(), 1);
    assert!(socket.is_silent(Duration::from_millis(1)), "not all overlays served");
}

#[test]
fn the_watchdog_hears_of_the_overlay_for_as_long_as_it_answers() {
    let folder = tempfile::tempdir().expect("a folder");
    let ip = "127.0.0.53".parse().expect("an address");
    let table = Table { name: "main", ip, port: free_port(&[ip]), seeds: &[], more: "" };
    let config = write_config(folder.path(), "", &[table]);
    let name = format!("gossiperl-test-{}", std::process::id());
    let socket = Socket::at(&SocketAddr::from_abstract_name(&name).expect("an address"));
    let variables = [("NOTIFY_SOCKET", format!("@{name}")), ("WATCHDOG_USEC", WATCHDOG.to_owned())];
    let daemon =
        Daemon::start_with(&config, &variables.each_ref().map(|(name, value)| (*name, value.as_str())));
    assert_eq!(socket.next(), "READY=1\nSTATUS=serving overlay main");
    for _ in 0..3 {
        assert_eq!(socket.next(), "WATCHDOG=1");
    }

    // The threads that run the overlay's task, and what it asks for, stand still; the others do not.
    let threads = daemon.threads();
    let workers = threads.iter().filter(|(_, name)| name == "gossiperld").map(|(worker, _)| *worker);
    let workers: Vec<Pid> = workers.collect();
    assert!(!workers.is_empty(), "{threads:?}");
    workers.iter().for_each(|worker| stop(*worker));
    socket.forget();
    // One message may be on its way.
    let told = (0..2).filter(|_| !socket.is_silent(Duration::from_secs(1))).count();
    assert!(told <= 1, "the overlay hangs");

    workers.iter().for_each(|worker| ptrace::detach(*worker, None).expect("detached"));
    assert_eq!(socket.next(), "WATCHDOG=1");
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.code(), 0);
}

/// Makes one thread of another process stand still, until it is detached.
fn stop(thread: Pid) {
    ptrace::seize(thread, ptrace::Options::empty()).expect("seized");
    ptrace::interrupt(thread).expect("interrupted");
    let status = waitpid(thread, Some(WaitPidFlag::__WALL)).expect("waited");
    assert!(matches!(status, WaitStatus::PtraceEvent(..)), "{status:?}");
}
