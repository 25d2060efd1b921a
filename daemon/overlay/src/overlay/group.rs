//! What comes to our multicast group: questions who is there, and nothing else (PROTOCOL.md section 6.4).
//!
//! One datagram reaches every daemon, and its source may be anybody's address: so what it holds takes no effect, few answer,
//! each no more than once and at a bounded rate. When to ask and whether to answer is membership's choice.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
};

use gossiperl_idl::{
    Salt, frame,
    sealed::{Header, Role},
};
use gossiperl_link::Time;

use super::{Overlay, RateLimit};

/// Answers sent in a second at most; further questions are counted and not answered. Who asks does so again.
const ANSWERS_A_SECOND: u32 = 16;

/// Runs whose newest question is remembered; beyond it the oldest is forgotten, and a recording of it might be answered once more.
const ASKERS_KEPT: usize = 1_024;

/// Who has asked.
pub(super) struct Askers {
    newest: HashMap<Salt, u64>,
    order: VecDeque<Salt>,
    answers: RateLimit,
}

impl Askers {
    pub(super) fn new(now: Time) -> Self {
        Askers {
            newest: HashMap::new(),
            order: VecDeque::new(),
            answers: RateLimit::new(now, ANSWERS_A_SECOND),
        }
    }

    /// Whether this question, or a later one of the same run, has come already.
    fn has_seen(&self, salt: &Salt, counter: u64) -> bool {
        self.newest.get(salt).is_some_and(|newest| counter <= *newest)
    }

    fn saw(&mut self, salt: Salt, counter: u64) {
        if self.newest.insert(salt, counter).is_some() {
            return;
        }
        self.order.push_back(salt);
        if self.order.len() > ASKERS_KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.newest.remove(&oldest);
        }
    }
}

impl Overlay {
    /// Takes a datagram that came to our multicast group from `from`. It changes nothing about members; at most the sender is answered with
    /// a challenge. The bytes are decrypted in place.
    pub fn handle_group_datagram(&mut self, now: Time, from: SocketAddr, datagram: &mut [u8]) {
        self.now = now;
        let header = Header::parse(datagram);
        if header.is_some_and(|header| header.salt == self.datagrams.salt()) {
            // The group's members hear themselves.
            return;
        }
        self.stats.datagrams_received += 1;
        self.stats.bytes_received += datagram.len() as u64;
        let Some(header) = header.filter(|header| header.role == Role::DaemonToDaemon) else {
            self.stats.foreign += 1;
            return;
        };
        if header.receiver != 0 {
            self.stats.misdirected += 1;
            return;
        }
        let Header { salt, counter, .. } = header;
        if self.askers.has_seen(&salt, counter) || self.endpoints.has_seen(header.role, &salt, counter) {
            self.stats.replayed += 1;
            return;
        }
        let frames = match self.datagrams.open(&header, datagram) {
            Ok(frames) => frames,
            Err(unopened) => return self.count_unopened(from, unopened),
        };
        if frames.first() != Some(&frame::INTRODUCTION) {
            self.stats.malformed += 1;
            return;
        }
        self.askers.saw(salt, counter);
        self.stats.group_questions += 1;
        if self.leaving || !self.members.answers_group(&salt) {
            return;
        }
        if !self.askers.answers.take(now) {
            self.stats.challenges_withheld += 1;
            return;
        }
        self.stats.group_answers += 1;
        self.challenge(now, from, &header);
    }

    /// Takes a datagram that came to the address that is for daemons alone, where clients have one of their own: as
    /// [`Overlay::handle_datagram`] does, but for clients' datagrams, which are counted as foreign. An answer to them would come from
    /// another port than they asked.
    pub fn handle_peer_datagram(&mut self, now: Time, from: SocketAddr, datagram: &mut [u8]) {
        if Header::parse(datagram).is_some_and(|header| header.role == Role::DaemonToDaemon) {
            return self.handle_datagram(now, from, datagram);
        }
        self.now = now;
        self.stats.datagrams_received += 1;
        self.stats.bytes_received += datagram.len() as u64;
        self.stats.foreign += 1;
    }
}
