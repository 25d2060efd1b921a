//! Figures of a run, and the one who watches: it hands everything that happens to the checkers and to what measures.

mod detection;
mod figures;
mod memory;
mod spread;
mod traffic;

use std::{collections::BTreeSet, ops::Range, time::Duration};

use gossiperl_overlay::{Change, Limits, Overlay, Time};

pub use detection::Detection;
pub use figures::{Figures, Samples};
pub use spread::{Kind, Spread};
pub use traffic::Traffic;

use crate::{
    check::{Agreement, Alarms, Bounds, Delivery, Entries, Violation, Work},
    scenario::{Direction, Phase, Scenario, Span, Verdict},
};

/// The whole of the scenario's time, where no phase is told apart.
const ALL: &str = "all";

/// Who watches.
pub struct Watch {
    agreement: Agreement,
    alarms: Alarms,
    bounds: Bounds,
    entries: Entries,
    work: Work,
    pub(crate) delivery: Delivery,
    detection: Detection,
    spread: Spread,
    pub(crate) traffic: Traffic,
    agree: Verdict,
    live: BTreeSet<usize>,
    asleep: BTreeSet<usize>,
    settling: Vec<Settling>,
    settled: [Samples; 2],
    violations: Vec<Violation>,
    formed: Option<Time>,
    steps: Vec<u32>,
    /// Subscriptions ever made: they number their spreading.
    subscriptions: usize,
    memory: Option<u64>,
    figures: Figures,
}

/// What one waits to see through.
struct Settling {
    kind: Settled,
    since: Time,
    live: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Settled {
    /// Newcomers who know all, and are known by all.
    Newcomers,
    /// A cut that has healed.
    Healed,
}

impl Watch {
    /// Watches for what the scenario wants to know.
    pub fn new(scenario: &Scenario) -> Self {
        let mut phases = scenario.phase.clone();
        phases.insert(ALL.to_owned(), Phase { from: Span::default(), to: scenario.duration });
        let check = &scenario.check;
        Watch {
            agreement: Agreement::new(check.agree_within.0),
            alarms: Alarms::new(check.false_alarms, check.excused_for.0),
            bounds: Bounds::new(Limits::default()),
            entries: Entries::default(),
            work: Work::new(check.datagrams_a_step),
            delivery: Delivery::default(),
            detection: Detection::default(),
            spread: Spread::default(),
            traffic: Traffic::new(phases),
            agree: check.agreement,
            live: BTreeSet::new(),
            asleep: BTreeSet::new(),
            settling: Vec::new(),
            settled: Default::default(),
            violations: Vec::new(),
            formed: None,
            steps: Vec::new(),
            subscriptions: 0,
            memory: memory::resident(),
            figures: Figures::new(),
        }
    }

    /// What was found.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// Members that run.
    pub fn live(&self) -> usize {
        self.live.len()
    }

    /// The figures, complete once the run is over, and what was found.
    pub fn into_figures(self) -> (Figures, Vec<Violation>) {
        (self.figures, self.violations)
    }

    pub(crate) fn violate(&mut self, violation: Violation) {
        self.violations.push(violation);
    }

    pub(crate) fn is_formed(&self, members: usize) -> bool {
        self.live.len() == members && self.agreement.is_reached()
    }

    pub(crate) fn formed(&mut self, now: Time) {
        self.formed = Some(now);
        self.traffic.formed(now);
        self.alarms.lived = 0.0;
        if let (Some(before), Some(after)) = (self.memory, memory::resident()) {
            let each = after.saturating_sub(before) as f64 / self.live.len().max(1) as f64;
            self.figures.insert("memory.bytes_per_member".to_owned(), each);
        }
        self.figures.insert("formation.seconds".to_owned(), now.since(Time::ZERO).as_secs_f64());
    }

