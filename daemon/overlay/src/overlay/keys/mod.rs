//! Changing the keys of the whole overlay from one daemon (PROTOCOL.md section 6.5).
//!
//! The daemon that is asked sends a request to every live daemon over its link, itself included, and gathers their reports: `ask`. Each does what
//! it is told and reports its ring, by ids alone: `answer`. Only daemons can ask, since only they can seal in that role.
//!
//! What keeps messages from being lost:
//!
//! - A new key opens everywhere before it seals anywhere: `use` first *looks* at all live daemons, and is refused where one lacks the key.
//! - A key is taken out only when nobody seals with it any more: `retire` looks likewise.
//! - Between that look and the change nobody else may change which key seals: the look *holds* the rings for its asker, for [`HOLD`] at most, and a
//!   daemon that is held by somebody else says so. An asker waits for [`ANSWER_WITHIN`] before it decides and never longer, which is much less than a
//!   hold lasts, so that of two changes at a time one at least meets the other's hold.
//! - Whom a datagram goes to can open it, whatever the rings are meanwhile: `sealing`.
//!
//! A daemon that was away is not told afterwards: it is reported as such, and the same command again reaches it, while the others answer that it is
//! so already. Repair could carry rings to it, but then whoever comes back with a key that was retired because it leaked would spread it again. It
//! works meanwhile, unless its only keys were retired: then it cannot come back before its configuration names a present one.
//!
//! Everything waits here until the datagram that brought it has been read to its end, since the link it came on is out of its place until then.

mod answer;
mod ask;

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use gossiperl_idl::{
    Salt,
    codec::{decode_compact, encode_compact},
    frame,
    generated::{KeyReport, KeyRequest},
    sealed::KeyId,
};
use gossiperl_link::Time;
use zeroize::{Zeroize, Zeroizing};

use self::{answer::Answers, ask::Asking};
use super::Overlay;
use crate::{
    endpoint::EndpointId,
    keys::{KeyOutcome, Ring, RingKey},
};

/// Commands that are under way at a time; beyond it new ones are refused as busy.
const ASKING: usize = 16;

/// An asker decides when every live daemon has answered, or after this time.
const ANSWER_WITHIN: std::time::Duration = std::time::Duration::from_secs(5);

/// A ring is held for its asker for this time at most.
const HOLD: std::time::Duration = std::time::Duration::from_secs(15);

/// What concerns key rings beside the ring itself.
#[derive(Default)]
pub(super) struct KeyTalk {
    /// What the datagram at hand brought, with its sender; as long as that datagram.
    inbox: VecDeque<(Salt, Talk)>,
    answers: Answers,
    /// The number of the last command.
    last: i64,
    /// At most [`ASKING`].
    asking: BTreeMap<i64, Asking>,
    /// At most as many as were asked for and not fetched.
    outcomes: VecDeque<KeyOutcome>,
}

enum Talk {
    Request(KeyRequest),
    Report(KeyReport),
}

impl Overlay {
    /// A numbered frame about keys of another daemon. False: it is not what its kind says.
    pub(super) fn take_key_frame(&mut self, from: EndpointId, kind: u8, body: &[u8]) -> bool {
        let Some(salt) = self.endpoints.get(from).map(|endpoint| *endpoint.salt()) else { return true };
        let talk = match kind {
            frame::KEY_REQUEST => decode_compact::<KeyRequest>(body).map(Talk::Request),
            _ => decode_compact::<KeyReport>(body).map(Talk::Report),
        };
        let Ok(talk) = talk else { return false };
        self.key_talk.inbox.push_back((salt, talk));
        true
    }

    /// Deals with what has come about keys, and with what that brings about.
    pub(super) fn follow_keys(&mut self, now: Time) {
        while let Some((salt, talk)) = self.key_talk.inbox.pop_front() {
            match talk {
                Talk::Request(request) => self.handle_key_request(now, salt, request),
                Talk::Report(report) => self.handle_key_report(&salt, &report),
            }
            self.advance_asking(now);
        }
    }

