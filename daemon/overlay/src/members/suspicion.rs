//! Suspicion: the time a member has to refute before it counts as failed (SWIM section 4.2, Lifeguard section IV.B).
//!
//! It starts long and shrinks as independent members confirm it, so that one sick accuser alone needs much more time to
//! have a healthy member declared failed than several that agree.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use gossiperl_link::Time;

use super::table::MemberId;
use crate::Detector;

/// More confirmations than these are neither counted nor stored.
const MAX_CONFIRMATIONS: usize = 8;

/// How long a suspicion lasts, from the overlay's size and the detector's constants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Patience {
    /// Confirmations that bring the timeout down to `min`.
    pub(super) confirmations: usize,
    pub(super) min: Duration,
    pub(super) max: Duration,
}

impl Patience {
    /// For an overlay of `members` with ourselves, never longer than `bound` (zero: no bound).
    ///
    /// `min = suspicion_mult * span + gossip_every * log(members) / log(1 + gossip_nodes)`, `span` being a probe's time:
    /// time for others to probe the suspect and tell it, and for gossip to reach everybody once. memberlist's
    /// `suspicion_mult * probe_every * log10(members)` has confirmations wait for the next rounds of probing; ours come
    /// from probes made at once. `max = suspicion_max_mult * min`.
    ///
    /// `suspicion_mult - 2` confirmations are wanted (memberlist), but at least its LAN preset's two; none where there
    /// are not so many members to give them.
    pub(super) fn new(detector: &Detector, members: usize, bound: Duration) -> Self {
        let bound = if bound.is_zero() { Duration::MAX } else { bound };
        let rounds = (members.max(1) as f64).ln() / (detector.gossip_nodes.max(1) as f64 + 1.0).ln();
        let probes = probe_span(detector).as_micros() as f64 * f64::from(detector.suspicion_mult.max(1));
        // A float's cast saturates.
        let micros = (probes + detector.gossip_every.as_micros() as f64 * rounds) as u64;
        let min = Duration::from_micros(micros).min(bound);
        let max = min.saturating_mul(detector.suspicion_max_mult.max(1)).min(bound);
        let wanted = (detector.suspicion_mult.saturating_sub(2) as usize).clamp(2, MAX_CONFIRMATIONS);
        let confirmations = if members.saturating_sub(2) < wanted { 0 } else { wanted };
        Patience { confirmations, min, max }
    }

    /// The timeout once `confirmed` others agree: `max - (max - min) * log(confirmed + 1) / log(confirmations + 1)`.
    fn timeout(&self, confirmed: usize) -> Duration {
        if confirmed >= self.confirmations {
            return self.min;
        }
        let share = ((confirmed + 1) as f64).ln() / ((self.confirmations + 1) as f64).ln();
        let span = self.max.saturating_sub(self.min).as_micros() as f64;
        let timeout = self.max.as_micros() as f64 - span * share;
        Duration::from_micros(timeout as u64).max(self.min)
    }
}

/// How long one probe may take, while we are healthy: time for indirect ones after the direct one.
pub(super) fn probe_span(detector: &Detector) -> Duration {
    detector.probe_every.min(detector.probe_timeout.saturating_mul(3))
}

/// The open suspicions, by member and by their ends: at most one a member.
#[derive(Debug, Default)]
pub(super) struct Suspicions {
    open: BTreeMap<MemberId, Suspicion>,
    ends: BTreeSet<(Time, MemberId)>,
}

impl Suspicions {
    pub(super) fn get(&self, id: MemberId) -> Option<&Suspicion> {
        self.open.get(&id)
    }

    /// Opens one, in place of any there is.
    pub(super) fn open(&mut self, id: MemberId, suspicion: Suspicion) {
        self.close(id);
        self.ends.insert((suspicion.deadline, id));
        self.open.insert(id, suspicion);
    }

    /// Ends one without a verdict, if it is open.
    pub(super) fn close(&mut self, id: MemberId) {
        if let Some(suspicion) = self.open.remove(&id) {
            self.ends.remove(&(suspicion.deadline, id));
        }
    }

    /// Changes one and keeps its end in step; `None` where it is not open.
    pub(super) fn change<T>(&mut self, id: MemberId, by: impl FnOnce(&mut Suspicion) -> T) -> Option<T> {
        let suspicion = self.open.get_mut(&id)?;
        let before = suspicion.deadline;
        let outcome = by(suspicion);
        if suspicion.deadline != before {
            self.ends.remove(&(before, id));
            self.ends.insert((suspicion.deadline, id));
        }
        Some(outcome)
    }

    /// Moves all by a stall of ours.
    pub(super) fn shift(&mut self, by: Duration) {
        self.open.values_mut().for_each(|suspicion| suspicion.shift(by));
        self.ends = self.open.iter().map(|(&id, suspicion)| (suspicion.deadline, id)).collect();
    }

    pub(super) fn next_timeout(&self) -> Option<Time> {
        self.ends.first().map(|&(end, _)| end)
    }

    /// Whose runs out first, if that is due.
    pub(super) fn due(&self, now: Time) -> Option<MemberId> {
        self.ends.first().filter(|&&(end, _)| end <= now).map(|&(_, id)| id)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        assert_eq!(self.open.len(), self.ends.len());
        assert!(self.open.iter().all(|(id, open)| self.ends.contains(&(open.deadline, *id))));
        self.open.len()
    }
}