    pub(crate) fn started(&mut self, now: Time, machine: usize) {
        self.detection.started(machine);
        self.alarms.set_live(now, machine, true);
        self.agreement.set_live(now, machine, true);
        if self.formed.is_some() {
            self.spread.begin(now, Kind::Join, machine, self.awake_ones());
        }
        self.live.insert(machine);
    }

    pub(crate) fn ended(&mut self, now: Time, machine: usize) {
        self.live.remove(&machine);
        self.asleep.remove(&machine);
        self.alarms.set_live(now, machine, false);
        self.agreement.set_live(now, machine, false);
        self.entries.ended(machine);
        self.delivery.ended(machine);
        self.detection.ended(now, machine);
        self.spread.ended(now, machine);
    }

    pub(crate) fn crashed(&mut self, now: Time, machine: usize) {
        self.detection.crashed(now, machine, self.awake_ones());
    }

    pub(crate) fn left(&mut self, now: Time, machine: usize) {
        self.ended(now, machine);
        self.spread.begin(now, Kind::Leave, machine, self.awake_ones());
    }

    pub(crate) fn coming(&mut self, now: Time, newcomers: Range<usize>) {
        let live = self.live.len() + newcomers.len();
        self.settling.push(Settling { kind: Settled::Newcomers, since: now, live });
    }

    pub(crate) fn subscribed(&mut self, now: Time, machine: usize) {
        self.entries.subscribed(machine);
        self.agreement.happened(now);
        self.subscriptions += 1;
        let mut unaware = self.awake_ones();
        unaware.remove(&machine);
        self.spread.begin(now, Kind::Subscription, self.subscriptions, unaware);
    }

    pub(crate) fn happened(&mut self, now: Time) {
        self.agreement.happened(now);
    }

    pub(crate) fn troubled(&mut self) {
        self.agreement.troubled();
    }

    pub(crate) fn calm(&mut self, now: Time) {
        self.agreement.calm(now);
    }

    pub(crate) fn healed(&mut self, now: Time) {
        self.settling.push(Settling { kind: Settled::Healed, since: now, live: self.live.len() });
    }

    pub(crate) fn excuse(&mut self, machine: usize, until: Time) {
        self.alarms.excuse(machine, until);
    }

    pub(crate) fn separate(&mut self, now: Time, side: Vec<bool>, direction: Direction, lasting: Duration) {
        self.alarms.separate(side, direction, now + lasting);
    }

    pub(crate) fn asleep(&mut self, machine: usize) {
        self.asleep.insert(machine);
        self.agreement.set_asleep(machine, true);
    }

    pub(crate) fn awake(&mut self, machine: usize) {
        self.asleep.remove(&machine);
        self.agreement.set_asleep(machine, false);
    }

    /// A daemon reports a change of a member's standing.
    pub(crate) fn heard(&mut self, now: Time, observer: usize, about: usize, change: Change) {
        if !self.live.contains(&observer) {
            return;
        }
        self.detection.heard(now, observer, about, change);
        match change {
            Change::In | Change::Rejoin => self.spread.aware(now, Kind::Join, about, observer),
            Change::Out => self.spread.aware(now, Kind::Leave, about, observer),
            Change::Quarantine => self.alarms.suspected(now, observer, about),
            Change::Unreachable => {
                let found = self.alarms.declared(now, observer, about);
                self.violations.extend(found);
            }
            Change::Drop => {}
        }
    }

    /// A daemon's step is done, and it has sent so many datagrams to other hosts.
    pub(crate) fn stepped(&mut self, now: Time, machine: usize, overlay: &Overlay, sent: usize) {
        if !self.live.contains(&machine) {
            return;
        }
        self.agreement.set_opinion(machine, overlay.root(), overlay.live());
        let found = self.work.check(now, machine, sent);
        self.violations.extend(found);
        self.violations.extend(self.delivery.check());
        let known = overlay.remote_subscriptions();
        self.see_subscriptions(now, machine, known);
        if self.agree == Verdict::Fail && self.agreement.is_quiet(now) {
            self.violations.extend(self.entries.check(now, machine, known));
        }
        if !self.settling.is_empty() && self.agreement.is_reached() {
            self.settle(now);
        }
        self.look_at_load(now, machine, overlay);
        if self.formed.is_some() && self.agree == Verdict::Fail {
            let found = self.agreement.check(now);
            self.violations.extend(found);
        }
    }

