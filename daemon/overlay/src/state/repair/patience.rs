//! How long an answer is waited for: three round trips, which a lost datagram should not cost a newcomer much more than.

use std::time::Duration;

/// Without a measured round trip. A guess, well beyond one across the world.
const UNKNOWN: Duration = Duration::from_millis(500);

/// Never less: an answer may be of many datagrams. Our choice.
const LEAST: Duration = Duration::from_millis(50);

/// What is sent again waits twice as long each time, up to this.
const LONGEST: Duration = Duration::from_secs(4);

/// Patience with one peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Patience {
    round_trip: Option<Duration>,
}

impl Patience {
    pub(super) fn new(round_trip: Option<Duration>) -> Self {
        Patience { round_trip }
    }

    /// The time until the next try, after so many tries.
    pub(super) fn times(&self, tries: u8) -> Duration {
        let once = self.round_trip.map_or(UNKNOWN, |round_trip| (round_trip * 3).clamp(LEAST, UNKNOWN));
        once.saturating_mul(1u32.checked_shl(tries.into()).unwrap_or(u32::MAX)).min(LONGEST)
    }

    /// An answer came so long after the first of so many tries. What was sent twice says only what a round trip is at most (Karn): that counts
    /// where it is longer than was thought, so that a guess that was too short does not stay.
    pub(super) fn answered(&mut self, elapsed: Duration, tries: u8) {
        self.round_trip = Some(match self.round_trip {
            None => elapsed,
            Some(before) if tries > 1 => before.max(elapsed),
            Some(before) => (before * 7 + elapsed) / 8,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn it_is_three_round_trips_within_bounds_and_doubles() {
        assert_eq!(
            [0, 1, 2, 3, 200].map(|tries| Patience::default().times(tries)),
            [500, 1_000, 2_000, 4_000, 4_000].map(|ms| ms * MS)
        );
        assert_eq!(
            [0, 2, 9].map(|tries| Patience::new(Some(MS)).times(tries)),
            [50 * MS, 200 * MS, 4_000 * MS]
        );
        assert_eq!(Patience::new(Some(100 * MS)).times(0), 300 * MS);
        assert_eq!(Patience::new(Some(Duration::MAX / 4)).times(0), 500 * MS);
    }

    #[test]
    fn a_guess_that_was_too_short_is_mended_by_the_first_answer() {
        let mut patience = Patience::new(Some(15 * MS));
        patience.answered(150 * MS, 2);
        assert_eq!(patience.times(0), 450 * MS);
        patience.answered(10 * MS, 2);
        assert_eq!(patience.times(0), 450 * MS);
    }
}
