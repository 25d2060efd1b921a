//! From nothing to a session, and noticing when there is none any more (PROTOCOL.md section 5, points 1 to 4).

use std::time::Duration;

use gossiperl_idl::{
    Salt,
    sealed::{OverlaySecret, Role, Sealer},
};
use gossiperl_link::Time;

use super::{Sealed, SealerBox, wire};
use crate::{DisconnectReason, Refusal, session::Notice};

/// Where a session stands.
#[derive(Debug)]
pub(super) enum Phase {
    /// ClientHello is repeated until it is answered.
    Asking(Asking),
    Connected(Connected),
    /// Goodbye is said, or about to be.
    Closed {
        receiver: u64,
        goodbye: bool,
    },
}

#[derive(Debug)]
pub(super) struct Asking {
    /// Of this question and its repetitions: it tells the daemon which they are.
    nonce: i64,
    /// The daemon's receiver id; 0 while it is not known.
    receiver: u64,
    /// When the next ClientHello goes out.
    next: Time,
    backoff: Duration,
    longest: Duration,
    tries: u32,
    /// Nobody listens there; told once.
    unreachable: bool,
}

#[derive(Debug)]
pub(super) struct Connected {
    receiver: u64,
    keepalive: Duration,
    heard: Time,
    sent: Time,
    asked: Time,
}

impl Phase {
    pub(super) fn closed() -> Self {
        Phase::Closed { receiver: 0, goodbye: false }
    }

    pub(super) fn is_connected(&self) -> bool {
        matches!(self, Phase::Connected(_))
    }

    /// What our datagrams carry as receiver.
    pub(super) fn receiver(&self) -> u64 {
        match self {
            Phase::Asking(asking) => asking.receiver,
            Phase::Connected(connected) => connected.receiver,
            Phase::Closed { receiver, .. } => *receiver,
        }
    }

    /// Something was heard of the daemon.
    #[inline]
    pub(super) fn heard(&mut self, now: Time) {
        if let Phase::Connected(connected) = self {
            connected.heard = now;
        }
    }

    /// A datagram is sent to the daemon; `asked`: with a Keepalive that wants an answer.
    #[inline]
    pub(super) fn sent(&mut self, now: Time, asked: bool) {
        if let Phase::Connected(connected) = self {
            connected.sent = now;
            if asked {
                connected.asked = now;
            }
        }
    }

    /// Whether the daemon is to be asked whether it is there.
    #[inline]
    pub(super) fn keepalive_due(&self, now: Time) -> bool {
        matches!(self, Phase::Connected(connected) if connected.keepalive_at() <= now)
    }

    pub(super) fn poll_timeout(&self) -> Option<Time> {
        match self {
            Phase::Asking(asking) => Some(asking.next),
            Phase::Connected(connected) => Some(connected.keepalive_at().min(connected.silent_at())),
            Phase::Closed { .. } => None,
        }
    }
}

impl Connected {
    /// When a Keepalive is due: an interval after we last said something, or last heard something and asked.
    fn keepalive_at(&self) -> Time {
        self.sent.min(self.heard.max(self.asked)) + self.keepalive
    }

    fn silent_at(&self) -> Time {
        self.heard + self.keepalive * 5 / 2
    }
}

impl Sealed {
    /// Starts asking for a session, from the beginning.
    pub(super) fn ask(&mut self, now: Time) {
        self.nonces += 1;
        self.answer = None;
        self.phase = Phase::Asking(Asking {
            nonce: self.nonces,
            receiver: self.peer.as_ref().map_or(0, |peer| peer.salt.receiver_id()),
            next: now,
            backoff: FIRST_BACKOFF,
            longest: LONGEST_BACKOFF,
            tries: 0,
            unreachable: false,
        });
    }

    /// There is no session any more, if there was one: asks for another.
    pub(super) fn lose(&mut self, now: Time, reason: DisconnectReason) {
        if !self.phase.is_connected() {
            return;
        }
        self.notices.push_back(Notice::Disconnected(reason));
        self.ask(now);
        if let Phase::Asking(asking) = &mut self.phase
            && matches!(reason, DisconnectReason::Unreachable | DisconnectReason::Goodbye)
        {
            // Nobody is there to hear a question asked at once.
            asking.next = now + FIRST_BACKOFF;
            asking.unreachable = reason == DisconnectReason::Unreachable;
        }
    }

    /// The peers do not agree about the numbering: nothing of the session can be kept.
    pub(super) fn start_over(&mut self, now: Time) {
        self.link = None;
        self.renew_salt();
        self.lose(now, DisconnectReason::Protocol);
    }

    /// Another salt, newer than the last; the daemon sees another run of the same client.
    pub(super) fn renew_salt(&mut self) {
        let random = self.salt.receiver_id().rotate_left(23).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        self.salt = Salt::new(self.salt.unix_micros() + 1, random);
        let sealer = Sealer::new(&self.ring, Role::ClientToDaemon, self.salt, &OverlaySecret::none());
        self.sealer = SealerBox(sealer);
        self.link = None;
    }

