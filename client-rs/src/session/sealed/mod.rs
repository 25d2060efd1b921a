//! A session of protocol 2 (PROTOCOL.md sections 2 to 5): who the daemon is, and what travels in the datagrams.
//!
//! [`handshake`] gets from nothing to a session and notices when there is none any more, [`peer`] opens what the daemon seals,
//! [`requests`] are subscriptions and questions, which outlive sessions. Messages stay here until the daemon has them: a session that was
//! not resumed publishes them again with the same ids.

mod handshake;
mod peer;
mod requests;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::VecDeque;

use bytes::Bytes;
use gossiperl_idl::{
    Salt,
    acknowledgement::Acknowledgement,
    frame::{self, Frames},
    message::Message,
    run::read_run,
    sealed::{KeyId, KeyRing, MAX_KEYS, OverlayKey, OverlaySecret, Role, Sealer},
};
use gossiperl_link::{FRAME_COST, Link, LinkConfig, LinkError, Time, Verdict};
use zeroize::Zeroizing;

use self::{handshake::Phase, peer::Peer, requests::Requests};
use super::{Notice, Progress, seen::Seen};
use crate::{DisconnectReason, Name, PublishError, Refusal, SlowPolicy, delivery::Incoming, options::Bound};

/// The most a datagram holds on loopback, in bytes (PROTOCOL.md section 3).
pub(crate) const MAX_DATAGRAM: usize = 60_000;

/// What a session is told when it starts.
pub(crate) struct Config {
    pub(crate) name: Name,
    pub(crate) secret: Zeroizing<Vec<u8>>,
    /// The first seals to begin with, all open. At least one.
    pub(crate) keys: Vec<Zeroizing<Vec<u8>>>,
    /// The run of this client.
    pub(crate) salt: Salt,
    /// The publisher id of its messages, positive.
    pub(crate) instance: i64,
    /// Bytes of numbered frames that may be in flight towards us.
    pub(crate) receive_window: u32,
    /// What the caller lets be published and not done.
    pub(crate) window: Bound,
}

/// A client's session of protocol 2.
#[derive(Debug)]
pub(crate) struct Sealed {
    name: Name,
    secret: Zeroizing<Vec<u8>>,
    instance: i64,
    receive_window: u32,
    window: Bound,

    ring: KeyRing,
    /// The ring's keys as they came, the first first.
    ages: VecDeque<KeyId>,
    salt: Salt,
    sealer: SealerBox,
    peer: Option<Peer>,
    phase: Phase,
    /// Rises with every nonce given.
    nonces: i64,

    /// The link, and the daemon's salt that it belongs to.
    link: Option<(Salt, Box<Link>)>,
    /// Published and not done, oldest first; the first `in_link` are in the link.
    pending: VecDeque<Bytes>,
    in_link: usize,
    progress: Progress,
    /// Messages done up to the last time the progress was taken.
    told: u64,
    requests: Requests,
    seen: Seen,
    notices: VecDeque<Notice>,
    /// Nonce of a Keepalive to be answered.
    answer: Option<i64>,
    /// Datagrams and frames that were not what they should be.
    faults: u64,
}

/// A [`Sealer`] that can stand in a struct with `Debug`.
struct SealerBox(Sealer);

impl std::fmt::Debug for SealerBox {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Sealer")
    }
}

impl Sealed {
    /// A session that has yet to be asked for; the first datagram does.
    pub(crate) fn new(config: Config, now: Time) -> Self {
        let mut keys = config.keys.iter().map(|key| OverlayKey::new(key));
        let mut ring = KeyRing::new(keys.next().unwrap_or_else(|| OverlayKey::new(&[])));
        for key in keys {
            // The options bound their number; two keys of one id are one in four billion, and then the first counts.
            let _ = ring.add(key);
        }
        let mut session = Sealed {
            name: config.name,
            secret: config.secret,
            instance: config.instance,
            receive_window: config.receive_window,
            window: config.window,
            sealer: SealerBox(Sealer::new(&ring, Role::ClientToDaemon, config.salt, &OverlaySecret::none())),
            ages: ring.ids().collect(),
            ring,
            salt: config.salt,
            peer: None,
            phase: Phase::closed(),
            nonces: (config.salt.receiver_id() >> 16) as i64,
            link: None,
            pending: VecDeque::new(),
            in_link: 0,
            progress: Progress::default(),
            told: 0,
            requests: Requests::default(),
            seen: Seen::new(),
            notices: VecDeque::new(),
            answer: None,
            faults: 0,
        };
        session.ask(now);
        session
    }

