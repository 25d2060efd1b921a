//! The table of members: a slab with look-ups by name, by generation and by address.
//!
//! It holds live members, and dead ones as tombstones that keep old claims from reviving them. We are in it ourselves,
//! always at [`MemberId::ME`]. It knows no rules of membership; `merge` does.

use std::{net::SocketAddr, sync::Arc};

use gossiperl_idl::Salt;
use gossiperl_link::Time;

use super::claim::{Claim, Liveness};
use crate::{
    Identity,
    index::{Index, make_room},
};

/// A member's place in the table, valid until the member is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(pub(super) u32);

impl MemberId {
    /// Ourselves.
    pub const ME: MemberId = MemberId(0);

    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// What is known about one daemon. What few members have at a time, a suspicion or news to be told, is kept by the part that deals with it.
#[derive(Clone, Debug)]
pub struct Member {
    pub(super) identity: Arc<Identity>,
    pub(super) last_heard: Time,
    pub(super) incarnation: u32,
    /// Where it stands in the list of its kind (near, far or lost); `NOWHERE` in none.
    pub(super) position: u32,
    pub(super) liveness: Liveness,
    /// Which list `position` is in.
    pub(super) list: List,
    /// `member_in` was reported and `member_out` was not.
    pub(super) announced: bool,
    /// The public has forgotten it; only its tombstone is left.
    pub(super) dropped: bool,
}

/// The lists a member can be in, one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    None,
    /// Live, in our rack.
    Near,
    /// Live, in another rack.
    Far,
    /// Failed: tried at a low rate.
    Lost,
}

/// Of a `Member` in no list.
pub(super) const NOWHERE: u32 = u32::MAX;

impl Member {
    pub(super) fn new(now: Time, claim: &Claim<'_>, identity: Arc<Identity>) -> Self {
        Member {
            identity,
            last_heard: now,
            incarnation: claim.incarnation,
            position: NOWHERE,
            liveness: claim.liveness,
            list: List::None,
            announced: false,
            dropped: false,
        }
    }

    /// Who it is: what does not change while it runs where it is.
    pub fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    /// Its name, unique in the overlay.
    pub fn name(&self) -> &Arc<str> {
        &self.identity.name
    }

    /// Its rack.
    pub fn rack(&self) -> &str {
        &self.identity.rack
    }

    /// Its present run, or the last one known.
    pub fn generation(&self) -> &Salt {
        &self.identity.generation
    }

    /// How often this run had to refute.
    pub fn incarnation(&self) -> u32 {
        self.incarnation
    }

    /// Whether it is thought to run.
    pub fn liveness(&self) -> Liveness {
        self.liveness
    }

    /// Where it is reached.
    pub fn address(&self) -> SocketAddr {
        self.identity.address
    }

    /// When a datagram of it last arrived here; of a member never heard directly, when it was first told of.
    pub fn last_heard(&self) -> Time {
        self.last_heard
    }

    /// The public has forgotten it (`member_out`): not to be listed, nor repaired.
    pub fn is_forgotten(&self) -> bool {
        self.dropped
    }

    /// What we would claim about it, naming no accuser.
    pub fn claim(&self) -> Claim<'_> {
        Claim {
            name: &self.identity.name,
            generation: self.identity.generation,
            incarnation: self.incarnation,
            liveness: self.liveness,
            address: self.identity.address,
            rack: &self.identity.rack,
            accuser: None,
        }
    }
}

/// The slab and its look-ups. Look-ups are hashed with the seed and never iterated.
pub(super) struct Table {
    slots: Vec<Option<Member>>,
    free: Vec<MemberId>,
    by_name: Index,
    by_generation: Index,
    by_address: Index,
}

impl Table {
    /// A table with ourselves in it. We are found by name only.
    pub(super) fn new(seed: u64, me: Member) -> Self {
        let mut table = Table {
            slots: vec![Some(me)],
            free: Vec::new(),
            by_name: Index::new(seed),
            by_generation: Index::new(seed),
            by_address: Index::new(seed),
        };
        table.by_name.insert(MemberId::ME.0, |place| identity(&table.slots, place).map(Identity::name));
        table
    }