    /// When a command has waited long enough.
    pub(super) fn keys_timeout(&self) -> Option<Time> {
        self.key_talk.asking.values().map(Asking::deadline).min()
    }

    /// What became of a command of [`Overlay::change_keys`](Overlay::change_keys), once it is decided.
    pub fn poll_key_outcome(&mut self) -> Option<KeyOutcome> {
        self.key_talk.outcomes.pop_front()
    }

    /// Our ring, once after each change; with [`Config::keeps_ring`](crate::Config::keeps_ring) to be kept, and then to be told of with
    /// [`Overlay::handle_ring_kept`].
    pub fn poll_ring(&mut self) -> Option<Ring> {
        let version = self.key_talk.answers.take_unkept()?;
        let keys = self.datagrams.keys().iter().map(|key| Zeroizing::new(key.bytes().to_vec())).collect();
        Some(Ring { version, keys })
    }

    /// The ring of this version is on the disk, or could not be written. Who asked for the change is answered now.
    pub fn handle_ring_kept(&mut self, now: Time, version: u64, kept: bool) {
        let answered = self.key_talk.answers.kept(version, kept);
        for report in answered {
            self.send_report(now, &report.asker, report.report);
        }
        self.advance_asking(now);
        self.follow_keys(now);
    }

    /// Our ring, and how many of our clients were last heard under each key.
    fn own_ring(&self) -> Vec<RingKey> {
        let of =
            |id: KeyId| RingKey { id, clients: u32::try_from(self.clients_under(id)).unwrap_or(u32::MAX) };
        self.datagrams.keys().iter().map(|key| of(key.id())).collect()
    }

    /// Our clients that were last heard under this key.
    fn clients_under(&self, id: KeyId) -> usize {
        let sealing = self.datagrams.sealing();
        let of = |endpoint: EndpointId| self.sealing.heard_under(endpoint).unwrap_or(Ok(sealing)).ok();
        let sealed = self.session_of.values().filter(|endpoint| of(**endpoint) == Some(id)).count();
        sealed + self.legacy.clients_under(id)
    }

    /// Puts a frame on the link to a daemon, or in our own inbox. Nothing happens where the daemon's run is none of ours any more.
    fn say_to(&mut self, now: Time, to: &Salt, talk: Talk) {
        if *to == self.datagrams.salt() {
            self.key_talk.inbox.push_back((*to, talk));
            return;
        }
        let Some(id) = self.daemon_endpoint(to) else { return };
        let Some(address) = self.endpoints.get(id).map(|endpoint| endpoint.address()) else { return };
        if self.endpoints.get(id).is_some_and(|endpoint| endpoint.link.is_none()) {
            let link = self.daemon_link(to, &address);
            if let Some(endpoint) = self.endpoints.get_mut(id) {
                endpoint.link.get_or_insert(link);
            }
        }
        let (kind, body) = match talk {
            Talk::Request(mut request) => {
                let body = secret_body(&request);
                request.key.zeroize();
                (frame::KEY_REQUEST, body)
            }
            Talk::Report(report) => (frame::KEY_REPORT, super::publish::encode_control(&report)),
        };
        if let Some(endpoint) = self.endpoints.get_mut(id) {
            endpoint.push_reply(kind, body);
            endpoint.flush_replies();
        }
        self.endpoints.settle(now, id);
    }

    fn send_report(&mut self, now: Time, asker: &Salt, report: KeyReport) {
        self.say_to(now, asker, Talk::Report(report));
    }
}

/// A request that may hold a key: wiped when the link drops it.
fn secret_body(request: &KeyRequest) -> Bytes {
    // The room is enough, so that no earlier piece of memory keeps a copy.
    let mut body = Zeroizing::new(Vec::with_capacity(64 + request.key.as_ref().map_or(0, Vec::len)));
    encode_compact(request, &mut body);
    Bytes::from_owner(body)
}