    pub(crate) fn handle_datagram(
        &mut self,
        now: Time,
        datagram: &mut [u8],
        deliver: &mut impl FnMut(&Incoming<'_>) -> Verdict,
    ) {
        let Some(frames) = self.open(now, datagram) else {
            self.faults += 1;
            return;
        };
        for frame in Frames::new(frames) {
            let understood = match frame {
                Ok((kind, body)) if frame::is_numbered(kind) => {
                    self.handle_numbered(now, kind, body, deliver)
                }
                Ok((kind, body)) => self.handle_frame(now, kind, body),
                Err(_) => None,
            };
            if understood.is_none() {
                // PROTOCOL.md section 3: what stood before it counts.
                self.faults += 1;
                return;
            }
        }
    }

    /// A datagram frame. `None`: it is not what it should be.
    fn handle_frame(&mut self, now: Time, kind: u8, body: &[u8]) -> Option<()> {
        match kind {
            frame::CHALLENGE => self.handle_challenge(now),
            frame::WELCOME => self.handle_welcome(now, &wire::welcome(body)?),
            frame::REFUSAL => {
                let (nonce, refusal) = wire::refusal(body)?;
                self.handle_refusal(now, nonce, refusal);
            }
            frame::GOODBYE => self.lose(now, DisconnectReason::Goodbye),
            frame::KEEPALIVE => {
                let (nonce, answer) = wire::read_keepalive(body)?;
                self.answer = (!answer).then_some(nonce).or(self.answer);
            }
            frame::RUN => {
                let first = read_run(body).ok()?;
                if let Some(link) = self.live_link() {
                    link.handle_run(first);
                }
            }
            frame::ACKNOWLEDGEMENT => {
                let acknowledgement = Acknowledgement::read(body).ok()?;
                self.handle_acknowledgement(now, &acknowledgement);
            }
            _ => {}
        }
        Some(())
    }

    fn handle_acknowledgement(&mut self, now: Time, acknowledgement: &Acknowledgement) {
        let Some(link) = self.live_link() else { return };
        match link.handle_acknowledgement(now, acknowledgement) {
            Ok(acked) => {
                for _ in 0..acked.messages {
                    let Some(body) = self.pending.pop_front() else { break };
                    self.in_link = self.in_link.saturating_sub(1);
                    self.progress.messages += 1;
                    self.progress.bytes += body.len();
                }
            }
            Err(LinkError::AcknowledgedUnsent { .. }) => self.start_over(now),
            Err(_) => self.faults += 1,
        }
    }

    fn handle_numbered(
        &mut self,
        now: Time,
        kind: u8,
        body: &[u8],
        deliver: &mut impl FnMut(&Incoming<'_>) -> Verdict,
    ) -> Option<()> {
        if !self.phase.is_connected() {
            return Some(());
        }
        let Some((_, link)) = &mut self.link else { return Some(()) };
        let (seen, requests, notices) = (&mut self.seen, &mut self.requests, &mut self.notices);
        let mut faults = 0;
        let result = link.handle_numbered(now, kind, body, &mut |kind, body| {
            if kind == frame::MESSAGE {
                let Ok(message) = Message::read(body) else {
                    faults += 1;
                    return Verdict::Taken;
                };
                return take_message(seen, &message, deliver);
            }
            match requests.handle(kind, body) {
                Some(notice) => notices.extend(notice),
                None => faults += 1,
            }
            Verdict::Taken
        });
        self.faults += faults;
        result.ok()
    }

    pub(crate) fn handle_timeout(&mut self, now: Time) {
        self.tick(now);
        if let Some(link) = self.live_link() {
            link.handle_timeout(now);
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        let link = if self.phase.is_connected() { self.link.as_ref() } else { None };
        [self.phase.poll_timeout(), link.and_then(|(_, link)| link.poll_timeout())]
            .into_iter()
            .flatten()
            .min()
    }

    pub(crate) fn poll_transmit(&mut self, now: Time, out: &mut Vec<u8>) -> bool {
        out.clear();
        let offset = self.sealer.0.start(out);
        let empty = out.len();
        if self.put_handshake(now, out) {
            return self.seal(out, offset);
        }
        if !self.phase.is_connected() {
            return false;
        }
        self.feed_link();
        let keepalive = self.phase.keepalive_due(now);
        if let Some(nonce) = self.answer.take() {
            wire::put_keepalive(nonce, true, out);
        }
        if let Some((_, link)) = &mut self.link {
            link.poll_transmit(now, out, MAX_DATAGRAM - gossiperl_idl::sealed::TAG_LEN);
        }
        if keepalive {
            self.nonces += 1;
            wire::put_keepalive(self.nonces, false, out);
        }
        if out.len() == empty {
            return false;
        }
        self.phase.sent(now, keepalive);
        self.seal(out, offset)
    }

    pub(crate) fn poll_notice(&mut self) -> Option<Notice> {
        self.notices.pop_front()
    }

    pub(crate) fn publish(&mut self, _now: Time, body: Bytes) {
        // Straight into the link where nothing waits before it, which is nearly always.
        if self.in_link == self.pending.len()
            && self.phase.is_connected()
            && let Some((_, link)) = &mut self.link
            && link.send(frame::MESSAGE, 0, body.clone()).is_ok()
        {
            self.in_link += 1;
        }
        self.pending.push_back(body);
    }

    pub(crate) fn take_progress(&mut self) -> Progress {
        self.told += self.progress.messages;
        std::mem::take(&mut self.progress)
    }

    /// The daemon will never take the message with this sequence. True: it is one that waits for its acknowledgement.
    fn fail(&mut self, sequence: i64, refusal: &Refusal) -> bool {
        let Some(index) = u64::try_from(sequence).ok().and_then(|sequence| sequence.checked_sub(1)) else {
            return false;
        };
        let first = self.told + self.progress.messages;
        if !(first..first + self.pending.len() as u64).contains(&index) {
            return false;
        }
        self.progress.failures.push((index - self.told, PublishError::Refused(refusal.clone())));
        true
    }

    pub(crate) fn is_flushed(&self) -> bool {
        self.pending.is_empty()
    }

    pub(crate) fn subscribe(&mut self, _now: Time, types: Vec<(Name, SlowPolicy)>) -> u64 {
        self.requests.subscribe(types)
    }

    pub(crate) fn unsubscribe(&mut self, _now: Time, types: Vec<Name>) -> u64 {
        self.requests.unsubscribe(types)
    }

    pub(crate) fn request_members(&mut self, _now: Time, watch: bool) -> u64 {
        self.requests.members(watch)
    }

    pub(crate) fn release(&mut self, now: Time) {
        if let Some((_, link)) = &mut self.link {
            link.release(now);
        }
    }

    /// Adds a key that opens; the daemon decides when it seals. A full ring forgets the key that came first and does not seal: an overlay whose keys were changed that often has no use for
    /// it any more.
    pub(crate) fn add_key(&mut self, key: &[u8]) {
        let key = OverlayKey::new(key);
        let (id, is_new) = (key.id(), self.ring.find(key.id()).is_none());
        if is_new && self.ring.keys().len() >= MAX_KEYS {
            let sealing = self.ring.sealing().id();
            let oldest = self.ages.iter().position(|old| *old != sealing);
            if let Some(oldest) = oldest.and_then(|place| self.ages.remove(place)) {
                let _ = self.ring.retire(oldest);
            }
        }
        match self.ring.add(key) {
            Ok(()) if is_new => self.ages.push_back(id),
            Ok(()) => {}
            Err(error) => tracing::warn!(%error, "the new key is ignored"),
        }
    }

    /// The link while the session that it belongs to stands.
    fn live_link(&mut self) -> Option<&mut Link> {
        if !self.phase.is_connected() {
            return None;
        }
        self.link.as_mut().map(|(_, link)| &mut **link)
    }

    /// A link that knows nothing yet, for a fresh session: everything not done is sent on it.
    fn renew_link(&mut self, daemon: Salt, peer_window: u32) {
        let config = LinkConfig {
            receive_window: self.receive_window,
            ack_delay: ACK_DELAY,
            queue_cost: self.window.bytes + self.window.messages * FRAME_COST as usize,
            queue_frames: self.window.messages,
            datagram: MAX_DATAGRAM - gossiperl_idl::sealed::OVERHEAD,
            loopback: true,
        };
        self.link = Some((daemon, Box::new(Link::new(config, peer_window))));
        self.in_link = 0;
        self.requests.restore();
        self.notices.extend(self.requests.take_notices());
    }

    /// Moves what waits into the link as far as it has room: requests first, they are few.
    fn feed_link(&mut self) {
        let Some((_, link)) = &mut self.link else { return };
        while let Some((kind, body)) = self.requests.next() {
            if link.send_control(kind, body.clone()).is_err() {
                self.requests.put_back(kind, body);
                break;
            }
        }
        while let Some(body) = self.pending.get(self.in_link) {
            if link.send(frame::MESSAGE, 0, body.clone()).is_err() {
                break;
            }
            self.in_link += 1;
        }
    }

    fn seal(&mut self, out: &mut Vec<u8>, offset: usize) -> bool {
        let receiver = self.phase.receiver();
        if self.sealer.0.finish(receiver, out, offset).is_err() {
            // 2^48 datagrams under one salt: go on under another.
            self.renew_salt();
            return false;
        }
        true
    }
}

/// Hands a message over unless it has been before.
#[inline]
fn take_message(
    seen: &mut Seen,
    message: &Message<'_>,
    deliver: &mut impl FnMut(&Incoming<'_>) -> Verdict,
) -> Verdict {
    if seen.contains(message.event_type, message.publisher, message.sequence) {
        return Verdict::Taken;
    }
    let verdict = deliver(&Incoming {
        event_type: message.event_type,
        payload: message.payload,
        number: Some((message.publisher, message.sequence)),
        envelope_id: message.envelope_id,
        verbatim: message.verbatim,
    });
    if verdict == Verdict::Taken {
        seen.insert(message.event_type, message.publisher, message.sequence);
    }
    verdict
}

/// How long a client's acknowledgement waits (PROTOCOL.md section 4).
const ACK_DELAY: std::time::Duration = std::time::Duration::from_millis(1);
