//! When to knock, and at whose door: the configured seeds, looked up anew each time, and the members of the last run.
//!
//! Alone, a daemon tries after 1 s, 2 s, 4 s, … up to 30 s, less up to a quarter at random, lest hosts that lost their
//! network together come back in step. With company it still tries its seeds every minute: two halves of an overlay that
//! started apart find each other as soon as a seed is reachable. A seed that is a member already costs one datagram.
//!
//! That nobody lets us in is told after some attempts, and again every few minutes for as long as it lasts.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use tokio::{task::JoinHandle, time::Instant};

use crate::{
    config::{OverlaySettings, Seed},
    lookup::{Found, Lookup},
    random,
};

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Attempts in vain before they are told of: the others of a whole overlay that starts may take some seconds.
const TOLD_AFTER: u32 = 4;
/// How often it is told while it lasts.
const TOLD_EVERY: Duration = Duration::from_secs(300);
const PAUSE_IN_COMPANY: Duration = Duration::from_secs(60);

/// The attempts to join.
pub(super) struct Joining {
    overlay: String,
    seeds: Vec<Seed>,
    port: u16,
    lookup: Lookup,
    /// Our own addresses, at which we never knock.
    own: Vec<SocketAddr>,
    /// Where members were in the last run.
    last_known: Vec<SocketAddr>,
    asking: Option<JoinHandle<Found>>,
    next: Option<Instant>,
    pause: Duration,
    alone: bool,
    /// Names whose failure is in the log already.
    failed: BTreeSet<Seed>,
    /// Where the last attempt knocked.
    knocked: Vec<SocketAddr>,
    /// Attempts in a row that brought no company.
    in_vain: u32,
    /// When that was last told, in this row.
    told: Option<Instant>,
}

impl Joining {
    pub(super) fn new(
        settings: &OverlaySettings,
        lookup: Lookup,
        own: Vec<SocketAddr>,
        last_known: Vec<SocketAddr>,
    ) -> Self {
        Joining {
            overlay: settings.name.clone(),
            seeds: settings.seeds().cloned().collect(),
            port: settings.port,
            lookup,
            own,
            last_known,
            asking: None,
            next: None,
            pause: FIRST_PAUSE,
            alone: true,
            failed: BTreeSet::new(),
            knocked: Vec::new(),
            in_vain: 0,
            told: None,
        }
    }

    /// Addresses that need no lookup, for the first attempt.
    pub(super) fn begin(&mut self) -> Vec<SocketAddr> {
        self.next = Some(Instant::now() + FIRST_PAUSE);
        if self.seeds.iter().any(|seed| seed.address(self.port).is_none()) {
            self.ask();
        }
        let known = self.seeds.iter().filter_map(|seed| seed.address(self.port));
        self.doors(known.collect())
    }

    /// Other seeds from now on. Those of them that need no look-up, to be tried at once; where none is new, nothing happens.
    pub(super) fn set_seeds(&mut self, settings: &OverlaySettings) -> Vec<SocketAddr> {
        let seeds: Vec<Seed> = settings.seeds().cloned().collect();
        if seeds == self.seeds {
            return Vec::new();
        }
        self.seeds = seeds;
        self.begin()
    }

