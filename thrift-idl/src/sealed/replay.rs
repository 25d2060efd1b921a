//! The window that drops replays (PROTOCOL.md section 2, "Replay").

/// How many counters, up to the newest, the window tells apart.
pub const REPLAY_WINDOW: u64 = 256;

const WORDS: usize = (REPLAY_WINDOW / 64) as usize;

/// Which of the newest [`REPLAY_WINDOW`] counters of a sender have been opened.
///
/// Older ones count as opened. Ask for what has been opened only: a counter is anybody's claim before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplayWindow {
    newest: u64,
    /// Bit n of the first word: `newest - n`; of the second: `newest - 64 - n`; and so on. Wider words would have every window padded.
    seen: [u64; WORDS],
}

impl ReplayWindow {
    /// A window that has seen nothing.
    pub const fn new() -> Self {
        ReplayWindow { newest: 0, seen: [0; WORDS] }
    }

    /// Takes the counter of a datagram that has been opened. False, and no change, where it is a replay or too old to tell.
    #[inline]
    pub fn accept(&mut self, counter: u64) -> bool {
        if let Some(ahead) = counter.checked_sub(self.newest).filter(|&ahead| ahead > 0) {
            self.newest = counter;
            self.shift(ahead);
            self.seen[0] |= 1;
            return true;
        }
        if self.contains(counter) {
            return false;
        }
        // Not ahead and not out of the window, or `contains` had said so.
        let behind = self.newest - counter;
        self.seen[(behind / 64) as usize] |= 1 << (behind % 64);
        true
    }

    /// Whether [`accept`](Self::accept) would refuse the counter; saves opening a replay.
    #[inline]
    pub fn contains(&self, counter: u64) -> bool {
        match self.newest.checked_sub(counter) {
            None => false,
            Some(behind @ 0..REPLAY_WINDOW) => self.seen[(behind / 64) as usize] >> (behind % 64) & 1 == 1,
            Some(_) => true,
        }
    }

    /// The newest counter that was accepted; 0 before the first.
    pub fn newest(&self) -> u64 {
        self.newest
    }

    fn shift(&mut self, by: u64) {
        let (words, bits) = ((by / 64).min(WORDS as u64) as usize, by % 64);
        let before = self.seen;
        self.seen = [0; WORDS];
        for (from, to) in (words..WORDS).enumerate() {
            self.seen[to] = before[from] << bits;
            if bits > 0 && from > 0 {
                self.seen[to] |= before[from - 1] >> (64 - bits);
            }
        }
    }
}
