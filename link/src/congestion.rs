//! The congestion window: NewReno as RFC 9002 section 7 has it, in bytes of frames on the wire.

/// A window never falls below so many datagrams (PROTOCOL.md section 4) of `ORDINARY_DATAGRAM` bytes …
const LEAST_DATAGRAMS: u64 = 16;
/// … or below two of the link's own where those are larger (RFC 9002 section 7.2): sixteen datagrams of 60,000 bytes
/// would be more than a socket's receive buffer, and no loss could make the sender keep within it.
const LEAST_OWN_DATAGRAMS: u64 = 2;
/// What fits through any path between hosts.
const ORDINARY_DATAGRAM: u64 = 1_400;
/// Beyond this a window means nothing; keeps sums far from overflow.
const MOST: u64 = 1 << 32;

#[derive(Clone, Debug)]
pub(crate) struct Congestion {
    window: u64,
    /// Slow start ends here.
    threshold: u64,
    least: u64,
    datagram: u64,
    /// Losses among datagrams sent before this one have been answered already.
    recovery: u64,
}

impl Congestion {
    /// On loopback nothing but the peer's window limits the start; elsewhere it is twice the least window.
    pub(crate) fn new(datagram: usize, loopback: bool, peer_window: u32) -> Self {
        let mut congestion =
            Congestion { window: 0, threshold: u64::MAX, least: 0, datagram: 0, recovery: 0 };
        congestion.set_datagram(datagram);
        congestion.window = congestion.least * 2;
        if loopback {
            congestion.window = congestion.window.max(peer_window.into());
        }
        congestion
    }

    pub(crate) fn set_datagram(&mut self, datagram: usize) {
        self.datagram = datagram as u64;
        self.least = (LEAST_DATAGRAMS * ORDINARY_DATAGRAM).max(LEAST_OWN_DATAGRAMS * self.datagram);
        self.window = self.window.max(self.least);
    }

    pub(crate) fn window(&self) -> u64 {
        self.window
    }

    /// `bytes` were acknowledged when `in_flight` had been on their way, the newest of them in datagram `newest`.
    pub(crate) fn acknowledged(&mut self, bytes: u64, in_flight: u64, newest: u64) {
        // RFC 9002 sections 7.3.2 and 7.8: no growth in recovery, nor of a window that is not used.
        if newest < self.recovery || in_flight * 2 < self.window {
            return;
        }
        let growth = if self.window < self.threshold { bytes } else { self.datagram * bytes / self.window };
        self.window = (self.window + growth).min(MOST);
    }

    /// Datagram `lost` is, the next to be sent is `next`. Halves once a round trip; says whether it did.
    pub(crate) fn lost(&mut self, lost: u64, next: u64) -> bool {
        if lost < self.recovery {
            return false;
        }
        self.recovery = next;
        self.window = (self.window / 2).max(self.least);
        self.threshold = self.window;
        true
    }

    /// Nothing was heard for a retransmission timeout; `again`: nor since the last one. Then the threshold stays, or an outage would cost
    /// all that was learnt (RFC 5681 section 3.1).
    pub(crate) fn expired(&mut self, next: u64, again: bool) {
        if !again {
            self.threshold = (self.window / 2).max(self.least);
        }
        self.window = self.least;
        self.recovery = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: u64 = 16 * 1_400;

    #[test]
    fn doubles_in_slow_start_and_adds_a_datagram_a_round_trip_behind_it() {
        let mut congestion = Congestion::new(1_300, false, 1 << 20);
        let start = congestion.window();
        congestion.acknowledged(start, start, 5);
        assert_eq!(congestion.window(), start * 2);
        assert!(congestion.lost(5, 9));
        assert_eq!(congestion.window(), start);
        congestion.acknowledged(start, start, 9);
        assert_eq!(congestion.window(), start + 1_300);
    }

    #[test]
    fn halves_once_a_round_trip_and_never_below_the_least() {
        let mut congestion = Congestion::new(1_300, true, 1 << 20);
        assert!(congestion.lost(5, 9));
        assert!(!congestion.lost(8, 12));
        assert_eq!(congestion.window(), 1 << 19);
        for datagram in 12..40 {
            congestion.lost(datagram, datagram + 1);
        }
        assert_eq!(congestion.window(), LEAST);
        congestion.expired(40, false);
        assert_eq!(congestion.window(), LEAST);
    }

    #[test]
    fn does_not_grow_while_it_is_not_used() {
        let mut congestion = Congestion::new(1_300, false, 1 << 20);
        congestion.acknowledged(1_000, 1_000, 1);
        assert_eq!(congestion.window(), LEAST * 2);
    }
}
