//! A session of protocol 1 (PROTOCOL.md section 1): one envelope a datagram, each acknowledged on its own.
//!
//! [`presence`] says that we live and notices whether the daemon does, [`outgoing`] are messages until they are acknowledged, [`incoming`] what
//! the daemon sends, [`requests`] subscriptions and questions, which outlive sessions.

mod ids;
mod incoming;
mod outgoing;
mod presence;
mod requests;
#[cfg(test)]
mod tests;

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use gossiperl_idl::{digest::AnyDigest, envelope, legacy, sealed::MAX_KEYS};
use gossiperl_link::Time;
use zeroize::Zeroizing;

use self::{
    ids::{Ids, SeenIds},
    outgoing::Outgoing,
    presence::Presence,
    requests::Requests,
};
use super::{Notice, Progress};
use crate::{Name, SlowPolicy};

/// What a session is told when it starts.
pub(crate) struct Config {
    pub(crate) name: Name,
    pub(crate) secret: Zeroizing<Vec<u8>>,
    /// The first seals to begin with, all open. At least one.
    pub(crate) keys: Vec<Zeroizing<Vec<u8>>>,
    /// The port that the daemon is to answer to.
    pub(crate) port: u16,
    /// Unix time in seconds at [`Time::ZERO`].
    pub(crate) unix_seconds: i64,
    /// For ids and initialisation vectors.
    pub(crate) seed: [u8; 32],
}

/// A client's session of protocol 1.
pub(crate) struct Legacy {
    name: Name,
    secret: Zeroizing<Vec<u8>>,
    port: u16,
    unix_seconds: i64,
    keys: Vec<legacy::LegacyKey>,
    /// Which of them seals.
    sealing: usize,
    ids: Ids,

    presence: Presence,
    outgoing: Outgoing,
    requests: Requests,
    seen: SeenIds,
    notices: VecDeque<Notice>,
    /// Envelopes to be sent once, at most [`ANSWERS_KEPT`]: acknowledgements, answers. Those that get lost are asked for again.
    answers: VecDeque<Vec<u8>>,
    /// Envelopes that were not what they should be.
    faults: u64,
}

impl std::fmt::Debug for Legacy {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Legacy").field("name", &self.name).field("faults", &self.faults).finish()
    }
}

impl Legacy {
    /// A session that has yet to be asked for; the first datagram does.
    pub(crate) fn new(config: Config, now: Time) -> Self {
        Legacy {
            name: config.name,
            secret: config.secret,
            port: config.port,
            unix_seconds: config.unix_seconds,
            keys: config.keys.iter().map(|key| legacy::LegacyKey::new(key)).collect(),
            sealing: 0,
            ids: Ids::new(config.seed),
            presence: Presence::new(now),
            outgoing: Outgoing::default(),
            requests: Requests::default(),
            seen: SeenIds::default(),
            notices: VecDeque::new(),
            answers: VecDeque::new(),
            faults: 0,
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Time) {
        self.tick(now);
        if self.presence.is_connected() {
            self.outgoing.handle_timeout(now);
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        if self.presence.is_closed() {
            return None;
        }
        let live = self.presence.is_connected();
        let waiting = live.then(|| [self.outgoing.poll_timeout(), self.requests.poll_timeout()]);
        waiting.into_iter().flatten().flatten().chain([self.presence.poll_timeout()]).min()
    }

    pub(crate) fn poll_transmit(&mut self, now: Time, out: &mut Vec<u8>) -> bool {
        out.clear();
        let Some(envelope) = self.next_envelope(now) else { return false };
        let Some(key) = self.keys.get(self.sealing) else { return false };
        key.seal(self.ids.iv(), &envelope, out);
        true
    }

    fn next_envelope(&mut self, now: Time) -> Option<Vec<u8>> {
        if let Some(digest) = self.presence_envelope(now) {
            return Some(digest);
        }
        if let Some(answer) = self.answers.pop_front() {
            return Some(answer);
        }
        if !self.presence.is_connected() {
            return None;
        }
        self.request_envelope(now).or_else(|| self.outgoing.next_envelope(now))
    }

    pub(crate) fn poll_notice(&mut self) -> Option<Notice> {
        self.notices.pop_front()
    }

    pub(crate) fn publish(&mut self, _now: Time, body: Bytes) {
        let id = self.ids.uuid();
        self.outgoing.push(body, id);
    }

    pub(crate) fn take_progress(&mut self) -> Progress {
        self.outgoing.take_progress()
    }

    pub(crate) fn is_flushed(&self) -> bool {
        self.outgoing.is_empty()
    }

    pub(crate) fn subscribe(&mut self, now: Time, types: Vec<(Name, SlowPolicy)>) -> u64 {
        // Protocol 1 has no policies: the daemon keeps what is not acknowledged.
        let types = types.into_iter().map(|(event_type, _)| event_type).collect();
        let id = self.ids.uuid();
        self.requests.subscribe(now, types, id)
    }

    pub(crate) fn unsubscribe(&mut self, now: Time, types: Vec<Name>) -> u64 {
        let id = self.ids.uuid();
        self.requests.unsubscribe(now, types, id)
    }

    pub(crate) fn request_members(&mut self, now: Time, watch: bool) -> u64 {
        let id = self.ids.uuid();
        let request = self.requests.members(now, watch, id);
        self.answer_members();
        request
    }

    /// What was put off was not acknowledged, and so the daemon sends it again by itself.
    pub(crate) fn release(&mut self, _now: Time) {}

    /// Adds a key; beyond as many as a ring of protocol 2 has, the one that came first and does not seal is forgotten.
    pub(crate) fn add_key(&mut self, key: &[u8]) {
        if self.keys.len() >= MAX_KEYS {
            let oldest = usize::from(self.sealing == 0);
            self.keys.remove(oldest);
            self.sealing -= usize::from(oldest < self.sealing);
        }
        self.keys.push(legacy::LegacyKey::new(key));
    }

    fn heartbeat(&self, now: Time) -> i64 {
        self.unix_seconds.saturating_add((now.as_micros() / 1_000_000) as i64)
    }

    fn answer(&mut self, digest: &AnyDigest<'_>) {
        if self.answers.len() >= ANSWERS_KEPT {
            self.answers.pop_front();
        }
        let id = self.ids.uuid();
        self.answers.push_back(envelope_of(digest, &id));
    }
}

/// The envelope of one of protocol 1's own structs.
fn envelope_of(digest: &AnyDigest<'_>, id: &[u8]) -> Vec<u8> {
    let (mut body, mut out) = (Vec::new(), Vec::new());
    digest.write(&mut body);
    envelope::put(digest.payload_type().as_bytes(), &body, id, &mut out);
    zeroize::Zeroize::zeroize(&mut body);
    out
}

/// The largest payload of a message whose type has so many bytes: what is left of a UDP datagram, without base64.
pub(crate) fn max_payload(type_len: usize) -> usize {
    legacy::MAX_ENVELOPE.saturating_sub(envelope::put_len(type_len, 0, ids::UUID_LEN)) / 4 * 3
}

/// Answers that wait at most; the oldest go.
const ANSWERS_KEPT: usize = 4_096;
/// A repeated envelope waits so long at first, then twice as long each time.
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LONGEST_RETRY: Duration = Duration::from_secs(4);
