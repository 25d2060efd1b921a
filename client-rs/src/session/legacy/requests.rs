//! Subscriptions and questions: repeated until they are answered, and brought back with every session.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use gossiperl_idl::digest::{AnyDigest, DigestSubscribe, DigestUnsubscribe};
use gossiperl_link::Time;

use super::{FIRST_RETRY, LONGEST_RETRY, Legacy, envelope_of, ids::Uuid};
use crate::{MemberChange, Name, Refusal, session::Notice};

/// What the application has asked of the daemon.
#[derive(Default)]
pub(super) struct Requests {
    last: u64,
    /// What every session has.
    subscriptions: BTreeSet<Name>,
    /// Requests without an answer yet. The driver bounds their number.
    open: BTreeMap<u64, Open>,
    /// Who waits for the members.
    members: Vec<u64>,
    watch: Option<u64>,
}

struct Open {
    kind: Kind,
    types: Vec<Name>,
    /// Types without an answer: the daemon may answer in parts.
    left: BTreeSet<Name>,
    id: Uuid,
    next: Time,
    wait: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Subscribe,
    Unsubscribe,
    /// A subscription of our own, after a reconnection.
    Restore,
    /// To the changes of members.
    Watch,
}

impl Requests {
    pub(super) fn subscribe(&mut self, now: Time, types: Vec<Name>, id: Uuid) -> u64 {
        self.subscriptions.extend(types.iter().cloned());
        self.open(now, Kind::Subscribe, types, id)
    }

    pub(super) fn unsubscribe(&mut self, now: Time, types: Vec<Name>, id: Uuid) -> u64 {
        for event_type in &types {
            self.subscriptions.remove(event_type);
        }
        self.open(now, Kind::Unsubscribe, types, id)
    }

    /// The members are answered from the next digest's answer; for watching them we subscribe to their changes first.
    pub(super) fn members(&mut self, now: Time, watch: bool, id: Uuid) -> u64 {
        if watch {
            let types: Vec<Name> =
                MemberChange::ALL.iter().map(|change| Name::from(change.as_str())).collect();
            self.subscriptions.extend(types.iter().cloned());
            let request = self.open(now, Kind::Watch, types, id);
            self.watch = Some(request);
            return request;
        }
        self.last += 1;
        self.members.push(self.last);
        self.last
    }

    /// A new session knows nothing of the last.
    pub(super) fn restore(&mut self, now: Time, id: Uuid) {
        self.open.retain(|_, open| open.kind != Kind::Restore);
        for open in self.open.values_mut() {
            (open.next, open.wait) = (now, FIRST_RETRY);
        }
        if !self.subscriptions.is_empty() {
            self.open(now, Kind::Restore, self.subscriptions.iter().cloned().collect(), id);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.open.values().map(|open| open.next).min()
    }

    fn open(&mut self, now: Time, kind: Kind, types: Vec<Name>, id: Uuid) -> u64 {
        self.last += 1;
        let left = types.iter().cloned().collect();
        self.open.insert(self.last, Open { kind, types, left, id, next: now, wait: FIRST_RETRY });
        self.last
    }

    fn find(&self, id: &[u8]) -> Option<u64> {
        self.open.iter().find(|(_, open)| open.id == id).map(|(request, _)| *request)
    }
}

impl Legacy {
    /// The next request that is due, for the first time or again.
    pub(super) fn request_envelope(&mut self, now: Time) -> Option<Vec<u8>> {
        let heartbeat = self.heartbeat(now);
        let open = self.requests.open.values_mut().find(|open| open.next <= now)?;
        open.next = now + open.wait;
        open.wait = (open.wait * 2).min(LONGEST_RETRY);
        let event_types = open.types.iter().map(|event_type| &**event_type).collect();
        let (name, secret, id) = (&*self.name, self.secret.as_slice(), &open.id[..]);
        let digest = match open.kind {
            Kind::Unsubscribe => {
                AnyDigest::Unsubscribe(DigestUnsubscribe { name, heartbeat, id, event_types, secret })
            }
            _ => AnyDigest::Subscribe(DigestSubscribe { name, heartbeat, id, event_types, secret }),
        };
        Some(envelope_of(&digest, id))
    }

    pub(super) fn requests_acknowledged(&mut self, id: &[u8], types: &[&[u8]]) {
        let Some(request) = self.requests.find(id) else { return };
        let Some(open) = self.requests.open.get_mut(&request) else { return };
        for event_type in types {
            open.left.remove(*event_type);
        }
        if !open.left.is_empty() {
            return;
        }
        if let Some(open) = self.requests.open.remove(&request) {
            match open.kind {
                Kind::Restore => self.notices.push_back(Notice::Restored(open.types)),
                Kind::Watch => {
                    self.requests.members.push(request);
                    self.answer_members();
                }
                Kind::Subscribe | Kind::Unsubscribe => {
                    self.notices.push_back(Notice::Done { request, result: Ok(()) });
                }
            }
        }
    }

    /// False: the id is none of a request's.
    pub(super) fn request_refused(&mut self, id: &[u8], refusal: &Refusal) -> bool {
        let Some(request) = self.requests.find(id) else { return false };
        let open = self.requests.open.remove(&request);
        let refusal = refusal.clone();
        self.notices.push_back(match open {
            Some(Open { kind: Kind::Restore, .. }) => Notice::Refused(refusal),
            _ => Notice::Done { request, result: Err(refusal) },
        });
        true
    }

    /// Answers who waits for the members, once there is a session.
    pub(super) fn answer_members(&mut self) {
        if !self.presence.is_connected() {
            return;
        }
        for request in std::mem::take(&mut self.requests.members) {
            let page = self.presence.members.clone();
            self.notices.push_back(Notice::Members { request, page, last: true });
        }
    }
}