    /// Members held, with tombstones and ourselves.
    pub(super) fn len(&self) -> usize {
        self.by_name.len()
    }

    pub(super) fn get(&self, id: MemberId) -> Option<&Member> {
        self.slots.get(id.index())?.as_ref()
    }

    pub(super) fn get_mut(&mut self, id: MemberId) -> Option<&mut Member> {
        self.slots.get_mut(id.index())?.as_mut()
    }

    pub(super) fn by_name(&self, name: &str) -> Option<MemberId> {
        let is = |place| identity(&self.slots, place).is_some_and(|held| *held.name == *name);
        self.by_name.find(name, is).map(MemberId)
    }

    pub(super) fn by_generation(&self, generation: &Salt) -> Option<MemberId> {
        let is = |place| identity(&self.slots, place).is_some_and(|held| held.generation == *generation);
        self.by_generation.find(generation, is).map(MemberId)
    }

    pub(super) fn by_address(&self, address: &SocketAddr) -> Option<MemberId> {
        let is = |place| identity(&self.slots, place).is_some_and(|held| held.address == *address);
        self.by_address.find(address, is).map(MemberId)
    }

    /// All members in the order of their places.
    pub(super) fn iter(&self) -> impl Iterator<Item = (MemberId, &Member)> {
        self.slots
            .iter()
            .enumerate()
            .filter_map(|(index, slot)| Some((MemberId(u32::try_from(index).ok()?), slot.as_ref()?)))
    }

    /// Makes room for so many more.
    pub(super) fn reserve(&mut self, more: usize) {
        self.slots.reserve_exact(more);
        let Table { slots, by_name, by_generation, by_address, .. } = self;
        by_name.reserve(more, |place| identity(slots, place).map(Identity::name));
        by_generation.reserve(more, |place| identity(slots, place).map(|held| held.generation));
        by_address.reserve(more, |place| identity(slots, place).map(|held| held.address));
    }

    /// Adds a member whose name is not in the table yet.
    pub(super) fn insert(&mut self, member: Member) -> MemberId {
        debug_assert!(self.by_name(member.name()).is_none());
        let id = self.free.pop().unwrap_or_else(|| {
            make_room(&mut self.slots);
            self.slots.push(None);
            MemberId(u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX))
        });
        if let Some(slot) = self.slots.get_mut(id.index()) {
            *slot = Some(member);
        }
        self.by_name.insert(id.0, |place| identity(&self.slots, place).map(Identity::name));
        self.note_run(id);
        id
    }

    /// Takes a member out.
    pub(super) fn remove(&mut self, id: MemberId) -> Option<Member> {
        let name = self.get(id)?.name().clone();
        self.by_name.remove(&*name, id.0);
        self.forget_run(id);
        self.free.push(id);
        self.slots.get_mut(id.index())?.take()
    }

    /// Gives a member other than ourselves another run, address or rack. An address that two claim leads to the later.
    pub(super) fn move_to(&mut self, id: MemberId, identity: Arc<Identity>) {
        self.forget_run(id);
        if let Some(member) = self.get_mut(id) {
            member.identity = identity;
        }
        self.note_run(id);
    }

    fn note_run(&mut self, id: MemberId) {
        self.by_generation.insert(id.0, |place| identity(&self.slots, place).map(|held| held.generation));
        self.by_address.insert(id.0, |place| identity(&self.slots, place).map(|held| held.address));
    }

    fn forget_run(&mut self, id: MemberId) {
        let Some(held) = identity(&self.slots, id.0) else { return };
        self.by_generation.remove(&held.generation, id.0);
        self.by_address.remove(&held.address, id.0);
    }
}

fn identity(slots: &[Option<Member>], place: u32) -> Option<&Identity> {
    slots.get(place as usize)?.as_ref().map(|member| &*member.identity)
}
