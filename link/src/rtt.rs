//! Round trips and the retransmission timeout: RFC 6298 section 2, with the peer's own delay as in RFC 9002 section 5.

use std::time::Duration;

/// Between hosts, until the first sample. RFC 9002 section 6.2.2 takes 333 ms; half of it, because most overlays
/// stay within a data centre or a continent (wild guess, cheap to miss: a spurious timeout costs two datagrams).
const INITIAL: Duration = Duration::from_millis(166);
/// On loopback, until the first sample: below the least timeout in any case.
const INITIAL_LOOPBACK: Duration = Duration::from_millis(1);
/// PROTOCOL.md section 4.
const LEAST_TIMEOUT: Duration = Duration::from_millis(10);
/// RFC 9002 section 6.1.2 has 1 ms; doubled, because a busy host's scheduler reorders by more.
const LEAST_PATIENCE: Duration = Duration::from_millis(2);
/// PROTOCOL.md section 4.
const MOST_TIMEOUT: Duration = Duration::from_secs(2);
/// A peer that says it waits longer than this before it acknowledges is not believed: ten times what ours do.
const MOST_PEER_DELAY: Duration = Duration::from_millis(25);
/// The tenth doubling of 10 ms is beyond `MOST_TIMEOUT`.
const MOST_DOUBLINGS: u32 = 8;

/// Smoothed round trip and its deviation.
#[derive(Clone, Debug)]
pub(crate) struct Rtt {
    smoothed: Duration,
    deviation: Duration,
    least: Option<Duration>,
    latest: Duration,
    peer_delay: Duration,
    doublings: u32,
}

impl Rtt {
    pub(crate) fn new(loopback: bool) -> Self {
        let initial = if loopback { INITIAL_LOOPBACK } else { INITIAL };
        Rtt {
            smoothed: initial,
            deviation: initial / 2,
            least: None,
            latest: initial,
            peer_delay: Duration::ZERO,
            doublings: 0,
        }
    }

    /// A round trip measured by other means; counts until there is a sample.
    pub(crate) fn seed(&mut self, round_trip: Duration) {
        if self.least.is_none() {
            self.smoothed = round_trip;
            self.deviation = round_trip / 2;
            self.latest = round_trip;
        }
    }

    /// A frame sent once was acknowledged `elapsed` later, of which the peer says it spent `peer_delay` waiting.
    pub(crate) fn sample(&mut self, elapsed: Duration, peer_delay: Duration) -> Duration {
        let peer_delay = peer_delay.min(MOST_PEER_DELAY);
        self.peer_delay = self.peer_delay.max(peer_delay);
        self.doublings = 0;
        let Some(least) = self.least else {
            let sample = elapsed.saturating_sub(peer_delay);
            self.least = Some(sample);
            self.smoothed = sample;
            self.deviation = sample / 2;
            self.latest = sample;
            return sample;
        };
        // RFC 9002 section 5.3: what the peer says must not push a sample below the least seen.
        let without_delay = elapsed.saturating_sub(peer_delay);
        let sample = if without_delay >= least { without_delay } else { elapsed };
        self.least = Some(least.min(sample));
        self.deviation = (self.deviation * 3 + self.smoothed.abs_diff(sample)) / 4;
        self.smoothed = (self.smoothed * 7 + sample) / 8;
        self.latest = sample;
        sample
    }

    pub(crate) fn smoothed(&self) -> Duration {
        self.smoothed
    }

    /// The least sample; zero before the first.
    pub(crate) fn least(&self) -> Duration {
        self.least.unwrap_or_default()
    }

    pub(crate) fn timeout(&self) -> Duration {
        let once = self.smoothed + self.deviation * 4 + self.peer_delay;
        (once.max(LEAST_TIMEOUT) * (1 << self.doublings)).min(MOST_TIMEOUT)
    }

    /// A datagram overtaken by another is lost so long after it was sent (RFC 9002 section 6.1.2).
    pub(crate) fn patience(&self) -> Duration {
        (self.smoothed.max(self.latest) * 9 / 8).max(LEAST_PATIENCE)
    }

    /// The timeout has expired. Stays doubled until a frame sent once is acknowledged (Karn, RFC 6298 section 3).
    pub(crate) fn back_off(&mut self) {
        self.doublings = (self.doublings + 1).min(MOST_DOUBLINGS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_timeout_is_four_deviations_and_the_peers_delay_above_the_smoothed_round_trip() {
        let mut rtt = Rtt::new(false);
        assert_eq!(rtt.sample(102 * MS, 2 * MS), 100 * MS);
        assert_eq!(rtt.timeout(), (100 + 4 * 50 + 2) * MS);
        rtt.sample(200 * MS, Duration::ZERO);
        // 3/4 * 50 + 1/4 * 100 = 62.5; 7/8 * 100 + 1/8 * 200 = 112.5.
        assert_eq!(rtt.timeout(), Duration::from_micros(112_500 + 4 * 62_500 + 2_000));
    }

    #[test]
    fn the_timeout_stays_within_10_ms_and_2_s() {
        let mut rtt = Rtt::new(true);
        assert_eq!(rtt.timeout(), 10 * MS);
        let doubled: Vec<Duration> = std::iter::repeat_with(|| {
            rtt.back_off();
            rtt.timeout()
        })
        .take(10)
        .collect();
        assert_eq!(doubled[..3], [20 * MS, 40 * MS, 80 * MS]);
        assert_eq!(doubled[8..], [2_000 * MS; 2]);
        rtt.sample(MS, Duration::ZERO);
        assert_eq!(rtt.timeout(), 10 * MS);
    }

    #[test]
    fn a_peer_cannot_talk_its_delay_up_or_the_round_trip_below_the_least() {
        let mut rtt = Rtt::new(true);
        rtt.sample(10 * MS, Duration::ZERO);
        assert_eq!(rtt.sample(20 * MS, 15 * MS), 20 * MS);
        rtt.sample(10 * MS, Duration::MAX);
        assert!(rtt.timeout() < 100 * MS);
    }

    #[test]
    fn a_seed_counts_only_before_the_first_sample() {
        let mut rtt = Rtt::new(false);
        rtt.seed(MS);
        assert_eq!(rtt.timeout(), 10 * MS);
        rtt.sample(50 * MS, Duration::ZERO);
        rtt.seed(MS);
        assert_eq!(rtt.smoothed(), 50 * MS);
    }
}
