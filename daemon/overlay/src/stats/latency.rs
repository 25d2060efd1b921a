//! Round trips, counted into buckets whose bounds are powers of two.

use std::time::Duration;

/// Round trips by length.
///
/// Bucket `i` counts what took up to `2^i` µs and more than half of that; the last one what took longer than 8.4 s. To count one costs
/// a leading-zeros instruction and two additions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    buckets: [u64; Histogram::BUCKETS],
    micros: u64,
}

impl Histogram {
    /// How many buckets there are.
    pub const BUCKETS: usize = 25;

    /// Counts one.
    #[inline]
    pub(crate) fn record(&mut self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = (64 - micros.saturating_sub(1).leading_zeros()) as usize;
        if let Some(count) = self.buckets.get_mut(bucket.min(Histogram::BUCKETS - 1)) {
            *count += 1;
        }
        self.micros = self.micros.saturating_add(micros);
    }

    /// Upper bound (inclusive) and count of each bucket, the shortest first; `None`: no bound.
    pub fn buckets(&self) -> impl Iterator<Item = (Option<Duration>, u64)> {
        self.buckets.iter().enumerate().map(|(at, count)| {
            let bound = (at + 1 < Histogram::BUCKETS).then(|| Duration::from_micros(1 << at));
            (bound, *count)
        })
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// How long they took together.
    pub fn sum(&self) -> Duration {
        Duration::from_micros(self.micros)
    }

    /// The bound of the bucket that the quantile `part` (0 to 1) falls into: it took at most so long, and more than half of it. `None`: nothing
    /// was counted, or it took longer than the last bound.
    pub fn quantile(&self, part: f64) -> Option<Duration> {
        let rank = (part.clamp(0.0, 1.0) * self.count() as f64).ceil().max(1.0) as u64;
        let mut below = 0_u64;
        let found = self.buckets().find(|(_, count)| {
            below = below.saturating_add(*count);
            below >= rank
        });
        found.and_then(|(bound, _)| bound)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = u64> + use<> {
        self.buckets.into_iter().chain([self.micros])
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut u64> {
        self.buckets.iter_mut().chain([&mut self.micros])
    }
}

/// Round trips measured on the way of other things; nothing is sent to measure them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latencies {
    /// From a datagram to a local client of protocol 2 to its acknowledgement, less what the client says it waited.
    pub clients: Histogram,
    /// The same with other daemons, where messages go to them.
    pub daemons: Histogram,
    /// From a probe, or first contact, to its answer.
    pub probes: Histogram,
}

impl Latencies {
    /// Each histogram with its name.
    pub fn named(&self) -> [(&'static str, &Histogram); 3] {
        [("clients", &self.clients), ("daemons", &self.daemons), ("probes", &self.probes)]
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = u64> + use<> {
        self.clients.values().chain(self.daemons.values()).chain(self.probes.values())
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut u64> {
        self.clients.values_mut().chain(self.daemons.values_mut()).chain(self.probes.values_mut())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bucket by bucket, those that counted something.
    fn counted(micros: &[u64]) -> Vec<(Option<u128>, u64)> {
        let mut histogram = Histogram::default();
        for micros in micros {
            histogram.record(Duration::from_micros(*micros));
        }
        let full = histogram.buckets().filter(|(_, count)| *count > 0);
        full.map(|(bound, count)| (bound.map(|bound| bound.as_micros()), count)).collect()
    }

    #[test]
    fn a_bound_belongs_to_the_bucket_below_it() {
        assert_eq!(counted(&[0, 1]), [(Some(1), 2)]);
        assert_eq!(counted(&[2, 3, 4, 5]), [(Some(2), 1), (Some(4), 2), (Some(8), 1)]);
        assert_eq!(counted(&[1 << 23, (1 << 23) + 1, u64::MAX]), [(Some(1 << 23), 1), (None, 2)]);
    }

    #[test]
    fn the_sum_stays_at_the_end_of_the_scale() {
        let mut histogram = Histogram::default();
        histogram.record(Duration::MAX);
        histogram.record(Duration::MAX);
        assert_eq!((histogram.count(), histogram.sum()), (2, Duration::from_micros(u64::MAX)));
    }

    #[test]
    fn a_quantile_is_the_bound_of_its_bucket() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), None);
        for micros in [10, 10, 10, 1_000] {
            histogram.record(Duration::from_micros(micros));
        }
        let quantile = |part| histogram.quantile(part).map(|bound| bound.as_micros());
        assert_eq!((quantile(0.0), quantile(0.75), quantile(0.76)), (Some(16), Some(16), Some(1_024)));
        histogram.record(Duration::MAX);
        assert_eq!(histogram.quantile(1.0), None);
    }
}
