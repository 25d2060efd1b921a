//! How long a change takes to reach half, 99 % and all of those that live.

use std::collections::{BTreeMap, BTreeSet};

use gossiperl_overlay::Time;

use super::figures::{Figures, Samples};

/// What changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A newcomer.
    Join,
    /// A daemon that leaves in order.
    Leave,
    /// A client's subscription: an entry of the shared state.
    Subscription,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Join => "join",
            Kind::Leave => "leave",
            Kind::Subscription => "subscription",
        }
    }
}

/// Changes under way and done.
#[derive(Debug, Default)]
pub struct Spread {
    open: BTreeMap<(Kind, usize), Tracked>,
    done: BTreeMap<Kind, [Samples; 3]>,
}

#[derive(Debug)]
struct Tracked {
    at: Time,
    unaware: BTreeSet<usize>,
    total: usize,
    reached: usize,
    halves: [Option<f64>; 2],
}

impl Spread {
    /// A change begins; these have to learn of it. The subject tells changes of a kind apart.
    pub fn begin(&mut self, now: Time, kind: Kind, subject: usize, unaware: BTreeSet<usize>) {
        let total = unaware.len();
        if total > 0 {
            let tracked = Tracked { at: now, unaware, total, reached: 0, halves: [None; 2] };
            self.open.insert((kind, subject), tracked);
        }
    }

    /// The subjects of a kind's open changes.
    pub fn open(&self, kind: Kind) -> impl Iterator<Item = usize> {
        self.open.range((kind, 0)..=(kind, usize::MAX)).map(|((_, subject), _)| *subject)
    }

    /// A daemon knows.
    pub fn aware(&mut self, now: Time, kind: Kind, subject: usize, observer: usize) {
        let Some(tracked) = self.open.get_mut(&(kind, subject)) else { return };
        if !tracked.unaware.remove(&observer) {
            return;
        }
        tracked.reached += 1;
        tracked.note(now);
        self.close(now, kind, subject);
    }

    /// A daemon need not know any more.
    pub fn ended(&mut self, now: Time, machine: usize) {
        let keys: Vec<(Kind, usize)> = self.open.keys().copied().collect();
        for (kind, subject) in keys {
            if kind != Kind::Leave && subject == machine {
                self.open.remove(&(kind, subject));
            } else if let Some(tracked) = self.open.get_mut(&(kind, subject))
                && tracked.unaware.remove(&machine)
            {
                tracked.total -= 1;
                self.close(now, kind, subject);
            }
        }
    }

    fn close(&mut self, now: Time, kind: Kind, subject: usize) {
        if self.open.get(&(kind, subject)).is_none_or(|tracked| !tracked.unaware.is_empty()) {
            return;
        }
        let Some(tracked) = self.open.remove(&(kind, subject)) else { return };
        let all = now.since(tracked.at).as_secs_f64();
        let done = self.done.entry(kind).or_default();
        let times = [tracked.halves[0], tracked.halves[1], Some(all)];
        for (samples, time) in done.iter_mut().zip(times) {
            samples.push(time.unwrap_or(all));
        }
    }

    /// Under `spread`, by kind.
    pub fn put(&self, figures: &mut Figures) {
        for (kind, done) in &self.done {
            for (part, samples) in ["half", "most", "all"].iter().zip(done) {
                samples.put(&format!("spread.{}.{part}", kind.name()), figures);
            }
        }
        if !self.done.is_empty() {
            figures.insert("spread.unfinished".to_owned(), self.open.len() as f64);
        }
    }
}

impl Tracked {
    fn note(&mut self, now: Time) {
        let time = now.since(self.at).as_secs_f64();
        let share = self.reached as f64 / self.total as f64;
        for (half, wanted) in self.halves.iter_mut().zip([0.5, 0.99]) {
            if half.is_none() && share >= wanted {
                *half = Some(time);
            }
        }
    }
}
