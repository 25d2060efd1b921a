//! Counters packed for keeping: most are small or zero, so each takes as many bytes as it has digits to the base 128 (LEB128).

use crate::driver::Statistics;

/// The counters of one moment, some 400 bytes; at most 10 for each counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Packed(Box<[u8]>);

impl Packed {
    /// Packs the counters; what is there now, and how long the overlay runs, is not kept.
    pub(super) fn new(statistics: &Statistics) -> Self {
        let mut bytes = Vec::with_capacity(512);
        for mut value in statistics.values() {
            while value >= 0x80 {
                bytes.push(value as u8 | 0x80);
                value >>= 7;
            }
            bytes.push(value as u8);
        }
        Packed(bytes.into())
    }

    /// Takes what was counted up to then off `statistics`. A counter that has gone back stands at what it has reached since.
    pub(super) fn take_off(&self, statistics: &mut Statistics) {
        let mut bytes = self.0.iter();
        for value in statistics.values_mut() {
            let mut earlier = 0_u64;
            for (shift, byte) in (0..64).step_by(7).zip(&mut bytes) {
                earlier |= u64::from(byte & 0x7f) << shift;
                if byte & 0x80 == 0 {
                    break;
                }
            }
            *value = value.checked_sub(earlier).unwrap_or(*value);
        }
    }

    /// Bytes it takes.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counters of all sizes.
    fn some(seed: u64) -> Statistics {
        let mut statistics = Statistics::default();
        let values = statistics.values_mut().enumerate();
        values.for_each(|(at, value)| *value = seed.rotate_left(at as u32) >> (at * 7 % 64));
        statistics
    }

    #[test]
    fn what_was_packed_is_taken_off() {
        let earlier = some(0x9e37_79b9_7f4a_7c15);
        let mut later = earlier;
        later.values_mut().enumerate().for_each(|(at, value)| *value = value.saturating_add(at as u64));
        let whole = later;
        Packed::new(&Statistics::default()).take_off(&mut later);
        assert_eq!(later, whole);
        Packed::new(&earlier).take_off(&mut later);
        for ((at, since), (earlier, whole)) in
            later.values().enumerate().zip(earlier.values().zip(whole.values()))
        {
            assert_eq!(since, whole - earlier, "counter {at}");
        }
        assert_ne!(later, Statistics::default());
    }

    #[test]
    fn the_greatest_counters_fit_and_one_that_went_back_does_not_underflow() {
        let mut greatest = Statistics::default();
        greatest.values_mut().for_each(|value| *value = u64::MAX);
        let packed = Packed::new(&greatest);
        assert_eq!(packed.len(), 10 * greatest.values().count());
        packed.take_off(&mut greatest);
        assert!(greatest.values().all(|value| value == 0));
        let mut anew = Statistics::default();
        anew.overlay.stats.published = 7;
        packed.take_off(&mut anew);
        assert_eq!(anew.overlay.stats.published, 7);
    }
}
