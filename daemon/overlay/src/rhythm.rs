//! The rhythm of gossip: quick while its news are fresh, then steady.
//!
//! Whoever learns something tells it at once; the next tellings follow after a quarter and a half of the steady pause, for those whom loss or
//! chance has passed over so far: they need not wait for two whole pauses. How often a change is told is counted elsewhere and stays the same.
//! News that come one after the other quicken the rhythm once a pause at most, so that it ticks three times as often as when steady, never more.

use std::time::Duration;

use gossiperl_link::Time;

/// The pause behind the first telling of fresh news is this part of a steady one, the next is twice as long, and so on.
const QUICK: u32 = 4;

/// When gossip goes out.
#[derive(Debug)]
pub(crate) struct Rhythm {
    last: Option<Time>,
    /// From the last tick to the next.
    pause: Duration,
    /// Fresh news quicken it no earlier.
    rested: Time,
}

impl Rhythm {
    pub(crate) fn new() -> Self {
        Rhythm { last: None, pause: Duration::ZERO, rested: Time::ZERO }
    }

    /// When the next tick is. `fresh`: something waits that came since the rhythm was last quickened.
    pub(crate) fn next(&self, every: Duration, fresh: bool) -> Time {
        let Some(last) = self.last else { return Time::ZERO };
        let steady = last + self.pause;
        if fresh { steady.min(self.rested.max(last + every / QUICK)) } else { steady }
    }

    /// A tick. True where it was quickened: what was fresh is not any more.
    pub(crate) fn tick(&mut self, now: Time, every: Duration, fresh: bool) -> bool {
        let quickened = fresh && now >= self.rested;
        if quickened {
            self.rested = now + every;
            self.pause = every / QUICK;
        } else {
            self.pause = self.pause.saturating_mul(2).min(every);
        }
        self.last = Some(now);
        quickened
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_millis(200);

    /// Times of all ticks up to `until`, in milliseconds; something fresh comes at `fresh`.
    fn ticks(fresh: &[u64], until: u64) -> Vec<u64> {
        let mut rhythm = Rhythm::new();
        let mut waiting = false;
        let mut ticks = Vec::new();
        for millisecond in 0..=until {
            let now = Time::from_micros(1_000_000 + millisecond * 1_000);
            waiting |= fresh.contains(&millisecond);
            if rhythm.next(EVERY, waiting) <= now {
                ticks.push(millisecond);
                waiting &= !rhythm.tick(now, EVERY, waiting);
            }
        }
        ticks
    }

    #[test]
    fn fresh_news_are_told_at_once_and_again_soon() {
        assert_eq!(ticks(&[0], 800), [0, 50, 150, 350, 550, 750]);
    }

    #[test]
    fn further_news_do_not_wait_for_a_steady_pause() {
        assert_eq!(ticks(&[0, 400], 700), [0, 50, 150, 350, 400, 450, 550]);
    }

    #[test]
    fn news_without_end_quicken_it_three_times_at_most() {
        let always: Vec<u64> = (0..10_000).collect();
        assert!(ticks(&always, 9_999).len() <= 3 * 10_000 / 200);
    }
}
