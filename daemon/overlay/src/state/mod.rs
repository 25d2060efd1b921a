//! Shared state: entries owned by daemons, spread eagerly and repaired by anti-entropy (DESIGN.md section 5).
//!
//! [`State`] puts the pieces together: [`store`] (entries), [`eager`] (gossip of changes), [`tree`] (hash tree over
//! the owners) and [`repair`] (the exchange over it). It knows members only by what it is told, and sends to generations,
//! not addresses.
//!
//! What its user does:
//!
//! - At the start and whenever what is known of a member changes, ourselves included (incarnation, liveness, new
//!   member): [`State::set_member`]. When a member is dropped, has left, or a newer generation of the name takes its
//!   place: [`State::forget_member`] with the old generation.
//! - In Ping and PingAck: [`State::root`]; from those that arrive: [`State::handle_root`]. Having joined through a daemon:
//!   [`State::repair_with`] it, to be taught the whole table at once.
//! - For frames 24 to 27 of a known sender: [`State::handle_frame`]; then give each of `learned` to
//!   [`Members::handle_repair`](crate::members::Members::handle_repair), and the outcome back through `set_member`,
//!   *before* the next `poll_transmit`: entries are asked for only of owners that have been admitted.
//! - Into gossip: [`State::fill_gossip`], with what room is left and the retransmit count that membership uses.
//! - After anything: [`State::poll_change`] until `None`, for the index of subscriptions; [`State::poll_transmit`]
//!   until `None`; [`State::poll_timeout`].

use std::{sync::Arc, time::Duration};

use gossiperl_idl::{
    Salt,
    codec::{DecodeError, decode_compact},
    frame,
    generated::{Liveness, MemberUpdate, StateUpdate},
};
use gossiperl_link::Time;

use self::{
    eager::Eager,
    owners::Owners,
    repair::{Find, Repair, RepairStats, View},
    store::{Bounds, Change, PutError, Refused, Store},
};
use crate::Identity;

pub mod eager;
pub mod owners;
pub mod repair;
pub mod size;
pub mod store;
pub mod tree;

/// Counters since the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateStats {
    /// Updates of entries that taught us something.
    pub updates_new: u64,
    /// Updates that did not.
    pub updates_known: u64,
    /// Updates of owners that are not members.
    pub updates_unknown: u64,
    /// Updates that contradict themselves.
    pub updates_malformed: u64,
    /// Entries left out because a bound is reached.
    pub entries_refused: u64,
    /// Repair's own.
    pub repair: RepairStats,
}

/// The shared state as one daemon holds it.
#[derive(Clone, Debug)]
pub struct State {
    store: Store,
    eager: Eager,
    repair: Repair,
    /// When the root last changed.
    changed: Time,
    stats: StateStats,
}

impl State {
    /// Nothing but ourselves, without entries; [`State::set_member`] is to say who we are.
    pub fn new(own: Salt, bounds: Bounds) -> Self {
        State {
            store: Store::new(own, bounds),
            eager: Eager::default(),
            repair: Repair::new(),
            changed: Time::ZERO,
            stats: StateStats::default(),
        }
    }

    /// Sets an entry of our own. True where that was a change. An error leaves everything as it was, except that
    /// tombstones may have made room.
    pub fn put(&mut self, now: Time, key: &[u8], value: &[u8]) -> Result<bool, PutError> {
        let update = self.store.put(key, value)?;
        Ok(self.spread_own(now, update))
    }

    /// Deletes an entry of our own. True where there was one.
    pub fn delete(&mut self, now: Time, key: &[u8]) -> bool {
        let update = self.store.delete(now, key);
        self.spread_own(now, update)
    }

    /// We go on under a newer generation, as if restarted: our entries are its now. [`State::set_member`] is to follow.
    pub fn set_generation(&mut self, now: Time, generation: Salt) {
        let before = self.store.own();
        self.withdraw(now, &before);
        self.eager.forget(&before);
        for update in self.store.set_own(generation) {
            self.eager.push(update);
        }
    }

    /// Makes room for so many more members at once.
    pub fn reserve(&mut self, more: usize) {
        self.store.owners_mut().reserve(more);
    }

    /// What is known of a member now. False where it is one too many, and its entries will not be held.
    ///
    /// Entries of a failed one are kept, in case that was a mistake, until [`State::forget_member`]; of one that left they
    /// go at once.
    pub fn set_member(
        &mut self,
        now: Time,
        member: &Arc<Identity>,
        incarnation: i32,
        liveness: Liveness,
    ) -> bool {
        let owner = &member.generation;
        if !repair::is_present(liveness) {
            self.withdraw(now, owner);
            if liveness == Liveness::LEFT {
                self.forget_member(now, owner);
            }
            return true;
        }
        if !self.store.admit(member) {
            return false;
        }
        let changed = self.store.owners_mut().enter(owner, incarnation);
        self.note_change(now, changed);
        true
    }

    /// A member is gone, or this generation of it: its entries vanish.
    pub fn forget_member(&mut self, now: Time, owner: &Salt) {
        if *owner == self.store.own() {
            return;
        }
        self.withdraw(now, owner);
        self.store.forget(owner);
        self.eager.forget(owner);
        self.repair.forget(owner);
    }

    /// The root of our hash tree, for Ping and PingAck.
    pub fn root(&self) -> i64 {
        self.tree().root().cast_signed()
    }

