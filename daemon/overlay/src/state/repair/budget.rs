//! How much is answered: a token bucket of chunks, for all peers together.

use gossiperl_link::Time;

/// Chunks answered a second, about 1.2 MB.
const A_SECOND: u64 = 1_000;

/// Chunks answered at once.
const BURST: u64 = 512;

const MICROS_A_CHUNK: u64 = 1_000_000 / A_SECOND;

/// What may still be answered.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    /// In microseconds' worth of chunks; a whole answer may take it below zero.
    credit: i64,
    at: Time,
}

impl Budget {
    pub(super) fn new() -> Self {
        Budget { credit: FULL, at: Time::ZERO }
    }

    pub(super) fn allows(&mut self, now: Time) -> bool {
        let earned = i64::try_from(now.since(self.at).as_micros()).unwrap_or(i64::MAX);
        self.at = self.at.max(now);
        self.credit = self.credit.saturating_add(earned).min(FULL);
        self.credit > 0
    }

    pub(super) fn spend(&mut self, chunks: u64) {
        let spent = i64::try_from(chunks.saturating_mul(MICROS_A_CHUNK)).unwrap_or(i64::MAX);
        self.credit = self.credit.saturating_sub(spent);
    }
}

const FULL: i64 = (BURST * MICROS_A_CHUNK).cast_signed();
