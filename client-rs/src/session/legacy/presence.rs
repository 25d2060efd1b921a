//! Saying that we live, and noticing whether the daemon does.

use std::time::Duration;

use gossiperl_idl::digest::{AnyDigest, Digest, DigestAck, DigestExit};
use gossiperl_link::Time;

use super::{Legacy, envelope_of};
use crate::{DisconnectReason, Member, MemberKind, MemberState, Name, session::Notice};

/// Where the session stands.
pub(super) struct Presence {
    state: State,
    next_digest: Time,
    /// The last digest's id.
    digest_id: Option<super::ids::Uuid>,
    /// Digests since the last answer.
    unanswered: u32,
    /// Nobody listens there; told once.
    unreachable: bool,
    /// The members as the last answer lists them.
    pub(super) members: Vec<Member>,
}

enum State {
    Asking,
    Connected {
        acknowledged: Time,
    },
    /// DigestExit is to be sent.
    Leaving,
    Closed,
}

impl Presence {
    pub(super) fn new(now: Time) -> Self {
        Presence {
            state: State::Asking,
            next_digest: now,
            digest_id: None,
            unanswered: 0,
            unreachable: false,
            members: Vec::new(),
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected { .. })
    }

    pub(super) fn is_closed(&self) -> bool {
        matches!(self.state, State::Leaving | State::Closed)
    }

    /// Whether this is the id of our last digest.
    pub(super) fn asked(&self, id: &[u8]) -> bool {
        self.digest_id.is_some_and(|digest| digest == id)
    }

    pub(super) fn poll_timeout(&self) -> Time {
        match self.state {
            State::Connected { acknowledged } => self.next_digest.min(acknowledged + SILENCE),
            _ => self.next_digest,
        }
    }
}

impl Legacy {
    pub(super) fn tick(&mut self, now: Time) {
        if matches!(self.presence.state, State::Connected { acknowledged } if acknowledged + SILENCE <= now) {
            self.lose(now, DisconnectReason::Silent);
        }
    }

    pub(crate) fn handle_unreachable(&mut self, now: Time) {
        if self.presence.is_connected() {
            self.lose(now, DisconnectReason::Unreachable);
        } else if !std::mem::replace(&mut self.presence.unreachable, true) {
            self.notices.push_back(Notice::Unreachable);
        }
    }

    fn lose(&mut self, now: Time, reason: DisconnectReason) {
        self.presence.state = State::Asking;
        self.presence.unreachable = reason == DisconnectReason::Unreachable;
        self.presence.next_digest = now + DIGEST_EVERY / 2;
        self.answers.clear();
        self.notices.push_back(Notice::Disconnected(reason));
    }

    pub(super) fn handle_ack(&mut self, now: Time, ack: &DigestAck<'_>) {
        if self.presence.is_closed() {
            return;
        }
        self.presence.members = ack
            .membership
            .iter()
            .enumerate()
            .map(|(place, member)| {
                let ip = std::str::from_utf8(member.member_ip)
                    .ok()
                    .and_then(|ip| ip.parse::<std::net::IpAddr>().ok());
                let port = u16::try_from(member.member_port).ok();
                Member {
                    name: Name::from(member.member_name),
                    // The daemon lists itself first.
                    kind: if place == 0 { MemberKind::Daemon } else { MemberKind::Client },
                    state: MemberState::Reachable,
                    address: ip.zip(port).map(Into::into),
                    rack: None,
                    heartbeat: member.member_heartbeat,
                }
            })
            .collect();
        self.presence.unanswered = 0;
        self.presence.unreachable = false;
        let new = !self.presence.is_connected();
        self.presence.state = State::Connected { acknowledged: now };
        if new {
            self.notices.push_back(Notice::Connected { daemon: Name::from(ack.name), resumed: false });
            self.outgoing.send_again();
            let id = self.ids.uuid();
            self.requests.restore(now, id);
        }
        self.answer_members();
    }

    /// Digest or DigestExit, if one is due.
    pub(super) fn presence_envelope(&mut self, now: Time) -> Option<Vec<u8>> {
        match self.presence.state {
            State::Closed => None,
            State::Leaving => {
                self.presence.state = State::Closed;
                let heartbeat = self.heartbeat(now);
                let exit = DigestExit { name: &self.name, heartbeat, secret: &self.secret };
                Some(envelope_of(&AnyDigest::Exit(exit), &self.ids.uuid()))
            }
            State::Asking | State::Connected { .. } if self.presence.next_digest <= now => {
                Some(self.digest(now))
            }
            _ => None,
        }
    }

    fn digest(&mut self, now: Time) -> Vec<u8> {
        let presence = &mut self.presence;
        // While there is no answer, twice as often.
        presence.next_digest = now + if presence.is_connected() { DIGEST_EVERY } else { DIGEST_EVERY / 2 };
        presence.unanswered += 1;
        if presence.unanswered.is_multiple_of(DIGESTS_A_KEY) && !presence.is_connected() {
            self.sealing = (self.sealing + 1) % self.keys.len().max(1);
        }
        let id = self.ids.uuid();
        self.presence.digest_id = Some(id);
        let digest = Digest {
            name: &self.name,
            port: i32::from(self.port),
            heartbeat: self.heartbeat(now),
            id: &id,
            secret: &self.secret,
        };
        envelope_of(&AnyDigest::Digest(digest), &id)
    }

    pub(crate) fn close(&mut self) {
        self.presence.state = if self.presence.is_connected() { State::Leaving } else { State::Closed };
    }
}

/// PROTOCOL.md section 1.5: how often we say that we live.
const DIGEST_EVERY: Duration = Duration::from_secs(2);
/// Without an answer for so long the daemon counts as gone, as with the clients of 2014.
const SILENCE: Duration = Duration::from_secs(5);
/// Unanswered digests before another key is tried.
const DIGESTS_A_KEY: u32 = 3;
