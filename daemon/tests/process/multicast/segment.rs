//! Hosts on network segments: a network namespace each, joined by bridges in one more.
//!
//! The namespaces have no names. Each belongs to a thread, and goes with it and what it started, however the test ends.
//! It takes root; where that is missing the test fails rather than testing something else.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    process::Command,
    sync::mpsc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use nix::{
    sched::{CloneFlags, unshare},
    unistd::gettid,
};

type Work = Box<dyn FnOnce() + Send>;

/// A thread in a network namespace of its own.
pub(super) struct Namespace {
    work: Option<mpsc::Sender<Work>>,
    thread: Option<JoinHandle<()>>,
    path: String,
}

impl Namespace {
    fn new() -> Self {
        let (work, todo) = mpsc::channel::<Work>();
        let (path, made) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace, which takes root");
            path.send(format!("/proc/{}/task/{}/ns/net", std::process::id(), gettid())).expect("awaited");
            todo.into_iter().for_each(|work| work());
        });
        let path = made.recv().expect("a network namespace, which takes root");
        let namespace = Namespace { work: Some(work), thread: Some(thread), path };
        namespace.ip("link set lo up");
        namespace
    }

    /// Runs this in there; sockets made and processes started by it are there too.
    pub(super) fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let (answer, answered) = mpsc::channel();
        let work = move || {
            // Whoever waits takes the panic over.
            let _ = answer.send(catch_unwind(AssertUnwindSafe(work)));
        };
        self.work.as_ref().expect("until dropped").send(Box::new(work)).expect("it works");
        answered.recv().expect("an answer").unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// Runs `ip` with these words; what it prints.
    pub(super) fn ip(&self, words: &str) -> String {
        let arguments: Vec<String> = words.split(' ').map(str::to_owned).collect();
        self.run(move || {
            let output = Command::new("ip").args(&arguments).output().expect("iproute2 is installed");
            assert!(output.status.success(), "ip {arguments:?}: {output:?}");
            String::from_utf8_lossy(&output.stdout).into_owned()
        })
    }

    /// Runs `ip` with these words again and again until it prints this.
    fn wait_for(&self, words: &str, printed: &str) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.ip(words).contains(printed) {
            assert!(Instant::now() < deadline, "ip {words}: no {printed:?} within a minute");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.work = None;
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Hosts 1, 2, …, with eth0 on one of two segments.
pub(super) struct Segments {
    hosts: Vec<Namespace>,
    switch: Namespace,
}

impl Segments {
    /// So many hosts, all on the first segment, at 10.79.0.N/24 and fd79::N/64.
    pub(super) fn new(count: usize) -> Self {
        let switch = Namespace::new();
        for bridge in 0..2 {
            // Without spanning tree and querier a bridge passes multicast on to everybody at once.
            switch.ip(&format!("link add br{bridge} type bridge forward_delay 0 mcast_snooping 0"));
            switch.ip(&format!("link set br{bridge} up"));
        }
        let segments = Segments { hosts: (0..count).map(|_| Namespace::new()).collect(), switch };
        for number in 1..=count {
            segments.plug_in(number);
        }
        segments
    }

    /// The host's namespace.
    pub(super) fn host(&self, number: usize) -> &Namespace {
        &self.hosts[number - 1]
    }

    /// Gives a host a fresh eth0 on the first segment.
    pub(super) fn plug_in(&self, number: usize) {
        let host = self.host(number);
        self.switch.ip(&format!("link add p{number} type veth peer name eth0 netns {}", host.path));
        self.switch.ip(&format!("link set p{number} master br0 up"));
        host.ip(&format!("address add 10.79.0.{number}/24 dev eth0"));
        host.ip(&format!("address add fd79::{number}/64 dev eth0 nodad"));
        host.ip("link set eth0 up");
        self.wait_until_connected(number);
    }

    /// The system notices a carrier by and by; what is sent before is lost.
    fn wait_until_connected(&self, number: usize) {
        self.host(number).wait_for("link show eth0", "state UP");
        self.switch.wait_for(&format!("-d link show p{number}"), "state forwarding");
    }

    /// Takes the host's eth0 away, with all that belonged to it.
    pub(super) fn plug_out(&self, number: usize) {
        self.switch.ip(&format!("link delete p{number}"));
    }

    /// Takes the host's cable out, or puts it back; eth0 stays, without a carrier.
    pub(super) fn connect(&self, number: usize, up: bool) {
        self.switch.ip(&format!("link set p{number} {}", if up { "up" } else { "down" }));
        if up {
            self.wait_until_connected(number);
        }
    }

    /// Moves the host to one of the two segments.
    pub(super) fn move_to(&self, number: usize, segment: u8) {
        self.switch.ip(&format!("link set p{number} master br{segment}"));
        self.wait_until_connected(number);
    }
}
