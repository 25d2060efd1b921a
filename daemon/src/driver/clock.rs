//! The two clocks an overlay is told of.

use std::time::{SystemTime, UNIX_EPOCH};

use gossiperl_overlay::Time;
use tokio::time::Instant;

/// Monotonic time since the start, and the wall clock.
pub(super) struct Clock {
    origin: Instant,
    told: i64,
}

impl Clock {
    pub(super) fn new() -> Self {
        Clock { origin: Instant::now(), told: unix_seconds() }
    }

    /// Microseconds since the start, never going back.
    pub(super) fn now(&self) -> Time {
        Time::from_micros(u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// The runtime's moment of an overlay's time.
    pub(super) fn instant(&self, time: Time) -> Instant {
        self.origin + time.since(Time::ZERO)
    }

    pub(super) fn unix_seconds(&self) -> i64 {
        self.told
    }

    pub(super) fn unix_micros(&self) -> u64 {
        since_epoch().map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }

    /// The wall clock's second, when it is another one than last time.
    pub(super) fn new_second(&mut self) -> Option<i64> {
        let seconds = unix_seconds();
        (seconds != self.told).then(|| {
            self.told = seconds;
            seconds
        })
    }
}

fn unix_seconds() -> i64 {
    since_epoch().map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// `None` for a clock before 1970.
fn since_epoch() -> Option<std::time::Duration> {
    SystemTime::now().duration_since(UNIX_EPOCH).ok()
}
