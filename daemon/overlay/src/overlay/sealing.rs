//! Which key of the ring seals for whom (PROTOCOL.md section 2.1).
//!
//! The ring's first key seals, for everybody who is known to have it. Clients know the keys of their own configuration, and a daemon that has
//! just started those of its, so a receiver is first given what it can open: the key it was last heard under. Only a datagram of its own shows
//! that it has our sealing key too, and to be heard under that it must learn that we have it: so it is *offered*, in an empty datagram beside the others, at
//! most once a second. Who lacks the key cannot open an offer and loses nothing; who seals with it answers under it, and from then on so do we.
//! Who was never heard in its present run is sent everything under every key.
//!
//! While everybody has the sealing key, nothing is kept here and nothing is looked up.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use gossiperl_idl::{
    Salt,
    sealed::{Header, KeyId, Role},
};
use gossiperl_link::Time;

use super::{Overlay, Single};
use crate::endpoint::EndpointId;

/// An endpoint is offered the sealing key at most this often.
const OFFER_EVERY: Duration = Duration::from_secs(1);

/// What decides the key of a datagram.
pub(super) enum Under {
    /// The key that a datagram of the receiver's was sealed under.
    Key(KeyId),
    /// What this run of a daemon has.
    Run(Salt),
    /// Nobody in particular: every key of the ring.
    Anybody,
}

/// The keys of one datagram.
#[derive(Clone, Copy)]
pub(super) enum Keys {
    One(KeyId),
    /// The receiver is not known to have the sealing key, but this one.
    Former(KeyId, EndpointId),
    All,
}

/// Endpoints that are not known to have the key that seals; at most one entry for each endpoint there is.
#[derive(Default)]
pub(super) struct Sealing {
    behind: BTreeMap<EndpointId, Behind>,
}

#[derive(Default)]
struct Behind {
    /// What it was last heard under; `None` where it was not heard, or that key is retired.
    key: Option<KeyId>,
    offered: Option<Time>,
}

impl Sealing {
    /// The endpoint is gone.
    pub(super) fn forget(&mut self, id: EndpointId) {
        self.behind.remove(&id);
    }

    /// How many there are.
    pub(super) fn behind(&self) -> usize {
        self.behind.len()
    }

    /// The key that an endpoint was last heard under, where that is not the sealing one: `Err(())` where none is known.
    pub(super) fn heard_under(&self, id: EndpointId) -> Option<Result<KeyId, ()>> {
        self.behind.get(&id).map(|behind| behind.key.ok_or(()))
    }
}

impl Overlay {
    /// Notes that a datagram of the endpoint has been opened.
    pub(super) fn saw(&mut self, id: EndpointId, header: &Header) {
        let window = self.endpoints.get(id).map(|endpoint| endpoint.newest_seen());
        self.endpoints.saw(id, header.counter);
        if self.sealing.behind.is_empty() {
            return;
        }
        if header.key_id == self.datagrams.sealing() {
            self.sealing.forget(id);
        } else if window.is_some_and(|newest| newest < header.counter)
            && let Some(behind) = self.sealing.behind.get_mut(&id)
        {
            behind.key = Some(header.key_id);
        }
    }

    /// A new endpoint: it may have any key.
    pub(super) fn unheard(&mut self, id: EndpointId) {
        if self.datagrams.keys().len() > 1 {
            self.sealing.behind.insert(id, Behind::default());
        }
    }

    /// Another key seals than `before`: who has it must show.
    pub(super) fn sealing_changed(&mut self, before: KeyId) {
        let sealing = self.datagrams.sealing();
        for id in self.endpoints.ids() {
            let behind = self.sealing.behind.entry(id).or_insert(Behind { key: Some(before), offered: None });
            if behind.key == Some(sealing) {
                self.sealing.behind.remove(&id);
            } else {
                behind.offered = None;
            }
        }
    }

    /// The key is in the ring no more.
    pub(super) fn key_retired(&mut self, retired: KeyId) {
        if self.datagrams.keys().len() == 1 {
            self.sealing.behind.clear();
        }
        for behind in self.sealing.behind.values_mut() {
            behind.key = behind.key.filter(|key| *key != retired);
        }
    }

    /// The keys for a datagram to an endpoint.
    pub(super) fn keys_of_endpoint(&self, id: EndpointId) -> Keys {
        match self.sealing.heard_under(id) {
            None => Keys::One(self.datagrams.sealing()),
            Some(Ok(key)) => Keys::Former(key, id),
            Some(Err(())) => Keys::All,
        }
    }

    /// The keys for a datagram to somebody else.
    pub(super) fn keys_of(&self, under: &Under) -> Keys {
        match under {
            Under::Key(key) => Keys::One(*key),
            _ if self.datagrams.keys().len() == 1 => Keys::One(self.datagrams.sealing()),
            Under::Run(salt) => {
                self.endpoints.find_daemon(salt).map_or(Keys::All, |id| self.keys_of_endpoint(id))
            }
            Under::Anybody => Keys::All,
        }
    }

    /// Seals the datagram in `out`, whose frames begin behind the header at `offset`. Copies under further keys, and an offer, are queued.
    #[expect(clippy::too_many_arguments, reason = "a datagram, and where it goes")]
    pub(super) fn seal(
        &mut self,
        now: Time,
        keys: Keys,
        role: Role,
        receiver: u64,
        destination: SocketAddr,
        out: &mut Vec<u8>,
        offset: usize,
    ) -> Option<()> {
        let sealing = self.datagrams.sealing();
        let beside = |key: KeyId, frames: &[u8]| Single {
            destination,
            role,
            receiver,
            under: Under::Key(key),
            gossip_to: None,
            frames: frames.to_vec(),
            offer: frames.is_empty(),
        };
        let first = match keys {
            Keys::One(key) => key,
            Keys::Former(key, id) => {
                let behind = self.sealing.behind.get_mut(&id);
                let due = |at: Time| now.since(at) >= OFFER_EVERY;
                if let Some(behind) = behind.filter(|behind| behind.offered.is_none_or(due)) {
                    behind.offered = Some(now);
                    self.push_single(beside(sealing, &[]));
                }
                key
            }
            Keys::All => {
                let frames = out.get(offset + gossiperl_idl::sealed::HEADER_LEN..).unwrap_or_default();
                let others = self.datagrams.keys().iter().skip(1);
                let copies: Vec<Single> = others.map(|key| beside(key.id(), frames)).collect();
                // At once and in spite of the bound, since they are few and one datagram with the first.
                copies.into_iter().for_each(|copy| self.singles.push_front(copy));
                sealing
            }
        };
        self.datagrams.finish(role, first, receiver, out, offset)
    }
}
