//! The owners of entries: one record each, found by generation, and linked from its leaf of the hash tree ([`super::tree`]) while it is a
//! present member.
//!
//! Most daemons own nothing that others hold, so what is known of entries is kept apart, and only of those that have some. A record is 32 bytes
//! and a look-up 5 to 11; who it is, is shared with the table of members. The slab grows by an eighth, and is bounded by its user.

use std::sync::Arc;

use gossiperl_idl::Salt;

use super::{
    store::Owner,
    tree::{self, Leaves, Sums},
};
use crate::{
    Identity,
    index::{Index, make_room},
};

/// Ends a leaf's chain.
pub(super) const END: u32 = u32::MAX;
/// Stands in place of the next in its chain where an owner has no item in the tree.
const ABSENT: u32 = u32::MAX - 1;

/// All owners, and the hash tree over those that are present.
#[derive(Clone, Debug)]
pub struct Owners {
    slots: Vec<Option<Record>>,
    free: Vec<u32>,
    by_generation: Index,
    pub(super) leaves: Leaves,
    pub(super) sums: Sums,
}

#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) identity: Arc<Identity>,
    pub(super) item: u64,
    incarnation: i32,
    /// The next owner of its leaf, or [`END`], or [`ABSENT`].
    pub(super) next: u32,
    /// `None`: as of one without entries.
    known: Option<Box<Owner>>,
}

impl Owners {
    /// None yet. Who picks salts must not be able to predict the seed.
    pub fn new(seed: u64) -> Self {
        Owners {
            slots: Vec::new(),
            free: Vec::new(),
            by_generation: Index::new(seed),
            leaves: Leaves::default(),
            sums: Sums::default(),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_generation.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether this generation is one of them.
    pub fn contains(&self, owner: &Salt) -> bool {
        self.place(owner).is_some()
    }

    /// Makes room for so many more.
    pub fn reserve(&mut self, more: usize) {
        self.slots.reserve_exact(more);
        let slots = &self.slots;
        self.by_generation
            .reserve(more, |place| Some(slots.get(place as usize)?.as_ref()?.identity.generation));
    }

    /// Adds an owner, or takes over what has changed of who it is.
    pub fn admit(&mut self, identity: &Arc<Identity>) {
        if let Some(place) = self.place(&identity.generation) {
            if self.record(place).is_some_and(|record| record.identity.name_hash != identity.name_hash) {
                self.set(place, None);
            }
            if let Some(record) = self.record_mut(place) {
                record.identity = identity.clone();
            }
            return;
        }
        let record =
            Record { identity: identity.clone(), item: 0, incarnation: 0, next: ABSENT, known: None };
        let place = self.free.pop().unwrap_or_else(|| {
            make_room(&mut self.slots);
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).unwrap_or(ABSENT)
        });
        if let Some(slot) = self.slots.get_mut(place as usize) {
            *slot = Some(record);
        }
        let slots = &self.slots;
        self.by_generation
            .insert(place, |place| Some(slots.get(place as usize)?.as_ref()?.identity.generation));
    }

    /// Takes an owner out, of the tree too. False where there is none of this generation.
    pub fn remove(&mut self, owner: &Salt) -> bool {
        let Some(place) = self.place(owner) else { return false };
        self.set(place, None);
        self.by_generation.remove(owner, place);
        self.free.push(place);
        self.slots.get_mut(place as usize).and_then(Option::take).is_some()
    }

    /// The owner is a present member with this incarnation: it has an item in the tree. True where that changed the tree.
    pub fn enter(&mut self, owner: &Salt, incarnation: i32) -> bool {
        let Some(place) = self.place(owner) else { return false };
        if let Some(record) = self.record_mut(place) {
            record.incarnation = incarnation;
        }
        self.set_item(place)
    }

    /// More of an owner's entries is held. True where that changed the tree.
    pub fn refresh(&mut self, owner: &Salt) -> bool {
        let present = |place: &u32| self.record(*place).is_some_and(Record::is_present);
        let Some(place) = self.place(owner).filter(present) else { return false };
        self.set_item(place)
    }

    /// The owner is no present member any more. True where that changed the tree.
    pub fn withdraw(&mut self, owner: &Salt) -> bool {
        self.place(owner).is_some_and(|place| self.set(place, None))
    }

    /// What is known of an owner's entries.
    pub(super) fn get(&self, owner: &Salt) -> Option<&Owner> {
        self.record(self.place(owner)?).map(Record::known)
    }

    /// The same to be changed: makes room for it.
    pub(super) fn get_mut(&mut self, owner: &Salt) -> Option<&mut Owner> {
        let place = self.place(owner)?;
        self.record_mut(place).map(|record| &mut **record.known.get_or_insert_default())
    }

    /// The same, where there is more to know than of one without entries.
    pub(super) fn find_mut(&mut self, owner: &Salt) -> Option<&mut Owner> {
        let place = self.place(owner)?;
        self.record_mut(place)?.known.as_deref_mut()
    }

    pub(super) fn record(&self, place: u32) -> Option<&Record> {
        self.slots.get(place as usize)?.as_ref()
    }

    pub(super) fn record_mut(&mut self, place: u32) -> Option<&mut Record> {
        self.slots.get_mut(place as usize)?.as_mut()
    }

    fn place(&self, owner: &Salt) -> Option<u32> {
        self.by_generation.find(owner, |place| {
            self.record(place).is_some_and(|record| record.identity.generation == *owner)
        })
    }

    fn set_item(&mut self, place: u32) -> bool {
        let Some(record) = self.record(place) else { return false };
        let Identity { name_hash, generation, .. } = &*record.identity;
        let item = tree::item(*name_hash, generation, record.incarnation, record.known().complete_to);
        self.set(place, Some(item))
    }
}

impl Record {
    pub(super) fn is_present(&self) -> bool {
        self.next != ABSENT
    }

    /// Puts it before this one in its leaf's chain.
    pub(super) fn link(&mut self, next: u32) {
        self.next = next;
    }

    /// Says what came after it in its leaf's chain, which it leaves.
    pub(super) fn unlink(&mut self) -> u32 {
        std::mem::replace(&mut self.next, ABSENT)
    }

    fn known(&self) -> &Owner {
        self.known.as_deref().unwrap_or(&Owner::WITHOUT_ENTRIES)
    }
}
