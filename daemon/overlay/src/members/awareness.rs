//! Local health: how far we trust our own probes (Lifeguard, Dadgar, Phillips and Currey 2017, section IV.A).
//!
//! A daemon that is short of CPU or network fails to see acknowledgements and would accuse healthy members. The score
//! rises with signs of that and falls with each success; the probe's timeout and interval are multiplied by score + 1.

use std::time::Duration;

/// The local health score: 0 is healthy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Awareness {
    score: u32,
    max: u32,
}

impl Awareness {
    /// A healthy score that stays below `max` (0 counts as 1).
    pub(super) fn new(max: u32) -> Self {
        Awareness { score: 0, max: max.max(1) }
    }

    /// Another bound.
    pub(super) fn set_max(&mut self, max: u32) {
        self.max = max.max(1);
        self.score = self.score.min(self.max - 1);
    }

    pub(super) fn score(&self) -> u32 {
        self.score
    }

    /// A probe was answered.
    pub(super) fn improve(&mut self) {
        self.score = self.score.saturating_sub(1);
    }

    /// So many signs of ill health.
    pub(super) fn worsen(&mut self, by: u32) {
        self.score = self.score.saturating_add(by).min(self.max - 1);
    }

    /// A duration as our patience stretches it.
    pub(super) fn scale(&self, duration: Duration) -> Duration {
        duration.saturating_mul(self.score + 1)
    }
}