    /// When [`Joining::handle_timeout`] wants to be called.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.next.filter(|_| self.asking.is_none())
    }

    /// Begins the next attempt if it is due.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.deadline().is_some_and(|next| next <= now) {
            self.next = None;
            self.ask();
        }
    }

    /// Waits for the answer of name servers; for ever while none was asked.
    pub(super) async fn answer(&mut self) -> Vec<SocketAddr> {
        let Some(asking) = &mut self.asking else { return std::future::pending().await };
        let found = asking.await.unwrap_or_default();
        self.asking = None;
        self.tell(&found);
        self.knocked = self.doors(found.addresses);
        self.knocked.clone()
    }

    /// The attempt is made; another follows, later with company than alone.
    pub(super) fn attempted(&mut self, now: Instant, alone: bool) {
        self.alone = alone;
        if self.is_to_be_told(now) {
            tracing::warn!(
                overlay = %self.overlay, tried = ?self.knocked,
                "nobody lets us in; tried again. Is gossiperld running there, at this port, and with our symmetric_key and secret? \
                 Its log counts what it refuses"
            );
        }
        let pause = match alone {
            true => self.pause,
            false => PAUSE_IN_COMPANY,
        };
        self.pause = if alone { (self.pause * 2).min(LONGEST_PAUSE) } else { FIRST_PAUSE };
        let fraction = random::number().unwrap_or(1) as f64 / u64::MAX as f64;
        self.next = Some(now + pause.mul_f64(1.0 - fraction / 4.0));
    }

    /// Counts an attempt, and says whether it is time to tell of all those that were in vain.
    fn is_to_be_told(&mut self, now: Instant) -> bool {
        let has_doors = !self.knocked.is_empty() || !self.failed.is_empty();
        self.in_vain = if self.alone && has_doors { self.in_vain.saturating_add(1) } else { 0 };
        if self.in_vain == 0 {
            self.told = None;
        }
        let is_due = self.told.is_none_or(|told| now.saturating_duration_since(told) >= TOLD_EVERY);
        let is_to_be_told = self.in_vain >= TOLD_AFTER && is_due;
        if is_to_be_told {
            self.told = Some(now);
        }
        is_to_be_told
    }

    /// Whether the last attempt found nobody, though there are doors to knock at.
    pub(super) fn is_in_vain(&self) -> bool {
        self.in_vain > 0
    }

    /// No more attempts.
    pub(super) fn end(&mut self) {
        self.next = None;
        if let Some(asking) = self.asking.take() {
            asking.abort();
        }
    }

    fn ask(&mut self) {
        let (lookup, seeds, port) = (self.lookup.clone(), self.seeds.clone(), self.port);
        self.asking = Some(tokio::spawn(async move { lookup.addresses(&seeds, port).await }));
    }

    /// Seeds first, then, while alone, the members of the last run; ourselves never.
    fn doors(&self, seeds: Vec<SocketAddr>) -> Vec<SocketAddr> {
        let mut doors = Vec::new();
        let last_known = self.last_known.iter().filter(|_| self.alone);
        for door in seeds.iter().chain(last_known) {
            if !self.own.contains(door) && !doors.contains(door) {
                doors.push(*door);
            }
        }
        doors
    }

    /// Says once which names fail, and once when they are found again.
    fn tell(&mut self, found: &Found) {
        let failed: BTreeSet<Seed> = found.failed.iter().map(|(seed, _)| seed.clone()).collect();
        for (seed, error) in found.failed.iter().filter(|(seed, _)| !self.failed.contains(seed)) {
            tracing::warn!(overlay = %self.overlay, %seed, %error, "a seed's name cannot be looked up; tried again");
        }
        for seed in self.failed.difference(&failed) {
            tracing::info!(overlay = %self.overlay, %seed, "the seed's name is found again");
        }
        self.failed = failed;
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Settings;

    #[test]
    fn that_nobody_lets_us_in_is_told_again_for_as_long_as_it_lasts() {
        let text = "[overlays.main]\nip = \"127.0.0.1\"\nport = 6666\nracks = { default = [\"127.0.0.2\"] }\nsymmetric_key = \"a key of this test\"";
        let settings = Settings::parse(text, Path::new("test")).unwrap_or_else(|error| panic!("{error}"));
        let mut joining = Joining::new(&settings.overlays[0], Lookup::default(), Vec::new(), Vec::new());
        let start = Instant::now();
        let attempt = |joining: &mut Joining, seconds: u64, alone: bool| {
            joining.alone = alone;
            joining.is_to_be_told(start + Duration::from_secs(seconds))
        };
        assert!((0..9).all(|second| !attempt(&mut joining, second, true)), "there is nobody to knock at");
        joining.knocked = vec![([127, 0, 0, 2], 6666).into()];
        let told: Vec<u64> =
            (0..1_000).step_by(30).filter(|second| attempt(&mut joining, *second, true)).collect();
        assert_eq!(told, [90, 390, 690, 990]);
        assert!(joining.is_in_vain() && !attempt(&mut joining, 1_000, false) && !joining.is_in_vain());
        // Another row begins anew.
        let told: Vec<u64> =
            (1_010..1_200).step_by(30).filter(|second| attempt(&mut joining, *second, true)).collect();
        assert_eq!(told, [1_100]);
    }
}
