//! What each local client subscribes to, and which of them want to hear of members.
//!
//! Protocol-agnostic: it knows clients by their ids only. Two kinds are kept apart: event types, which the rest of the overlay
//! must know of (each addition and removal is reported once), and the reserved types (`member_in`, …), which concern nobody but
//! this daemon and are reported to nobody. Who gets a message is the routing table's business.

use std::collections::{BTreeMap, BTreeSet};

use gossiperl_idl::code;

use super::ClientId;
use crate::event::Change;

/// Longest event type in bytes; the shortest has one.
pub(crate) const MAX_EVENT_TYPE: usize = 255;

/// All subscriptions of the clients whose ids it is told. Bounded by clients times `limit`; what exceeds it is refused.
pub(crate) struct Subscriptions {
    of: BTreeMap<ClientId, BTreeSet<Box<[u8]>>>,
    watchers: [BTreeSet<ClientId>; Change::ALL.len()],
    limit: usize,
}

impl Subscriptions {
    /// None yet; a client may have `limit`, the reserved types aside.
    pub(crate) fn new(limit: usize) -> Self {
        Subscriptions { of: BTreeMap::new(), watchers: Default::default(), limit }
    }

    /// Another bound for what is added from now on.
    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Adds all of these, or, with a code of [`gossiperl_idl::code`] and the index of what it is about, none of them.
    /// The answer holds what is new and not reserved, each type once.
    pub(crate) fn subscribe(
        &mut self,
        client: ClientId,
        event_types: &[&[u8]],
    ) -> Result<Vec<Box<[u8]>>, (i32, usize)> {
        let added = self.plan(client, event_types)?;
        if !added.is_empty() {
            self.of.entry(client).or_default().extend(added.iter().cloned());
        }
        for change in event_types.iter().filter_map(|name| reserved(name)) {
            self.watchers[change as usize].insert(client);
        }
        Ok(added)
    }

    /// What [`Subscriptions::subscribe`] would say to this; adds nothing.
    pub(crate) fn plan(
        &self,
        client: ClientId,
        event_types: &[&[u8]],
    ) -> Result<Vec<Box<[u8]>>, (i32, usize)> {
        if let Some(at) = event_types.iter().position(|name| name.is_empty() || name.len() > MAX_EVENT_TYPE) {
            return Err((code::BAD_TYPE, at));
        }
        let held = self.of.get(&client);
        let mut new = BTreeSet::new();
        for (at, name) in event_types.iter().enumerate() {
            if reserved(name).is_none() && held.is_none_or(|held| !held.contains(*name)) {
                new.insert(*name);
            }
            if held.map_or(0, BTreeSet::len) + new.len() > self.limit {
                return Err((code::TOO_MANY_SUBSCRIPTIONS, at));
            }
        }
        Ok(new.into_iter().map(Box::from).collect())
    }

    /// Ends this one. True where there was one that is not reserved.
    pub(crate) fn unsubscribe(&mut self, client: ClientId, event_type: &[u8]) -> bool {
        if let Some(change) = reserved(event_type) {
            self.watchers[change as usize].remove(&client);
            return false;
        }
        let Some(held) = self.of.get_mut(&client) else { return false };
        let removed = held.remove(event_type);
        if held.is_empty() {
            self.of.remove(&client);
        }
        removed
    }

    /// The client is gone: ends all it had and says which, the reserved ones aside.
    pub(crate) fn forget(&mut self, client: ClientId) -> BTreeSet<Box<[u8]>> {
        for watchers in &mut self.watchers {
            watchers.remove(&client);
        }
        self.of.remove(&client).unwrap_or_default()
    }

    /// What the client subscribes to, in order, the reserved types aside.
    #[cfg(test)]
    pub(crate) fn of(&self, client: ClientId) -> impl Iterator<Item = &[u8]> {
        self.of.get(&client).into_iter().flatten().map(|name| &**name)
    }

    /// Who wants to hear of this change.
    pub(crate) fn watchers(&self, change: Change) -> impl Iterator<Item = ClientId> {
        self.watchers[change as usize].iter().copied()
    }
}

/// The change that this event type is reserved for.
pub(crate) fn reserved(event_type: &[u8]) -> Option<Change> {
    Change::ALL.into_iter().find(|change| change.event_type().as_bytes() == event_type)
}

#[cfg(test)]
mod tests;
