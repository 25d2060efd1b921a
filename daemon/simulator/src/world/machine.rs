//! One machine: a daemon's overlay, its clients, its socket, and what ails it.

use std::{collections::VecDeque, net::SocketAddr, time::Duration};

use gossiperl_idl::Salt;
use gossiperl_overlay::{Overlay, Time};

use super::client::Client;

/// What its socket holds while the process does not read, in bytes; what comes then gets lost. That of gossiperld.
const SOCKET: usize = 4 << 20;

/// Whether its daemon runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Power {
    /// It has not started yet.
    New,
    /// It runs.
    On,
    /// It has ended; where the host stays, that says so to who sends something.
    Off { host_stays: bool },
}

/// The machine.
pub(super) struct Machine {
    pub(super) name: String,
    pub(super) address: SocketAddr,
    pub(super) rack: usize,
    pub(super) power: Power,
    pub(super) overlay: Option<Box<Overlay>>,
    pub(super) clients: Vec<Client>,
    /// Its daemon is on its way out.
    pub(super) leaving: bool,
    /// When it is to be woken, as the queue knows.
    pub(super) wake: Option<Time>,
    /// It does nothing until then.
    pub(super) busy_until: Time,
    /// What each input costs it.
    pub(super) each: Duration,
    pub(super) socket: VecDeque<(SocketAddr, Vec<u8>)>,
    pub(super) socket_bytes: usize,
    /// Its monotonic clock is so far ahead of ours.
    pub(super) ahead: Duration,
    /// Its wall clock is so many microseconds ahead of ours.
    pub(super) wall_ahead: i64,
    /// Datagrams sent to other hosts.
    pub(super) datagrams: u64,
    /// Bytes of them, UDP and IP headers included.
    pub(super) bytes: u64,
}

impl Machine {
    pub(super) fn new(index: usize, racks: usize) -> Self {
        Machine {
            name: name_of(index),
            address: super::network::address_of(index),
            rack: index % racks,
            power: Power::New,
            overlay: None,
            clients: Vec::new(),
            leaving: false,
            wake: None,
            busy_until: Time::ZERO,
            each: Duration::ZERO,
            socket: VecDeque::new(),
            socket_bytes: 0,
            ahead: Duration::ZERO,
            wall_ahead: 0,
            datagrams: 0,
            bytes: 0,
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.power == Power::On
    }

    /// Its own monotonic time.
    pub(super) fn local(&self, now: Time) -> Time {
        now + self.ahead
    }

    /// Its wall clock, in microseconds since 1970.
    pub(super) fn wall(&self, now: Time) -> u64 {
        // Any date will do that leaves room for clocks that go back: 2026.
        const START: u64 = 1_767_225_600_000_000;
        (START + now.as_micros()).saturating_add_signed(self.wall_ahead)
    }

    /// Keeps a datagram until the process reads it. False: no room.
    pub(super) fn keep(&mut self, from: SocketAddr, bytes: Vec<u8>) -> bool {
        // What the system counts for a datagram beyond its bytes.
        let cost = bytes.len() + 512;
        if self.socket_bytes + cost > SOCKET {
            return false;
        }
        self.socket_bytes += cost;
        self.socket.push_back((from, bytes));
        true
    }

    /// The next datagram that waits in the socket.
    pub(super) fn read(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        let (from, bytes) = self.socket.pop_front()?;
        self.socket_bytes -= bytes.len() + 512;
        Some((from, bytes))
    }

    /// When it wants to be woken, in the world's time.
    pub(super) fn wants_wake(&self) -> Option<Time> {
        let overlay = self.overlay.as_ref()?;
        if !self.socket.is_empty() {
            return Some(self.busy_until);
        }
        let clients = self.clients.iter().filter_map(Client::poll_timeout).min();
        let overlay = overlay.poll_timeout().map(|at| at - self.ahead);
        overlay.into_iter().chain(clients).min().map(|at| at.max(self.busy_until))
    }

    /// The process ends without a word.
    pub(super) fn end(&mut self, host_stays: bool) {
        self.power = Power::Off { host_stays };
        self.leaving = false;
        self.overlay = None;
        self.clients.clear();
        self.socket.clear();
        self.socket_bytes = 0;
        self.busy_until = Time::ZERO;
        self.each = Duration::ZERO;
    }

    /// The salt of its next run.
    pub(super) fn next_salt(&self, now: Time, random: u64) -> Salt {
        Salt::new(self.wall(now), random)
    }
}

/// A machine's name in the overlay.
pub fn name_of(index: usize) -> String {
    format!("daemon-{index:05}")
}

/// The machine of a name.
pub fn index_of(name: &str) -> Option<usize> {
    name.strip_prefix("daemon-")?.parse().ok()
}