    /// A look at every endpoint costs the more the larger the overlay: it is had the less often for that.
    fn look_at_load(&mut self, now: Time, machine: usize, overlay: &Overlay) {
        if self.steps.len() <= machine {
            self.steps.resize(machine + 1, 0);
        }
        self.steps[machine] += 1;
        if self.steps[machine] as usize > self.live.len() / 16 {
            self.steps[machine] = 0;
            self.violations.extend(self.bounds.check(now, machine, &overlay.load()));
        }
    }

    fn see_subscriptions(&mut self, now: Time, machine: usize, known: usize) {
        if known < self.entries.of_others(machine) {
            return;
        }
        let open: Vec<usize> = self.spread.open(Kind::Subscription).collect();
        for subject in open {
            self.spread.aware(now, Kind::Subscription, subject, machine);
        }
    }

    fn settle(&mut self, now: Time) {
        let live = self.live.len();
        let Watch { settling, settled, .. } = self;
        settling.retain(|waiting| {
            if waiting.kind == Settled::Newcomers && waiting.live > live {
                return true;
            }
            settled[waiting.kind as usize].push_time(now.since(waiting.since));
            false
        });
    }

    pub(crate) fn second(&mut self, now: Time) {
        self.alarms.live_on(1.0);
        if self.formed.is_some() && self.agree == Verdict::Fail {
            let found = self.agreement.check(now);
            self.violations.extend(found);
        }
    }

    /// The run is over.
    pub(crate) fn finish(&mut self, now: Time, published: &[(i64, (u64, u64))]) {
        let found = self.delivery.finish(now, published);
        self.violations.extend(found);
        let figures = &mut self.figures;
        self.detection.put(figures);
        self.spread.put(figures);
        self.traffic.put(figures);
        self.settled[Settled::Newcomers as usize].put("newcomers.complete", figures);
        self.settled[Settled::Healed as usize].put("partition.healed", figures);
        let hours = self.alarms.lived / 3_600.0;
        let named = [
            ("alarms.member_hours", hours),
            ("alarms.false", self.alarms.without_cause as f64),
            ("alarms.with_cause", self.alarms.excused as f64),
            ("alarms.suspicions", self.alarms.suspicions as f64),
            ("alarms.false_per_member_hour", self.alarms.without_cause as f64 / hours.max(f64::MIN_POSITIVE)),
            ("newcomers.unfinished", self.settling.len() as f64),
            ("messages.acknowledged", self.delivery.acknowledged as f64),
            ("messages.delivered", self.delivery.deliveries as f64),
            ("work.most_datagrams_a_step", self.work.most as f64),
        ];
        figures.extend(named.map(|(name, value)| (name.to_owned(), value)));
    }

    /// How many copies of each news arrived at the members.
    pub(crate) fn redundancy<'a>(&mut self, members: impl Iterator<Item = &'a Overlay>) {
        let (mut news, mut copies, mut entries, mut repeated) = (0, 0, 0, 0);
        for overlay in members {
            let counters = overlay.member_counters();
            news += counters.news;
            copies += counters.news + counters.known;
            let state = overlay.state_stats();
            entries += state.updates_new;
            repeated += state.updates_new + state.updates_known;
        }
        for (name, copies, news) in [("members", copies, news), ("entries", repeated, entries)] {
            if news > 0 {
                self.figures.insert(format!("redundancy.{name}"), copies as f64 / news as f64);
            }
        }
    }

    fn awake_ones(&self) -> BTreeSet<usize> {
        self.live.difference(&self.asleep).copied().collect()
    }
}
