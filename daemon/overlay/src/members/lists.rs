//! The order of probing and the picking of random members: live ones of our rack, live ones of others, lost ones.
//!
//! SWIM section 4.3: members are probed round-robin in a random order, made anew after each round; a newcomer is put at
//! a random place of what is left of the round. So every member is probed within two rounds, whatever chance does.
//!
//! A bounded share of probes and gossip goes to other racks: one probe in [`FAR_PROBES`], one gossip target of each
//! tick. Where either side is empty the other gets everything.

use rand::{Rng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::table::{List, MemberId, NOWHERE, Table};
use crate::index::make_room;

/// One probe of so many goes to another rack. Our choice: a rack of its own is then still probed once in four periods.
const FAR_PROBES: u32 = 4;

/// The lists; each member of the table knows its place in them.
#[derive(Debug, Default)]
pub(super) struct Lists {
    near: Ring,
    far: Ring,
    lost: Ring,
    turn: u32,
}

#[derive(Debug, Default)]
struct Ring {
    order: Vec<MemberId>,
    /// Those before it have been taken in this round.
    cursor: usize,
}

impl Lists {
    /// Live members other than ourselves.
    pub(super) fn live(&self) -> usize {
        self.near.order.len() + self.far.order.len()
    }

    /// Failed members that are still tried.
    pub(super) fn lost(&self) -> usize {
        self.lost.order.len()
    }

    /// Moves a member to a list, at a random place of what is left of its round.
    pub(super) fn put(&mut self, table: &mut Table, rng: &mut ChaCha8Rng, id: MemberId, list: List) {
        let Some(member) = table.get(id) else { return };
        if member.list == list {
            return;
        }
        self.take_out(table, id);
        let Some(ring) = self.ring(list) else { return };
        make_room(&mut ring.order);
        ring.order.push(id);
        let last = ring.order.len() - 1;
        let place = rng.random_range(ring.cursor.min(last)..=last);
        ring.order.swap(place, last);
        ring.note(table, last);
        ring.note(table, place);
        if let Some(member) = table.get_mut(id) {
            member.list = list;
        }
    }

    /// Takes a member out of its list.
    pub(super) fn take_out(&mut self, table: &mut Table, id: MemberId) {
        let Some(member) = table.get_mut(id) else { return };
        let (list, place) = (member.list, member.position as usize);
        (member.list, member.position) = (List::None, NOWHERE);
        let Some(ring) = self.ring(list) else { return };
        if ring.order.get(place) != Some(&id) {
            debug_assert!(false, "a member is not where it says");
            return;
        }
        // The hole moves to the end: first within the part already taken, then behind it.
        let mut hole = place;
        if hole < ring.cursor {
            ring.cursor -= 1;
            ring.order.swap(hole, ring.cursor);
            ring.note(table, hole);
            hole = ring.cursor;
        }
        ring.order.swap_remove(hole);
        ring.note(table, hole);
    }

    /// The next member to probe.
    pub(super) fn next(&mut self, table: &mut Table, rng: &mut ChaCha8Rng) -> Option<MemberId> {
        self.turn = self.turn.wrapping_add(1);
        let far = self.near.order.is_empty() || self.turn.is_multiple_of(FAR_PROBES);
        let ring = if far && !self.far.order.is_empty() { &mut self.far } else { &mut self.near };
        ring.next(table, rng)
    }

    /// The next lost member to try.
    pub(super) fn next_lost(&mut self, table: &mut Table, rng: &mut ChaCha8Rng) -> Option<MemberId> {
        self.lost.next(table, rng)
    }

    /// Up to `count` different live members, of other racks at most one where ours has any, and not `except`.
    pub(super) fn pick(&self, rng: &mut ChaCha8Rng, count: usize, except: Option<MemberId>) -> Vec<MemberId> {
        let far = usize::from(count > 1).min(self.far.order.len());
        let near = self.near.order.len().min(count - far);
        let far = count - near;
        let mut picked = Vec::with_capacity(count);
        sample(&self.near.order, rng, near, except, &mut picked);
        sample(&self.far.order, rng, far, except, &mut picked);
        picked
    }

    /// Up to `count` different live members of any rack, and not `except`.
    pub(super) fn pick_any(
        &self,
        rng: &mut ChaCha8Rng,
        count: usize,
        except: Option<MemberId>,
    ) -> Vec<MemberId> {
        let live = self.live();
        if live == 0 {
            return Vec::new();
        }
        let near = (0..count).filter(|_| rng.random_range(0..live) < self.near.order.len()).count();
        let mut picked = Vec::with_capacity(count);
        sample(&self.near.order, rng, near, except, &mut picked);
        let far = count.saturating_sub(picked.len());
        sample(&self.far.order, rng, far, except, &mut picked);
        if picked.len() < count {
            let taken = picked.len();
            let mut rest = Vec::new();
            sample(&self.near.order, rng, count, except, &mut rest);
            rest.retain(|id| !picked.contains(id));
            picked.extend(rest.into_iter().take(count - taken));
        }
        picked
    }

    /// Who is at this place of a list.
    #[cfg(test)]
    pub(super) fn at(&self, list: List, place: u32) -> Option<MemberId> {
        let ring = match list {
            List::None => return None,
            List::Near => &self.near,
            List::Far => &self.far,
            List::Lost => &self.lost,
        };
        ring.order.get(place as usize).copied()
    }

    fn ring(&mut self, list: List) -> Option<&mut Ring> {
        match list {
            List::None => None,
            List::Near => Some(&mut self.near),
            List::Far => Some(&mut self.far),
            List::Lost => Some(&mut self.lost),
        }
    }
}

impl Ring {
    fn next(&mut self, table: &mut Table, rng: &mut ChaCha8Rng) -> Option<MemberId> {
        if self.cursor >= self.order.len() {
            self.order.shuffle(rng);
            self.cursor = 0;
            (0..self.order.len()).for_each(|place| self.note(table, place));
        }
        let next = *self.order.get(self.cursor)?;
        self.cursor += 1;
        Some(next)
    }

    /// Tells the member at this place where it is.
    fn note(&self, table: &mut Table, place: usize) {
        if let Some(member) = self.order.get(place).and_then(|&id| table.get_mut(id)) {
            member.position = u32::try_from(place).unwrap_or(NOWHERE);
        }
    }
}

/// Adds up to `count` different entries of `from`, none of them `except`, to `picked`.
fn sample(
    from: &[MemberId],
    rng: &mut ChaCha8Rng,
    count: usize,
    except: Option<MemberId>,
    picked: &mut Vec<MemberId>,
) {
    let start = picked.len();
    if from.len() <= count {
        picked.extend(from.iter().filter(|&&id| Some(id) != except));
        return;
    }
    // Few are wanted of many: a handful of misses at most, and the bound for when chance is unkind.
    for _ in 0..(4 * count + 16) {
        if picked.len() - start == count {
            return;
        }
        let id = from[rng.random_range(0..from.len())];
        if Some(id) != except && !picked[start..].contains(&id) {
            picked.push(id);
        }
    }
}