    /// A probe of this peer, or its answer, carried this root.
    pub fn handle_root(&mut self, now: Time, peer: Salt, root: i64) {
        self.repair.handle_root(now, peer, root.cast_unsigned(), self.tree().root(), self.changed);
    }

    /// Compares everything with this daemon now; a round trip to it takes so long, where that is known. False where that is under way, or too much
    /// else is.
    pub fn repair_with(&mut self, now: Time, peer: Salt, round_trip: Option<Duration>) -> bool {
        self.repair.start(now, peer, round_trip)
    }

    /// Frames 24 to 27; true where it was one. `find` looks members up; what the sender told of members is appended to
    /// `learned`. An error is a body that is not its struct, and has changed nothing.
    pub fn handle_frame(
        &mut self,
        now: Time,
        from: Salt,
        kind: u8,
        body: &[u8],
        find: &dyn Fn(Find<'_>) -> Option<MemberUpdate>,
        learned: &mut Vec<MemberUpdate>,
    ) -> Result<bool, DecodeError> {
        let State { store, repair, .. } = self;
        let view = View { store, find };
        match kind {
            frame::STATE_UPDATE => self.handle_update(now, from, decode_compact(body)?),
            frame::TREE_DIGEST => repair.handle_digest(now, from, &decode_compact(body)?, &view),
            frame::TREE_DIGEST_ACK => repair.handle_ack(now, from, &decode_compact(body)?, &view, learned),
            frame::TREE_DIGEST_ACK_ACK => {
                repair.handle_ack_ack(now, from, &decode_compact(body)?, &view, learned)
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Appends frames of changes, as many as fit, until `out` is `limit` bytes long; each change is sent `transmits`
    /// times in all. Returns the number of frames.
    pub fn fill_gossip(&mut self, out: &mut Vec<u8>, limit: usize, transmits: u32) -> usize {
        self.eager.fill(out, limit, transmits)
    }

    /// Whether there are changes to gossip.
    pub fn has_gossip(&self) -> bool {
        !self.eager.is_empty()
    }

    /// Whether some of them came since [`State::settle_gossip`].
    pub fn has_fresh_gossip(&self) -> bool {
        self.eager.is_fresh()
    }

    /// What waits to be gossiped counts as fresh no longer.
    pub fn settle_gossip(&mut self) {
        self.eager.settle();
    }

    /// The next chunk of frames of repair and to whom it goes; at most [`size::CHUNK`] bytes.
    pub fn poll_transmit(&mut self, now: Time) -> Option<(Salt, Vec<u8>)> {
        self.repair.poll_transmit(now, &self.store)
    }

    /// The next change of what is held, in the order they happened.
    pub fn poll_change(&mut self) -> Option<Change> {
        self.store.poll_change()
    }

    /// When [`State::handle_timeout`] has something to do.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.repair.poll_timeout().into_iter().chain(self.store.poll_timeout()).min()
    }

    /// Drops old tombstones, asks again for what did not come.
    pub fn handle_timeout(&mut self, now: Time) {
        self.store.handle_timeout(now);
        self.repair.handle_timeout(now, &mut self.store);
    }

    /// The entries.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The hash tree.
    pub fn tree(&self) -> &Owners {
        self.store.owners()
    }

    /// Whether we drive no exchange and want nothing.
    pub fn is_repaired(&self) -> bool {
        self.repair.is_idle()
    }

    /// Counters.
    pub fn stats(&self) -> StateStats {
        StateStats { repair: self.repair.stats(), ..self.stats }
    }

    fn spread_own(&mut self, now: Time, update: Option<StateUpdate>) -> bool {
        let Some(update) = update else { return false };
        self.eager.push(update);
        let own = self.store.own();
        self.refresh(now, &own);
        true
    }

    fn handle_update(&mut self, now: Time, from: Salt, update: StateUpdate) {
        let expected = self.repair.expects(&from, &update);
        let applied = self.store.apply(now, &update);
        if expected {
            self.repair.handle_page(now, &update, applied, &mut self.store);
        }
        let owner = Salt::from_slice(&update.owner_generation);
        match (applied, owner) {
            (Ok(applied), Some(owner)) => {
                self.stats.entries_refused += applied.refused as u64;
                if !applied.news {
                    self.stats.updates_known += 1;
                    return;
                }
                self.stats.updates_new += 1;
                self.refresh(now, &owner);
                if expected {
                    return;
                }
                if self.store.has_gap(&owner) {
                    self.repair.handle_gap(now, from, owner);
                }
                // A page that came late was for us alone.
                if update.floor.is_none() && update.newest.is_none() {
                    self.eager.push(update);
                }
            }
            (Err(Refused::Unknown), _) => self.stats.updates_unknown += 1,
            (Err(Refused::Own), _) => self.stats.updates_known += 1,
            (Err(Refused::Malformed) | Ok(_), _) => self.stats.updates_malformed += 1,
        }
    }

    /// Sets the item of a present member.
    fn refresh(&mut self, now: Time, owner: &Salt) {
        let changed = self.store.owners_mut().refresh(owner);
        self.note_change(now, changed);
    }

    /// Takes out the item of a member that is not present any more.
    fn withdraw(&mut self, now: Time, owner: &Salt) {
        let changed = self.store.owners_mut().withdraw(owner);
        self.note_change(now, changed);
    }

    fn note_change(&mut self, now: Time, changed: bool) {
        if changed {
            self.changed = now;
        }
    }
}
