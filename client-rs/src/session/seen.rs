//! Which messages have been delivered already (PROTOCOL.md section 5.6).
//!
//! For each publisher a window of the newest [`WINDOW`] sequences; what lies below it counts as seen, because a publisher's
//! messages travel in order and only ever repeat older ones. The publisher heard of longest ago gives way to a new one.

use std::collections::HashMap;

/// Sequences remembered of each publisher: four times what PROTOCOL.md asks for.
pub(crate) const WINDOW: u64 = 4_096;
/// Publishers remembered.
pub(crate) const PUBLISHERS: usize = 4_096;

/// The ids of messages delivered lately.
#[derive(Debug)]
pub(crate) struct Seen {
    publishers: Vec<Publisher>,
    /// Where each publisher is; never iterated.
    index: HashMap<i64, usize>,
    last: usize,
    hand: usize,
    capacity: usize,
}

#[derive(Debug)]
struct Publisher {
    instance: i64,
    highest: i64,
    /// Bit n is the sequence within the window that is n modulo [`WINDOW`].
    bits: Box<[u64; WORDS]>,
    /// Heard of since the clock's hand passed.
    used: bool,
}

impl Seen {
    pub(crate) fn new() -> Self {
        Seen::with_capacity(PUBLISHERS)
    }

    fn with_capacity(capacity: usize) -> Self {
        Seen { publishers: Vec::new(), index: HashMap::new(), last: 0, hand: 0, capacity }
    }

    /// Whether the message has been delivered, as far as is remembered.
    pub(crate) fn contains(&mut self, publisher: i64, sequence: i64) -> bool {
        match self.find(publisher) {
            Some(place) => self.publishers[place].contains(sequence),
            None => false,
        }
    }

    /// Remembers that the message has been delivered.
    pub(crate) fn insert(&mut self, publisher: i64, sequence: i64) {
        let place = self.find(publisher).unwrap_or_else(|| self.add(publisher, sequence));
        self.publishers[place].insert(sequence);
    }

    #[inline]
    fn find(&mut self, instance: i64) -> Option<usize> {
        // Messages come in runs of one publisher.
        if self.publishers.get(self.last).is_none_or(|publisher| publisher.instance != instance) {
            self.last = *self.index.get(&instance)?;
        }
        Some(self.last)
    }

    fn add(&mut self, instance: i64, first: i64) -> usize {
        let publisher = Publisher { instance, highest: first, bits: Box::new([0; WORDS]), used: true };
        let place = if self.publishers.len() < self.capacity {
            self.publishers.push(publisher);
            self.publishers.len() - 1
        } else {
            let place = self.victim();
            self.index.remove(&self.publishers[place].instance);
            self.publishers[place] = publisher;
            place
        };
        self.index.insert(instance, place);
        self.last = place;
        place
    }

    /// The clock algorithm: the first one not heard of since the hand passed it last.
    fn victim(&mut self) -> usize {
        loop {
            let place = self.hand % self.publishers.len();
            self.hand = place + 1;
            if !std::mem::take(&mut self.publishers[place].used) {
                return place;
            }
        }
    }
}

impl Publisher {
    #[inline]
    fn contains(&self, sequence: i64) -> bool {
        if sequence > self.highest {
            return false;
        }
        if self.highest.abs_diff(sequence) >= WINDOW {
            return true;
        }
        let (word, bit) = place(sequence);
        self.bits[word] & bit != 0
    }

    #[inline]
    fn insert(&mut self, sequence: i64) {
        self.used = true;
        if sequence > self.highest {
            self.advance(sequence);
        }
        let (word, bit) = place(sequence);
        self.bits[word] |= bit;
    }

    /// Forgets what falls out of the window as `sequence` becomes the highest.
    fn advance(&mut self, sequence: i64) {
        if sequence.abs_diff(self.highest) >= WINDOW {
            self.bits.fill(0);
        } else {
            for passed in self.highest + 1..=sequence {
                let (word, bit) = place(passed);
                self.bits[word] &= !bit;
            }
        }
        self.highest = sequence;
    }
}

#[inline]
fn place(sequence: i64) -> (usize, u64) {
    let position = (sequence as u64 % WINDOW) as usize;
    (position / 64, 1 << (position % 64))
}

const WORDS: usize = (WINDOW / 64) as usize;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_id_is_new_once_in_any_order_within_the_window() {
        let mut seen = Seen::new();
        for sequence in [5, 4, 9, 7, 4_000, 8, 6] {
            assert!(!seen.contains(1, sequence), "{sequence}");
            seen.insert(1, sequence);
            assert!(seen.contains(1, sequence), "{sequence}");
        }
        assert!(!seen.contains(1, 10));
        assert!(!seen.contains(2, 5));
    }

    #[test]
    fn below_the_window_counts_as_seen() {
        let mut seen = Seen::new();
        seen.insert(1, 10_000);
        assert!(seen.contains(1, 10_000 - WINDOW as i64));
        assert!(!seen.contains(1, 10_001 - WINDOW as i64));
    }

    #[test]
    fn a_jump_forgets_what_shares_its_place_in_the_ring() {
        let mut seen = Seen::new();
        seen.insert(1, 3);
        seen.insert(1, 3 + WINDOW as i64 + 2);
        assert!(!seen.contains(1, 3 + WINDOW as i64));
        seen.insert(1, 3 + 2 * WINDOW as i64 - 5);
        assert!(!seen.contains(1, 3 + WINDOW as i64 + 1));
        assert!(seen.contains(1, 3 + WINDOW as i64 + 2));
    }

    #[test]
    fn extremes_do_not_overflow() {
        let mut seen = Seen::new();
        for sequence in [i64::MIN, -1, 0, i64::MAX] {
            assert!(!seen.contains(1, sequence));
            seen.insert(1, sequence);
            assert!(seen.contains(1, sequence));
        }
    }

    #[test]
    fn the_publisher_heard_of_longest_ago_gives_way() {
        let mut seen = Seen::with_capacity(3);
        for publisher in [1, 2, 3, 4] {
            seen.insert(publisher, 1);
        }
        seen.insert(2, 2);
        seen.insert(5, 1);
        assert!(seen.contains(2, 1) && seen.contains(4, 1) && seen.contains(5, 1));
        assert!(!seen.contains(1, 1) && !seen.contains(3, 1));
        assert_eq!(seen.index.len(), 3);
    }
}
