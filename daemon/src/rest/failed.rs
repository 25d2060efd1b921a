//! Failed logins in the log: a line each at a bounded rate, so that a guesser neither hides in it nor fills it. `docs/operations.md` has the line's form, for
//! programs that shut addresses out.

use std::{
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Lines at once at most.
const BURST: u32 = 20;
/// A further line after so long.
const EVERY: Duration = Duration::from_secs(1);

/// What was told.
pub(super) struct FailedLogins {
    told: Mutex<Told>,
}

struct Told {
    /// Lines that may be written now.
    room: u32,
    /// Since when there is this much.
    since: Instant,
    left_out: u64,
}

impl Default for FailedLogins {
    fn default() -> Self {
        FailedLogins { told: Mutex::new(Told { room: BURST, since: Instant::now(), left_out: 0 }) }
    }
}

impl FailedLogins {
    /// Tells of one: from where, and what it would have taken. What was shown is never told: it may be right elsewhere.
    pub(super) fn tell(&self, now: Instant, from: IpAddr, needed: &str) {
        let left_out = self.told.lock().unwrap_or_else(PoisonError::into_inner).take(now);
        if let Some(left_out) = left_out {
            tracing::warn!(from = %from.to_canonical(), needed, left_out, "failed login");
        }
    }
}

impl Told {
    /// How many were left out before this one; `None`: it is left out itself.
    fn take(&mut self, now: Instant) -> Option<u64> {
        let more = now.saturating_duration_since(self.since).as_secs() / EVERY.as_secs();
        let more = u32::try_from(more).unwrap_or(BURST).min(BURST);
        if more > 0 {
            self.room = (self.room + more).min(BURST);
            self.since = now;
        }
        match self.room.checked_sub(1) {
            Some(room) => {
                self.room = room;
                Some(std::mem::take(&mut self.left_out))
            }
            None => {
                self.left_out += 1;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_bounded_and_what_is_left_out_is_told_with_the_next() {
        let start = Instant::now();
        let mut told = Told { room: BURST, since: start, left_out: 0 };
        let lines = (0..100).filter_map(|_| told.take(start)).collect::<Vec<_>>();
        assert_eq!(lines, [0; BURST as usize]);
        assert_eq!(told.take(start + EVERY), Some(80));
        assert_eq!(told.take(start + EVERY), None);
        assert_eq!(told.take(start + EVERY * 1_000), Some(1));
        let lines = (0..100).filter_map(|_| told.take(start + EVERY * 1_000)).count();
        assert_eq!(lines as u32, BURST - 1);
    }
}
