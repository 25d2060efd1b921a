//! Which messages have been delivered already (PROTOCOL.md section 5.6).
//!
//! For each publisher and event type (a *stream*) a window of the newest [`WINDOW`] sequences; what lies below it counts as seen, because a stream
//! travels in order and only ever repeats older messages. Not so all streams of a publisher together: types subscribed to one after the other
//! bring what waited of them one after the other. The stream heard of longest ago gives way to a new one.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hasher},
};

/// Sequences remembered of each stream: four times what PROTOCOL.md asks for.
pub(crate) const WINDOW: u64 = 4_096;
/// Streams remembered, likewise.
pub(crate) const STREAMS: usize = 4_096;

/// The ids of messages delivered lately.
#[derive(Debug)]
pub(crate) struct Seen {
    streams: Vec<Stream>,
    /// Where each stream is; never iterated.
    index: HashMap<Key, usize>,
    last: usize,
    /// The type asked for last, and its hash.
    last_type: (Vec<u8>, u64),
    hand: usize,
    capacity: usize,
}

/// A publisher's instance, and a hash of 64 bits of the event type.
type Key = (i64, u64);

#[derive(Debug)]
struct Stream {
    key: Key,
    highest: i64,
    /// Bit n is the sequence within the window that is n modulo [`WINDOW`].
    bits: Box<[u64; WORDS]>,
    /// Heard of since the clock's hand passed.
    used: bool,
}

impl Seen {
    pub(crate) fn new() -> Self {
        Seen::with_capacity(STREAMS)
    }

    fn with_capacity(capacity: usize) -> Self {
        let last_type = (Vec::new(), hash(&[]));
        Seen { streams: Vec::new(), index: HashMap::new(), last: 0, last_type, hand: 0, capacity }
    }

    /// Whether the message has been delivered, as far as is remembered.
    pub(crate) fn contains(&mut self, event_type: &[u8], publisher: i64, sequence: i64) -> bool {
        let key = (publisher, self.hash(event_type));
        match self.find(key) {
            Some(place) => self.streams[place].contains(sequence),
            None => false,
        }
    }

    /// Remembers that the message has been delivered.
    pub(crate) fn insert(&mut self, event_type: &[u8], publisher: i64, sequence: i64) {
        let key = (publisher, self.hash(event_type));
        let place = self.find(key).unwrap_or_else(|| self.add(key, sequence));
        self.streams[place].insert(sequence);
    }

    /// Messages come in runs of one type.
    #[inline]
    fn hash(&mut self, event_type: &[u8]) -> u64 {
        if self.last_type.0 != event_type {
            self.last_type.0.clear();
            self.last_type.0.extend_from_slice(event_type);
            self.last_type.1 = hash(event_type);
        }
        self.last_type.1
    }

    #[inline]
    fn find(&mut self, key: Key) -> Option<usize> {
        // Messages come in runs of one publisher.
        if self.streams.get(self.last).is_none_or(|stream| stream.key != key) {
            self.last = *self.index.get(&key)?;
        }
        Some(self.last)
    }

    fn add(&mut self, key: Key, first: i64) -> usize {
        let stream = Stream { key, highest: first, bits: Box::new([0; WORDS]), used: true };
        let place = if self.streams.len() < self.capacity {
            self.streams.push(stream);
            self.streams.len() - 1
        } else {
            let place = self.victim();
            self.index.remove(&self.streams[place].key);
            self.streams[place] = stream;
            place
        };
        self.index.insert(key, place);
        self.last = place;
        place
    }

    /// The clock algorithm: the first one not heard of since the hand passed it last.
    fn victim(&mut self) -> usize {
        loop {
            let place = self.hand % self.streams.len();
            self.hand = place + 1;
            if !std::mem::take(&mut self.streams[place].used) {
                return place;
            }
        }
    }
}

impl Stream {
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

fn hash(event_type: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(event_type);
    hasher.finish()
}

const WORDS: usize = (WINDOW / 64) as usize;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_id_is_new_once_in_any_order_within_the_window() {
        let mut seen = Seen::new();
        for sequence in [5, 4, 9, 7, 4_000, 8, 6] {
            assert!(!seen.contains(b"t", 1, sequence), "{sequence}");
            seen.insert(b"t", 1, sequence);
            assert!(seen.contains(b"t", 1, sequence), "{sequence}");
        }
        assert!(!seen.contains(b"t", 1, 10));
        assert!(!seen.contains(b"t", 2, 5));
    }

    #[test]
    fn what_waited_of_one_type_is_new_behind_newer_messages_of_another() {
        let mut seen = Seen::new();
        for sequence in 10_000..10_010 {
            seen.insert(b"one", 1, sequence);
        }
        for sequence in 1..10 {
            assert!(!seen.contains(b"other", 1, sequence));
            seen.insert(b"other", 1, sequence);
        }
        assert!(seen.contains(b"other", 1, 9) && seen.contains(b"one", 1, 1));
    }

    #[test]
    fn below_the_window_counts_as_seen() {
        let mut seen = Seen::new();
        seen.insert(b"t", 1, 10_000);
        assert!(seen.contains(b"t", 1, 10_000 - WINDOW as i64));
        assert!(!seen.contains(b"t", 1, 10_001 - WINDOW as i64));
    }

    #[test]
    fn a_jump_forgets_what_shares_its_place_in_the_ring() {
        let mut seen = Seen::new();
        seen.insert(b"t", 1, 3);
        seen.insert(b"t", 1, 3 + WINDOW as i64 + 2);
        assert!(!seen.contains(b"t", 1, 3 + WINDOW as i64));
        seen.insert(b"t", 1, 3 + 2 * WINDOW as i64 - 5);
        assert!(!seen.contains(b"t", 1, 3 + WINDOW as i64 + 1));
        assert!(seen.contains(b"t", 1, 3 + WINDOW as i64 + 2));
    }

    #[test]
    fn extremes_do_not_overflow() {
        let mut seen = Seen::new();
        for sequence in [i64::MIN, -1, 0, i64::MAX] {
            assert!(!seen.contains(b"t", 1, sequence));
            seen.insert(b"t", 1, sequence);
            assert!(seen.contains(b"t", 1, sequence));
        }
    }

    #[test]
    fn the_stream_heard_of_longest_ago_gives_way() {
        let mut seen = Seen::with_capacity(3);
        for publisher in [1, 2, 3, 4] {
            seen.insert(b"t", publisher, 1);
        }
        seen.insert(b"t", 2, 2);
        seen.insert(b"t", 5, 1);
        assert!(seen.contains(b"t", 2, 1) && seen.contains(b"t", 4, 1) && seen.contains(b"t", 5, 1));
        assert!(!seen.contains(b"t", 1, 1) && !seen.contains(b"t", 3, 1));
        assert_eq!(seen.index.len(), 3);
    }
}
