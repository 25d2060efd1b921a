//! Entries owned by daemons: ours, which we write, and copies of all others'.
//!
//! Only its owner writes an entry, each change with the owner's next version; so there is nothing to merge and the
//! newest version of a key wins (DESIGN.md section 5; the completeness rule is that of Scuttlebutt, van Renesse et al.,
//! "Efficient Reconciliation and Flow Control for Anti-Entropy Protocols", 2008). A copy takes every entry newer than
//! what it holds of the key, so that a change is visible at once even across a gap; `complete_to` says up to which
//! version nothing is missing, and rises only by pages that join what is complete already.
//!
//! A deletion leaves a tombstone, which spreads like an entry, and which everyone drops after [`Bounds::tombstone_life`].
//! `floor` is the highest version of a dropped tombstone: who is complete to less may hold what it deleted. Pages carry the
//! floor, and the receiver they are no good for asks from 0 instead (see `apply`).
//!
//! Bounds: at each of [`Bounds`] our own change is refused with an error, and a remote one is left out and counted, our
//! copy staying incomplete from there. Tombstones make room first. Changes wait for [`Store::poll_change`], which is
//! to be called until `None` after every call that takes `&mut self`: what waits is then bounded by one call's work.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use gossiperl_idl::{
    SALT_LEN, Salt,
    generated::{Entry, StateUpdate},
};
use gossiperl_link::Time;
use thiserror::Error;

use super::owners::Owners;
use crate::Identity;

mod apply;
mod entry;
mod pages;
mod parts;
mod sweep;

use entry::{Held, Value};

pub use apply::{Applied, Refused};
pub use entry::{Change, Key};
pub(super) use pages::split;
pub(super) use sweep::Owner;

/// The longest key, in bytes; the shortest has 1.
pub const MAX_KEY: usize = 512;

/// The longest value, in bytes.
pub const MAX_VALUE: usize = 4_096;

/// What an entry counts beyond its key and value, in bytes.
pub const ENTRY_COST: usize = 64;

/// What a store may hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// Owners beside ourselves. 20,000.
    pub owners: usize,
    /// Entries of one owner, tombstones included. 65,536.
    pub entries_per_owner: usize,
    /// Keys, values and [`ENTRY_COST`] an entry, of one owner. 16 MiB.
    pub bytes_per_owner: usize,
    /// The same of all owners together. 256 MiB.
    pub bytes: usize,
    /// How long a deletion is remembered. 10 minutes.
    pub tombstone_life: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds {
            owners: 20_000,
            entries_per_owner: 65_536,
            bytes_per_owner: 16 << 20,
            bytes: 256 << 20,
            tombstone_life: Duration::from_secs(600),
        }
    }
}

/// Why our own change was refused; nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PutError {
    /// The key is empty or too long.
    #[error("a key has 1 to {MAX_KEY} bytes, this one {0}")]
    Key(usize),
    /// The value is too long.
    #[error("a value has at most {MAX_VALUE} bytes, this one {0}")]
    Value(usize),
    /// So many entries are the most an owner may have.
    #[error("this daemon has {0} entries, the most it may have: delete some first")]
    Entries(usize),
    /// The bytes of this owner, or of all, are at their bound.
    #[error("no room for {0} more bytes of entries: delete some first")]
    Bytes(usize),
}

/// The entries of all owners.
#[derive(Clone, Debug)]
pub struct Store {
    own: Salt,
    bounds: Bounds,
    owners: Owners,
    by_version: BTreeMap<(Salt, i64), Held>,
    by_key: BTreeMap<Key, i64>,
    /// Tombstones, the oldest first, and by owner and version.
    tombstones: BTreeSet<(Time, Salt, i64)>,
    graves: BTreeSet<(Salt, i64)>,
    bytes: usize,
    parts: parts::Parts,
    changes: VecDeque<Change>,
}

impl Store {
    /// A store with ourselves as the only owner, without entries.
    pub fn new(own: Salt, bounds: Bounds) -> Self {
        let mut owners = Owners::new(own.receiver_id());
        owners.admit(&unnamed(own));
        Store {
            own,
            bounds,
            owners,
            by_version: BTreeMap::new(),
            by_key: BTreeMap::new(),
            tombstones: BTreeSet::new(),
            graves: BTreeSet::new(),
            bytes: 0,
            parts: parts::Parts::default(),
            changes: VecDeque::new(),
        }
    }

    /// Our own generation.
    pub fn own(&self) -> Salt {
        self.own
    }

