//! What one subscriber has got.

use hdrhistogram::Histogram;

use crate::{clock, load::Header};

/// Messages that a subscriber can tell apart: 8 MiB of bits. What is beyond counts as a duplicate, so it would show.
pub(crate) const MAX_MESSAGES: u64 = 1 << 26;

/// Counts and times one subscriber's deliveries.
pub(crate) struct Tally {
    seen: Vec<u64>,
    /// Sequences below this are not timed.
    warm_up: u64,
    pub(crate) deliveries: u64,
    pub(crate) duplicates: u64,
    /// When the first delivery came, and the last.
    pub(crate) span: Option<(u64, u64)>,
    pub(crate) ended: bool,
    /// Nanoseconds; empty where nothing is timed.
    pub(crate) latencies: Histogram<u64>,
}

impl Tally {
    /// Times deliveries from sequence `warm_up` on.
    pub(crate) fn new(warm_up: u64) -> anyhow::Result<Self> {
        Ok(Tally {
            seen: Vec::new(),
            warm_up,
            deliveries: 0,
            duplicates: 0,
            span: None,
            ended: false,
            latencies: Histogram::new(3)?,
        })
    }

    /// Takes a delivery that came just now.
    pub(crate) fn take(&mut self, payload: &[u8]) {
        self.take_at(clock::now(), payload);
    }

    fn take_at(&mut self, now: u64, payload: &[u8]) {
        let first = self.span.map_or(now, |(first, _)| first);
        self.span = Some((first, now));
        let Some(header) = Header::read(payload).filter(|header| self.is_new(header.sequence)) else {
            self.duplicates += 1;
            return;
        };
        self.deliveries += 1;
        if header.sequence >= self.warm_up {
            // It grows as needed, up to any number of nanoseconds.
            let _ = self.latencies.record(now.saturating_sub(header.stamp));
        }
    }

    fn is_new(&mut self, sequence: u64) -> bool {
        if sequence >= MAX_MESSAGES {
            return false;
        }
        let (word, bit) = ((sequence / 64) as usize, 1 << (sequence % 64));
        if word >= self.seen.len() {
            self.seen.resize(word + 1, 0);
        }
        let new = self.seen[word] & bit == 0;
        self.seen[word] |= bit;
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(stamp: u64, sequence: u64) -> [u8; 16] {
        let mut payload = [0; 16];
        Header { stamp, sequence }.write(&mut payload);
        payload
    }

    #[test]
    fn each_message_counts_once_whatever_the_order() {
        let mut tally = Tally::new(u64::MAX).unwrap();
        for sequence in [1, 0, 130, 1, 130, MAX_MESSAGES] {
            tally.take_at(10, &payload(0, sequence));
        }
        tally.take_at(10, b"short");
        assert_eq!((tally.deliveries, tally.duplicates), (3, 4));
    }

    #[test]
    fn latency_is_timed_after_the_warm_up_only() {
        let mut tally = Tally::new(2).unwrap();
        for (at, sequence) in [(1_000_000, 0), (1_000_000, 1), (1_500, 2), (1_700, 3)] {
            tally.take_at(at, &payload(1_000, sequence));
        }
        assert_eq!((tally.latencies.len(), tally.latencies.max()), (2, 700));
        assert_eq!(tally.span, Some((1_000_000, 1_700)));
    }
}
