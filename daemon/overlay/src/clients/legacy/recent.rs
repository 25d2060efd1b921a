//! What was seen a short while ago, as fingerprints.

use std::{
    collections::{HashSet, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use gossiperl_link::Time;

/// How many are remembered; beyond it the oldest is forgotten.
const CAPACITY: usize = 1_024;

/// How long each is remembered.
const KEPT: Duration = Duration::from_secs(60);

/// A set that forgets. Its hash is keyed by `seed`, so that nobody outside can make two things look the same.
pub(super) struct Recent {
    seed: u64,
    order: VecDeque<(Time, u64)>,
    known: HashSet<u64>,
}

impl Recent {
    /// An empty one. `seed` must not be known outside.
    pub(super) fn new(seed: u64) -> Self {
        Recent { seed, order: VecDeque::new(), known: HashSet::new() }
    }

    /// What stands for `value` here.
    pub(super) fn fingerprint(&self, value: impl Hash) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.seed, value).hash(&mut hasher);
        hasher.finish()
    }

    /// Whether it is remembered.
    pub(super) fn contains(&mut self, now: Time, fingerprint: u64) -> bool {
        while let Some((_, oldest)) = self.order.front().copied().filter(|(at, _)| now.since(*at) >= KEPT) {
            self.order.pop_front();
            self.known.remove(&oldest);
        }
        self.known.contains(&fingerprint)
    }

    /// Remembers it. False where it was remembered already, and is not for longer.
    pub(super) fn insert(&mut self, now: Time, fingerprint: u64) -> bool {
        if self.contains(now, fingerprint) {
            return false;
        }
        if self.order.len() >= CAPACITY
            && let Some((_, oldest)) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.known.insert(fingerprint);
        self.order.push_back((now, fingerprint));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn what_was_seen_is_known_for_a_minute() {
        let mut recent = Recent::new(1);
        let one = recent.fingerprint("one");
        assert!(recent.insert(at(0), one));
        assert!(!recent.insert(at(30), one), "and not for longer");
        assert!(recent.contains(at(59), one));
        assert!(!recent.contains(at(60), one));
        assert!(recent.known.is_empty());
    }

    #[test]
    fn the_oldest_goes_when_it_is_full() {
        let mut recent = Recent::new(1);
        for number in 0..=CAPACITY as u64 {
            assert!(recent.insert(at(0), number));
        }
        assert!(!recent.contains(at(0), 0));
        assert!(recent.contains(at(0), 1));
        assert_eq!((recent.order.len(), recent.known.len()), (CAPACITY, CAPACITY));
    }
}
