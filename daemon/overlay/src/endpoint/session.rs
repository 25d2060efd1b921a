//! What an endpoint holds of a local client's session beside its link.

use std::collections::BTreeMap;

use gossiperl_idl::generated::SlowPolicy;
use gossiperl_link::Time;

use crate::{clients::ClientId, delivery::Backlog};

/// What only a client's endpoint has.
pub(crate) struct Session {
    /// The client.
    pub(crate) client: ClientId,
    /// Its name.
    pub(crate) name: Box<[u8]>,
    /// Its publisher id.
    pub(crate) instance: i64,
    /// Nonce of the hello that opened it: repetitions of that hello are told once more that the session is fresh.
    pub(crate) opened_by: i64,
    /// Newest sequence published.
    pub(crate) last_sequence: i64,
    /// Whether it wants every membership change.
    pub(crate) watches: bool,
    /// When its queue last shrank, or was empty.
    pub(crate) progress: Time,
    /// Publishers are not held back for it: it has taken nothing for too long.
    pub(crate) stalled: bool,
    /// Messages dropped by type, not yet told.
    pub(crate) dropped: BTreeMap<u32, i64>,
    /// Event types it is subscribed to.
    pub(crate) subscriptions: BTreeMap<Box<[u8]>, SlowPolicy>,
    /// What the client's earlier session left and this one has not taken over yet.
    pub(crate) backlog: Option<Box<Backlog>>,
    /// Until when it may ask for that.
    pub(crate) reclaim_by: Option<Time>,
}

impl Session {
    /// A session from now on, that has published up to `last_sequence` before.
    pub(crate) fn new(client: ClientId, name: &[u8], instance: i64, last_sequence: i64, now: Time) -> Self {
        Session {
            client,
            name: name.into(),
            instance,
            opened_by: 0,
            last_sequence,
            watches: false,
            progress: now,
            stalled: false,
            dropped: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            backlog: None,
            reclaim_by: None,
        }
    }
}
