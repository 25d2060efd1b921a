//! Probing in another's place: PingRequest answered with PingAck or PingNack (Lifeguard section IV.A).

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use gossiperl_idl::{
    Salt,
    generated::{Ping, PingAck, PingNack, PingRequest},
};
use gossiperl_link::Time;

use super::{Member, Members, claim, event::count, frame::MembersFrame};

/// Requests under way at a time; beyond it they are ignored, and the requester hears no nack.
const MAX_RELAYS: usize = 1_024;

/// Requests under way, by the sequence of our own ping.
#[derive(Debug, Default)]
pub(super) struct Relays {
    running: BTreeMap<i32, Relay>,
    timers: BTreeSet<(Time, i32)>,
}

#[derive(Debug)]
struct Relay {
    requester: (SocketAddr, Salt),
    /// The requester's sequence.
    sequence: i32,
    target: (SocketAddr, Salt),
    next: Time,
    step: Step,
}

/// What comes next of a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Ping again, against loss.
    Repeat,
    /// Tell the requester that there was no success.
    Nack,
    /// Forget it; a late acknowledgement was still passed on until now.
    Forget,
}

impl Relays {
    pub(super) fn next_timeout(&self) -> Option<Time> {
        self.timers.first().map(|&(time, _)| time)
    }
}

impl Members {
    /// Pings the target for the requester.
    pub(super) fn relay_ping(&mut self, now: Time, requester: (SocketAddr, Salt), request: &PingRequest) {
        let Some(generation) = Salt::from_slice(&request.target_generation) else { return self.malformed() };
        let Some(claimed) = claim::read_address(&request.ip, request.port) else { return self.malformed() };
        if self.relays.running.len() >= MAX_RELAYS || generation == *self.me().generation() {
            return;
        }
        // Our own knowledge of the address comes before the requester's.
        let known = self.table.by_generation(&generation).and_then(|id| self.table.get(id));
        let target = (known.map_or(claimed, Member::address), generation);
        let own = self.probes.next_sequence();
        let next = now + self.settings.detector.probe_timeout * 2 / 5;
        let relay = Relay { requester, sequence: request.sequence, target, next, step: Step::Repeat };
        self.relays.timers.insert((next, own));
        self.relays.running.insert(own, relay);
        self.send(target.0, Some(generation), MembersFrame::Ping(Ping { sequence: own, root: self.root }));
    }

    /// An acknowledgement of a ping sent for another: passed on.
    pub(super) fn relay_acknowledged(&mut self, generation: &Salt, sequence: i32, root: i64) {
        let fits = self.relays.running.get(&sequence).is_some_and(|relay| relay.target.1 == *generation);
        if !fits {
            return;
        }
        let Some(relay) = self.relays.running.remove(&sequence) else { return };
        self.relays.timers.remove(&(relay.next, sequence));
        let (to, receiver) = relay.requester;
        self.send(to, Some(receiver), MembersFrame::PingAck(PingAck { sequence: relay.sequence, root }));
    }

    /// The system says that nobody listens at this address: the nacks need not wait.
    pub(super) fn relay_unreachable(&mut self, now: Time, address: SocketAddr) {
        let concerned: Vec<i32> = self
            .relays
            .running
            .iter()
            .filter(|(_, relay)| relay.target.0 == address && relay.step != Step::Forget)
            .map(|(&own, _)| own)
            .collect();
        for own in concerned {
            self.nack(now, own);
        }
    }

    /// Does what is due.
    pub(super) fn advance_relays(&mut self, now: Time) {
        while let Some(&(due, own)) = self.relays.timers.first()
            && due <= now
        {
            self.relays.timers.remove(&(due, own));
            let timeout = self.settings.detector.probe_timeout;
            let Some(relay) = self.relays.running.get_mut(&own) else { continue };
            match relay.step {
                Step::Repeat => {
                    (relay.step, relay.next) = (Step::Nack, now + timeout * 2 / 5);
                    let ((to, generation), next) = (relay.target, relay.next);
                    self.relays.timers.insert((next, own));
                    let ping = Ping { sequence: own, root: self.root };
                    self.send(to, Some(generation), MembersFrame::Ping(ping));
                }
                Step::Nack => self.nack(now, own),
                Step::Forget => {
                    self.relays.running.remove(&own);
                }
            }
        }
    }

    fn nack(&mut self, now: Time, own: i32) {
        let timeout = self.settings.detector.probe_timeout;
        let Some(relay) = self.relays.running.get_mut(&own) else { return };
        self.relays.timers.remove(&(relay.next, own));
        (relay.step, relay.next) = (Step::Forget, now + timeout * 2);
        self.relays.timers.insert((relay.next, own));
        let ((to, receiver), sequence) = (relay.requester, relay.sequence);
        self.send(to, Some(receiver), MembersFrame::PingNack(PingNack { sequence }));
    }

    pub(super) fn malformed(&mut self) {
        count(&mut self.counters.malformed);
    }
}
