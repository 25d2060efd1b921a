//! What is passed on: a queue of members whose news not everybody has, the freshest first (SWIM section 4.1).
//!
//! An entry is a member, not a message: what goes out is what the table says then, so that a later change replaces the
//! earlier one. Each is told `retransmit_mult * ceil(log10(members + 1))` times and then leaves the queue.

use std::collections::{BTreeMap, BTreeSet};

use super::table::MemberId;

/// How many entries that do not fit are passed over before a datagram counts as full.
const MISSES: usize = 4;

/// What became of an offered entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// It is in the datagram.
    Put,
    /// The receiver needs no telling of this.
    NotForIt,
    /// It is too long for the rest of the datagram.
    NoRoom,
}

/// The queue. At most one entry a member, so the table's bound is its bound.
#[derive(Debug, Default)]
pub(super) struct GossipQueue {
    /// Fewest tellings first, then the newest.
    entries: BTreeSet<(u16, u32, MemberId)>,
    /// The same by member.
    of: BTreeMap<MemberId, (u16, u32)>,
    /// Counts down, so that newer entries order first.
    stamp: u32,
    /// Something came since [`GossipQueue::settle`].
    fresh: bool,
}

impl GossipQueue {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Any entry of another than ourselves.
    pub(super) fn first_of_others(&self) -> Option<MemberId> {
        self.entries.iter().map(|&(_, _, id)| id).find(|&id| id != MemberId::ME)
    }

    /// Whether something came since [`GossipQueue::settle`].
    pub(super) fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// What is in it counts as fresh no longer.
    pub(super) fn settle(&mut self) {
        self.fresh = false;
    }

    /// (Re)starts the telling of a member's news.
    pub(super) fn push(&mut self, id: MemberId) {
        self.fresh = true;
        self.stamp = self.stamp.wrapping_sub(1);
        self.put(id, 0, self.stamp);
    }

    pub(super) fn remove(&mut self, id: MemberId) {
        if let Some((told, stamp)) = self.of.remove(&id) {
            self.entries.remove(&(told, stamp, id));
        }
    }

    /// Whether news of this member are still being told.
    pub(super) fn contains(&self, id: MemberId) -> bool {
        self.of.contains_key(&id)
    }

    /// Offers each entry, with the number of its tellings so far, to `put` until some found no room; those told.
    pub(super) fn tell(&self, mut put: impl FnMut(MemberId, usize) -> Told) -> Vec<MemberId> {
        let mut told = Vec::new();
        let mut misses = 0;
        for &(count, _, id) in &self.entries {
            match put(id, usize::from(count)) {
                Told::Put => told.push(id),
                Told::NotForIt => {}
                Told::NoRoom => misses += 1,
            }
            if misses == MISSES {
                break;
            }
        }
        told
    }

    /// Counts a telling; the entry goes when that was the last of `limit`.
    pub(super) fn count(&mut self, id: MemberId, limit: u16) {
        let Some(&(told, stamp)) = self.of.get(&id) else { return };
        let told = told.saturating_add(1);
        if told < limit {
            self.put(id, told, stamp);
        } else {
            self.remove(id);
        }
    }

    fn put(&mut self, id: MemberId, told: u16, stamp: u32) {
        if let Some((told, stamp)) = self.of.insert(id, (told, stamp)) {
            self.entries.remove(&(told, stamp, id));
        }
        self.entries.insert((told, stamp, id));
    }
}

/// How often a change is told in an overlay of so many members.
pub(super) fn tellings(retransmit_mult: u32, members: usize) -> u16 {
    let scale = (members.saturating_add(1) as f64).log10().ceil() as u32;
    u16::try_from(retransmit_mult.saturating_mul(scale)).unwrap_or(u16::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_a_multiple_of_the_logarithm() {
        assert_eq!(tellings(4, 1), 4);
        assert_eq!(tellings(4, 9), 4);
        assert_eq!(tellings(4, 16), 8);
        assert_eq!(tellings(4, 10_000), 20);
        assert_eq!(tellings(0, 10), 1);
        assert_eq!(tellings(u32::MAX, usize::MAX), u16::MAX);
    }
}