/// An open suspicion of one member.
#[derive(Clone, Debug)]
pub(super) struct Suspicion {
    started: Time,
    /// When it runs out.
    pub(super) deadline: Time,
    patience: Patience,
    /// Who accuses: the first, then those that confirmed. Never more than the confirmations counted and one.
    accusers: Vec<Arc<str>>,
    /// When it answered one of our own probes after the suspicion began.
    pub(super) answered: bool,
    /// Whether an answer has put the end off already.
    pub(super) extended: bool,
}

impl Suspicion {
    pub(super) fn new(now: Time, patience: Patience, accuser: Arc<str>) -> Self {
        let deadline = now + patience.timeout(0);
        Suspicion {
            started: now,
            deadline,
            patience,
            accusers: vec![accuser],
            answered: false,
            extended: false,
        }
    }

    /// Another accusation. True where it counts: a new accuser, and not enough of them yet.
    pub(super) fn confirm(&mut self, accuser: &Arc<str>) -> bool {
        if self.accusers.len() > self.patience.confirmations || self.accusers.contains(accuser) {
            return false;
        }
        self.accusers.push(accuser.clone());
        let timeout = self.patience.timeout(self.accusers.len() - 1);
        // An answer may have put the end off, and a stall moved it: never closer than that.
        if !self.extended {
            self.deadline = self.started + timeout;
        }
        true
    }

    /// Lets it last no longer than this from its start.
    pub(super) fn bring_forward(&mut self, lasting: Duration) {
        self.deadline = self.deadline.min(self.started + lasting);
    }

    /// Gives the member the shortest time once more, since it answered us.
    pub(super) fn extend(&mut self, now: Time) {
        self.extended = true;
        self.deadline = now + self.patience.min;
    }

    /// Moves it into the future by a stall of ours: in that time nobody could have refuted to us.
    pub(super) fn shift(&mut self, by: Duration) {
        self.started = self.started + by;
        self.deadline = self.deadline + by;
    }

    /// An accuser to name in the `turn`th telling, so that all of them get around.
    pub(super) fn accuser(&self, turn: usize) -> Option<&Arc<str>> {
        self.accusers.get(turn % self.accusers.len().max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accuser(name: &str) -> Arc<str> {
        Arc::from(name)
    }

    #[test]
    fn confirmations_shorten_the_timeout_along_lifeguards_curve() {
        let patience =
            Patience { confirmations: 2, min: Duration::from_secs(4), max: Duration::from_secs(24) };
        assert_eq!(patience.timeout(0), patience.max);
        // log 2 / log 3 of the way from 24 s to 4 s.
        assert_eq!(patience.timeout(1).as_millis(), 11_381);
        assert_eq!(patience.timeout(2), patience.min);
        assert_eq!(patience.timeout(usize::MAX - 1), patience.min);
    }

    #[test]
    fn patience_grows_with_gossips_rounds_up_to_the_bound() {
        let detector = Detector {
            probe_every: Duration::from_secs(1),
            probe_timeout: Duration::from_millis(500),
            gossip_every: Duration::from_millis(200),
            gossip_nodes: 3,
            suspicion_mult: 4,
            suspicion_max_mult: 6,
            ..Detector::lan()
        };
        // A probe takes a second; gossip reaches 16 times as many in two rounds.
        let min = |members| Patience::new(&detector, members, Duration::ZERO).min.as_millis();
        assert_eq!((min(1), min(16), min(256)), (4_000, 4_400, 4_800));
        assert_eq!(Patience::new(&detector, 16, Duration::ZERO).max.as_millis(), 26_400);
        let bounded = Patience::new(&detector, 1_000, Duration::from_secs(2));
        assert_eq!((bounded.min, bounded.max), (Duration::from_secs(2), Duration::from_secs(2)));
    }

    #[test]
    fn without_enough_others_to_confirm_the_shortest_timeout_holds() {
        let patience = Patience::new(&Detector::lan(), 3, Duration::ZERO);
        assert_eq!(patience.confirmations, 0);
        assert_eq!(patience.timeout(0), patience.min);
    }

    #[test]
    fn an_accuser_counts_once_and_enough_is_enough() {
        let patience = Patience::new(&Detector::default(), 10, Duration::ZERO);
        let mut suspicion = Suspicion::new(Time::ZERO, patience, accuser("a"));
        assert!(!suspicion.confirm(&accuser("a")));
        assert!(suspicion.confirm(&accuser("b")));
        assert!(suspicion.confirm(&accuser("c")));
        assert!(!suspicion.confirm(&accuser("d")));
        assert_eq!(suspicion.deadline, Time::ZERO + patience.min);
        let told: Vec<_> = (0..4).filter_map(|turn| suspicion.accuser(turn)).map(|name| &**name).collect();
        assert_eq!(told, ["a", "b", "c", "a"]);
    }

    #[test]
    fn absurd_constants_saturate() {
        let detector = Detector {
            probe_every: Duration::MAX,
            suspicion_mult: u32::MAX,
            suspicion_max_mult: u32::MAX,
            ..Detector::default()
        };
        let patience = Patience::new(&detector, usize::MAX, Duration::ZERO);
        assert_eq!(patience.confirmations, MAX_CONFIRMATIONS);
        assert!(patience.timeout(1) >= patience.min);
        Suspicion::new(Time::ZERO, patience, accuser("a")).shift(Duration::MAX);
    }
}