    /// The daemon names its receiver id, which [`open`](Sealed::open) has read, or does not know our session any more.
    pub(super) fn handle_challenge(&mut self, now: Time) {
        let Some(receiver) = self.peer.as_ref().map(|peer| peer.salt.receiver_id()) else { return };
        self.lose(now, DisconnectReason::Restarted);
        if let Phase::Asking(asking) = &mut self.phase
            && asking.receiver != receiver
        {
            asking.receiver = receiver;
            asking.next = now;
        }
    }

    pub(super) fn handle_welcome(&mut self, now: Time, welcome: &wire::Welcome) {
        let Phase::Asking(asking) = &self.phase else { return };
        let Some(daemon) = self.peer.as_ref().map(|peer| peer.salt) else { return };
        if welcome.nonce != asking.nonce || asking.receiver != daemon.receiver_id() {
            return;
        }
        self.phase = Phase::Connected(Connected {
            receiver: daemon.receiver_id(),
            keepalive: welcome.keepalive.clamp(SHORTEST_KEEPALIVE, LONGEST_KEEPALIVE),
            heard: now,
            sent: now,
            asked: now,
        });
        let resumed = !welcome.fresh && self.link.as_ref().is_some_and(|(salt, _)| *salt == daemon);
        if !resumed {
            self.renew_link(daemon, welcome.receive_window);
        }
        self.notices.push_back(Notice::Connected { daemon: welcome.name.clone(), resumed });
    }

    pub(super) fn handle_refusal(&mut self, now: Time, nonce: i64, refusal: Refusal) {
        if let Phase::Asking(asking) = &mut self.phase
            && asking.nonce == nonce
        {
            asking.longest = LONGEST_REFUSED_BACKOFF;
            asking.backoff = (asking.backoff * 2).max(FIRST_REFUSED_BACKOFF).min(asking.longest);
            asking.next = now + asking.backoff;
            self.notices.push_back(Notice::Refused(refusal));
        } else if self.phase.is_connected() && !self.fail(nonce, &refusal) {
            // A message names itself by its sequence; this is something else.
            self.notices.push_back(Notice::Refused(refusal));
        }
    }

    pub(crate) fn handle_unreachable(&mut self, now: Time) {
        if self.phase.is_connected() {
            return self.lose(now, DisconnectReason::Unreachable);
        }
        if let Phase::Asking(asking) = &mut self.phase
            && !std::mem::replace(&mut asking.unreachable, true)
        {
            self.notices.push_back(Notice::Unreachable);
        }
    }

    /// What is due for the session itself.
    pub(super) fn tick(&mut self, now: Time) {
        if matches!(&self.phase, Phase::Connected(connected) if connected.silent_at() <= now) {
            self.lose(now, DisconnectReason::Silent);
        }
    }

    /// ClientHello or Goodbye, if one is due. False: `out` is unchanged.
    pub(super) fn put_handshake(&mut self, now: Time, out: &mut Vec<u8>) -> bool {
        match &mut self.phase {
            Phase::Asking(asking) if asking.next <= now => {
                asking.next = now + asking.backoff;
                asking.backoff = (asking.backoff * 2).min(asking.longest);
                asking.tries += 1;
                let (nonce, tries) = (asking.nonce, asking.tries);
                wire::put_hello(&self.name, self.instance, &self.secret, self.receive_window, nonce, out);
                if tries.is_multiple_of(TRIES_A_KEY) {
                    self.try_another_key();
                }
                true
            }
            Phase::Closed { goodbye, .. } if *goodbye => {
                *goodbye = false;
                wire::put_goodbye(out);
                true
            }
            _ => false,
        }
    }

    pub(crate) fn close(&mut self) {
        let goodbye = self.phase.is_connected();
        self.phase = Phase::Closed { receiver: self.phase.receiver(), goodbye };
    }

    /// The daemon may know another key of the ring only; it tells by answering.
    fn try_another_key(&mut self) {
        if let Some(other) = self.ring.ids().last()
            && self.ring.promote(other).is_ok()
        {
            self.sealer.0.rekey(&self.ring);
        }
    }
}

/// PROTOCOL.md section 5.1.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LONGEST_BACKOFF: Duration = Duration::from_secs(2);
/// A refused session is asked for again, because names become free and secrets are changed, but not in a hurry.
const FIRST_REFUSED_BACKOFF: Duration = Duration::from_secs(1);
const LONGEST_REFUSED_BACKOFF: Duration = Duration::from_secs(30);
/// What the daemon asks for is kept to within these.
const SHORTEST_KEEPALIVE: Duration = Duration::from_millis(10);
const LONGEST_KEEPALIVE: Duration = Duration::from_secs(3_600);
/// Unanswered questions before another key of the ring is tried.
const TRIES_A_KEY: u32 = 4;
