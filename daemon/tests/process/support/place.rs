//! Where the hosts of a test stand.
//!
//! On loopback addresses daemons take each other for processes of one host: datagrams of up to 60,000 bytes, closed ports reported.
//! Real hosts are apart: 1,400 bytes, and silence. For that the test's thread, and all that it starts, goes into a network
//! namespace of its own, where addresses of another kind lie on the loopback device too. It vanishes with the last of them.

use std::{
    net::{IpAddr, Ipv4Addr},
    panic::resume_unwind,
    process::Command,
};

use nix::sched::{CloneFlags, unshare};

/// Addresses for one test.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// 127.a.b.0/24 of the machine.
    Loopback([u8; 2]),
    /// 10.a.b.0/24 of a namespace.
    Apart([u8; 2]),
}

impl Place {
    /// The address with this last byte.
    pub(crate) fn address(self, last: u8) -> IpAddr {
        match self {
            Place::Loopback([a, b]) => Ipv4Addr::new(127, a, b, last).into(),
            Place::Apart([a, b]) => Ipv4Addr::new(10, a, b, last).into(),
        }
    }

    /// Where clients find a daemon that is bound to `bound`.
    pub(crate) fn client_address(self, bound: IpAddr) -> IpAddr {
        match self {
            Place::Loopback(_) => bound,
            Place::Apart(_) => Ipv4Addr::LOCALHOST.into(),
        }
    }
}

/// Runs a test with hosts on loopback addresses that no other test uses; `number` is the test's own.
pub(crate) fn on_loopback(number: u8, test: impl AsyncFnOnce(Place)) {
    run(test(Place::Loopback([78, number])));
}

/// Runs a test with hosts that are apart. Who may not make a namespace gets loopback addresses instead, and is told.
pub(crate) fn apart(number: u8, test: impl AsyncFnOnce(Place) + Send + 'static) {
    let inside = move || {
        if let Err(error) = unshare(CloneFlags::CLONE_NEWNET) {
            eprintln!("no network namespace ({error}; it takes root): on loopback addresses instead");
            return on_loopback(number, test);
        }
        ip(&["link", "set", "lo", "up"]);
        // On the loopback device every address of the prefix is local.
        ip(&["address", "add", &format!("10.78.{number}.1/24"), "dev", "lo"]);
        run(test(Place::Apart([78, number])));
    };
    if let Err(panic) = std::thread::spawn(inside).join() {
        resume_unwind(panic);
    }
}

fn ip(arguments: &[&str]) {
    let status = Command::new("ip").args(arguments).status().expect("iproute2 is installed");
    assert!(status.success(), "ip {arguments:?}");
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(test);
}