    /// Sets an entry of our own. Returns what to spread; `None` where it had this value already.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<Option<StateUpdate>, PutError> {
        if !(1..=MAX_KEY).contains(&key.len()) {
            return Err(PutError::Key(key.len()));
        }
        if value.len() > MAX_VALUE {
            return Err(PutError::Value(value.len()));
        }
        let own = self.own;
        if self.get(&own, key) == Some(value) {
            return Ok(None);
        }
        let key = Key::new(&own, key);
        self.make_room(&own, &key, value.len())?;
        Ok(Some(self.change(key, Some(value.into()), Time::ZERO)))
    }

    /// Deletes an entry of our own. Returns what to spread; `None` where there is none.
    pub fn delete(&mut self, now: Time, key: &[u8]) -> Option<StateUpdate> {
        let own = self.own;
        self.get(&own, key)?;
        Some(self.change(Key::new(&own, key), None, now))
    }

    /// Our entries are those of another generation now, and those of the one before gone. Returns what to spread.
    pub fn set_own(&mut self, own: Salt) -> Vec<StateUpdate> {
        let before = self.own;
        if before == own {
            return Vec::new();
        }
        // Someone may have claimed this generation before it was ours.
        self.forget(&own);
        let entries: Vec<(Key, Arc<[u8]>)> =
            self.entries(&before).map(|(key, value)| (key.clone(), value.clone())).collect();
        self.own = own;
        self.forget(&before);
        self.owners.admit(&unnamed(own));
        let renewed = entries.into_iter().map(|(key, value)| (Key::new(&own, &key), value));
        renewed.map(|(key, value)| self.change(key, Some(value), Time::ZERO)).collect()
    }

    /// From now on this owner's entries are taken. False where there are as many owners as there may be.
    pub fn admit(&mut self, owner: &Arc<Identity>) -> bool {
        if !self.owners.contains(&owner.generation) && self.owners.len() > self.bounds.owners {
            return false;
        }
        self.owners.admit(owner);
        true
    }

    /// The owners, and the hash tree over them.
    pub fn owners(&self) -> &Owners {
        &self.owners
    }

    /// The same, to say which of them are present.
    pub(super) fn owners_mut(&mut self) -> &mut Owners {
        &mut self.owners
    }

    /// The owner is gone, and its entries with it. Ourselves we do not forget.
    pub fn forget(&mut self, owner: &Salt) {
        if *owner == self.own || !self.owners.remove(owner) {
            return;
        }
        self.parts.forget(owner, i64::MAX);
        while let Some(version) = self.next_held(owner, 0) {
            self.remove(owner, version);
        }
    }

    /// The value an owner has set for a key.
    pub fn get(&self, owner: &Salt, key: &[u8]) -> Option<&[u8]> {
        let version = self.version_of(owner, key)?;
        self.by_version.get(&(*owner, version))?.live().map(|value| &**value)
    }

    /// An owner's keys and values, in the order they were last changed.
    pub fn entries<'a>(&'a self, owner: &Salt) -> impl Iterator<Item = (&'a Key, &'a Arc<[u8]>)> + use<'a> {
        let range = (*owner, i64::MIN)..=(*owner, i64::MAX);
        self.by_version.range(range).filter_map(|(_, held)| Some((&held.key, held.live()?)))
    }

    /// The version up to which nothing of this owner is missing; `None` where it is unknown.
    pub fn complete_to(&self, owner: &Salt) -> Option<i64> {
        self.owners.get(owner).map(|owner| owner.complete_to)
    }

    /// Whether something is held beyond what is complete: updates before it have been lost, or are late.
    pub fn has_gap(&self, owner: &Salt) -> bool {
        let Some(complete_to) = self.complete_to(owner) else { return false };
        self.next_held(owner, complete_to).is_some()
    }

    /// Entries held of all owners, tombstones included.
    pub fn len(&self) -> usize {
        self.by_version.len()
    }

    /// Whether no entry is held.
    pub fn is_empty(&self) -> bool {
        self.by_version.is_empty()
    }

    /// What the entries count together, in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The oldest change not yet asked for.
    pub fn poll_change(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    /// When the next tombstone is dropped.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.tombstones.first().map(|(expires, ..)| *expires)
    }

    /// Drops the tombstones whose time has come.
    pub fn handle_timeout(&mut self, now: Time) {
        while let Some((expires, owner, version)) = self.tombstones.first().copied()
            && expires <= now
        {
            self.drop_tombstone(&owner, version);
        }
    }

    /// Our own next version of an entry.
    fn change(&mut self, key: Key, value: Option<Arc<[u8]>>, now: Time) -> StateUpdate {
        let own = self.own;
        let after = self.complete_to(&own).unwrap_or(0);
        let version = after.saturating_add(1);
        let entry = Entry {
            key: key.to_vec(),
            value: value.as_deref().map(<[u8]>::to_vec).unwrap_or_default(),
            version,
            deleted: value.is_none(),
            offset: None,
            total: None,
        };
        self.set(&own, key, version, value, now);
        if let Some(owner) = self.owners.get_mut(&own) {
            owner.complete_to = version;
        }
        let owner_generation = own.0.to_vec();
        StateUpdate {
            owner_generation,
            after,
            upto: version,
            entries: vec![entry],
            floor: None,
            newest: None,
        }
    }

    fn version_of(&self, owner: &Salt, key: &[u8]) -> Option<i64> {
        let mut buffer = [0; SALT_LEN + MAX_KEY];
        let joined = buffer.get_mut(..SALT_LEN + key.len())?;
        joined.get_mut(..SALT_LEN)?.copy_from_slice(&owner.0);
        joined.get_mut(SALT_LEN..)?.copy_from_slice(key);
        self.by_key.get(&*joined).copied()
    }

    /// The first version held above this one.
    fn next_held(&self, owner: &Salt, above: i64) -> Option<i64> {
        let range = (*owner, above.checked_add(1)?)..=(*owner, i64::MAX);
        self.by_version.range(range).next().map(|((_, version), _)| *version)
    }

    /// Makes sure that an entry of this size fits the bounds, tombstones of the owner giving way.
    fn make_room(&mut self, owner: &Salt, key: &Key, value: usize) -> Result<(), PutError> {
        let replaced = self.by_key.get(key).and_then(|version| self.by_version.get(&(*owner, *version)));
        let (entries, freed) = replaced.map_or((1, 0), |held| (0, held.cost()));
        let added = (key.len() + value + ENTRY_COST).saturating_sub(freed);
        loop {
            let Some(held) = self.owners.get(owner) else { return Err(PutError::Entries(0)) };
            let enough = if held.entries + entries > self.bounds.entries_per_owner {
                Err(PutError::Entries(held.entries))
            } else if held.bytes + added > self.bounds.bytes_per_owner
                || self.bytes + added > self.bounds.bytes
            {
                Err(PutError::Bytes(added))
            } else {
                return Ok(());
            };
            let oldest =
                self.graves.range((*owner, 0)..=(*owner, i64::MAX)).next().map(|(_, version)| *version);
            // The tombstone that is being replaced stays: its room is counted already.
            match oldest.filter(|version| self.by_key.get(key) != Some(version)) {
                Some(version) => self.drop_tombstone(owner, version),
                None => return enough,
            }
        }
    }

    /// Holds this version of an entry in place of what was held of its key, and tells the change.
    fn set(&mut self, owner: &Salt, key: Key, version: i64, value: Option<Arc<[u8]>>, now: Time) {
        let was_live = match self.by_key.get(&key).copied() {
            Some(before) => self.take(owner, before).is_some_and(|held| held.live().is_some()),
            None => false,
        };
        if was_live || value.is_some() {
            self.changes.push_back(Change { owner: *owner, key: key.clone(), value: value.clone() });
        }
        let value = match value {
            Some(value) => Value::Live(value),
            None => {
                let expires = now + self.bounds.tombstone_life;
                self.tombstones.insert((expires, *owner, version));
                self.graves.insert((*owner, version));
                Value::Deleted(expires)
            }
        };
        let held = Held { key: key.clone(), value };
        self.bytes += held.cost();
        if let Some(owner) = self.owners.get_mut(owner) {
            owner.entries += 1;
            owner.bytes += held.cost();
        }
        self.by_key.insert(key, version);
        self.by_version.insert((*owner, version), held);
    }

    /// Removes what is held at a version, and tells the change where it was a live entry.
    fn remove(&mut self, owner: &Salt, version: i64) {
        if let Some(held) = self.take(owner, version)
            && held.live().is_some()
        {
            self.changes.push_back(Change { owner: *owner, key: held.key, value: None });
        }
    }

    fn drop_tombstone(&mut self, owner: &Salt, version: i64) {
        self.take(owner, version);
        if let Some(owner) = self.owners.find_mut(owner) {
            owner.drop_tombstone(version);
        }
    }

    /// Takes out what is held at a version, from every index.
    fn take(&mut self, owner: &Salt, version: i64) -> Option<Held> {
        let held = self.by_version.remove(&(*owner, version))?;
        self.by_key.remove(&held.key);
        if let Value::Deleted(expires) = held.value {
            self.tombstones.remove(&(expires, *owner, version));
            self.graves.remove(&(*owner, version));
        }
        self.bytes -= held.cost();
        if let Some(owner) = self.owners.find_mut(owner) {
            owner.entries -= 1;
            owner.bytes -= held.cost();
        }
        Some(held)
    }
}

/// Ourselves, until it is said what we are called: entries can be put before.
fn unnamed(own: Salt) -> Arc<Identity> {
    Arc::new(Identity::new("", own, ([0, 0, 0, 0], 0).into(), ""))
}
