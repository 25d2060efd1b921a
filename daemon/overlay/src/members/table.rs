//! The table of members: a slab with look-ups by name, by generation and by address.
//!
//! It holds live members, and dead ones as tombstones that keep old claims from reviving them. We are in it ourselves,
//! always at [`MemberId::ME`]. It knows no rules of membership; `merge` does.

use std::{
    collections::HashMap,
    hash::{BuildHasher, DefaultHasher, Hash},
    net::SocketAddr,
    sync::Arc,
};

use gossiperl_idl::Salt;
use gossiperl_link::Time;

use super::{
    claim::{Claim, Liveness},
    suspicion::Suspicion,
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

/// What is known about one daemon.
#[derive(Clone, Debug)]
pub struct Member {
    pub(super) name: Arc<str>,
    pub(super) rack: Arc<str>,
    pub(super) generation: Salt,
    pub(super) address: SocketAddr,
    pub(super) incarnation: u32,
    /// Where it stands in the list of its kind (near, far or lost); `NOWHERE` in none.
    pub(super) position: u32,
    pub(super) last_heard: Time,
    pub(super) changed: Time,
    /// When its tombstone is next dealt with; set while it is in the queue of tombstones.
    pub(super) buried: Time,
    /// When gossip was last put into a datagram to it.
    pub(super) gossiped: Time,
    /// When it was last told that we think it dead.
    pub(super) noticed: Time,
    pub(super) suspicion: Option<Box<Suspicion>>,
    /// Its entry in the gossip queue.
    pub(super) gossip: Option<(u16, u32)>,
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
    pub(super) fn new(now: Time, claim: &Claim<'_>, rack: Arc<str>) -> Self {
        Member {
            name: Arc::from(claim.name),
            rack,
            generation: claim.generation,
            address: claim.address,
            incarnation: claim.incarnation,
            position: NOWHERE,
            last_heard: now,
            changed: now,
            buried: Time::ZERO,
            gossiped: Time::ZERO,
            noticed: Time::ZERO,
            suspicion: None,
            gossip: None,
            liveness: claim.liveness,
            list: List::None,
            announced: false,
            dropped: false,
        }
    }

    /// Its name, unique in the overlay.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Its rack.
    pub fn rack(&self) -> &str {
        &self.rack
    }

    /// Its present run, or the last one known.
    pub fn generation(&self) -> &Salt {
        &self.generation
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
        self.address
    }

    /// When a datagram of it last arrived here; of a member never heard directly, when it was first told of.
    pub fn last_heard(&self) -> Time {
        self.last_heard
    }

    /// When its liveness or generation last changed.
    pub fn changed(&self) -> Time {
        self.changed
    }

    /// The public has forgotten it (`member_out`): not to be listed, nor repaired.
    pub fn is_forgotten(&self) -> bool {
        self.dropped
    }

    /// What we would claim about it, naming no accuser.
    pub fn claim(&self) -> Claim<'_> {
        Claim {
            name: &self.name,
            generation: self.generation,
            incarnation: self.incarnation,
            liveness: self.liveness,
            address: self.address,
            rack: &self.rack,
            accuser: None,
        }
    }
}

/// The slab and its look-ups. Look-ups are hashed with the seed and never iterated.
pub(super) struct Table {
    slots: Vec<Option<Member>>,
    free: Vec<MemberId>,
    by_name: HashMap<Arc<str>, MemberId, Seeded>,
    by_generation: HashMap<Salt, MemberId, Seeded>,
    by_address: HashMap<SocketAddr, MemberId, Seeded>,
}

impl Table {
    /// A table with ourselves in it. We are found by name only.
    pub(super) fn new(seed: u64, me: Member) -> Self {
        let hasher = Seeded(seed);
        let mut by_name = HashMap::with_hasher(hasher);
        by_name.insert(me.name.clone(), MemberId::ME);
        Table {
            slots: vec![Some(me)],
            free: Vec::new(),
            by_name,
            by_generation: HashMap::with_hasher(hasher),
            by_address: HashMap::with_hasher(hasher),
        }
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
        self.by_name.get(name).copied()
    }

    pub(super) fn by_generation(&self, generation: &Salt) -> Option<MemberId> {
        self.by_generation.get(generation).copied()
    }

    pub(super) fn by_address(&self, address: &SocketAddr) -> Option<MemberId> {
        self.by_address.get(address).copied()
    }

    /// All members in the order of their places.
    pub(super) fn iter(&self) -> impl Iterator<Item = (MemberId, &Member)> {
        self.slots
            .iter()
            .enumerate()
            .filter_map(|(index, slot)| Some((MemberId(u32::try_from(index).ok()?), slot.as_ref()?)))
    }

    /// Adds a member whose name is not in the table yet.
    pub(super) fn insert(&mut self, member: Member) -> MemberId {
        debug_assert!(!self.by_name.contains_key(&member.name));
        let id = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            MemberId(u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX))
        });
        self.by_name.insert(member.name.clone(), id);
        self.by_generation.insert(member.generation, id);
        self.by_address.insert(member.address, id);
        if let Some(slot) = self.slots.get_mut(id.index()) {
            *slot = Some(member);
        }
        id
    }

    /// Takes a member out.
    pub(super) fn remove(&mut self, id: MemberId) -> Option<Member> {
        let member = self.slots.get_mut(id.index())?.take()?;
        self.by_name.remove(&member.name);
        self.forget_look_ups(id, &member.generation, &member.address);
        self.free.push(id);
        Some(member)
    }

    /// Gives a member other than ourselves another run and address. An address that two claim leads to the later.
    pub(super) fn move_to(&mut self, id: MemberId, generation: Salt, address: SocketAddr) {
        let Some(member) = self.get_mut(id) else { return };
        let before = (member.generation, member.address);
        (member.generation, member.address) = (generation, address);
        self.forget_look_ups(id, &before.0, &before.1);
        self.by_generation.insert(generation, id);
        self.by_address.insert(address, id);
    }

    fn forget_look_ups(&mut self, id: MemberId, generation: &Salt, address: &SocketAddr) {
        if self.by_generation.get(generation) == Some(&id) {
            self.by_generation.remove(generation);
        }
        if self.by_address.get(address) == Some(&id) {
            self.by_address.remove(address);
        }
    }
}

/// SipHash that starts from the overlay's seed: the same everywhere in one run, unknown to who picks names.
#[derive(Clone, Copy)]
struct Seeded(u64);

impl BuildHasher for Seeded {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        let mut hasher = DefaultHasher::new();
        self.0.hash(&mut hasher);
        hasher
    }
}
