//! What is to come, in the order of virtual time; what comes at the same moment, in the order it was put in.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
    net::SocketAddr,
};

use gossiperl_overlay::Time;

/// Something that happens.
#[derive(Debug)]
pub(super) enum Happening {
    /// A datagram arrives at a host.
    Datagram { to: usize, from: SocketAddr, bytes: Vec<u8> },
    /// A host is told that nobody listens where it sent something.
    Refused { to: usize, address: SocketAddr },
    /// A machine's timer, or the end of its standing still.
    Wake(usize),
    /// A machine starts.
    Start(usize),
    /// An action of the scenario begins, for the n-th time.
    Action(usize, u32),
    /// What an action began ends.
    End(Ending),
    /// A hostile sender's next datagram.
    Hostile(usize),
    /// A second has passed.
    Second,
}

/// What ends.
#[derive(Clone, Debug)]
pub(super) enum Ending {
    /// A partition or bad links, by number.
    Trouble(usize),
    /// A machine is as quick again as the others.
    Slowness(usize),
    /// A machine runs again after standing still.
    Stall(usize),
    /// A hostile sender has had enough.
    Hostile(usize),
}

#[derive(Debug)]
struct Entry {
    at: Time,
    number: u64,
    happening: Happening,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Reverse<Entry>>,
    number: u64,
}

impl Queue {
    pub(super) fn push(&mut self, at: Time, happening: Happening) {
        self.number += 1;
        self.heap.push(Reverse(Entry { at, number: self.number, happening }));
    }

    /// The next, with its time, unless it comes after `end`.
    pub(super) fn pop(&mut self, end: Time) -> Option<(Time, Happening)> {
        if self.heap.peek().is_none_or(|Reverse(next)| next.at > end) {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| (entry.at, entry.happening))
    }
}
