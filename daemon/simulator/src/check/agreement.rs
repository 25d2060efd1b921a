//! No two live daemons disagree for longer than the bound once the network is whole.
//!
//! Daemons agree where the roots of their hash trees are equal, which stand for members, runs, incarnations and entries, and each knows as many
//! live members as there are. Each has itself in its tree; so equal roots and the right number mean the right set.

use std::{collections::BTreeMap, time::Duration};

use gossiperl_overlay::Time;

use super::Violation;

/// What one daemon thinks: its root, and how many others live.
type Opinion = (i64, usize);

/// The checker.
#[derive(Debug)]
pub struct Agreement {
    within: Duration,
    opinions: Vec<Slot>,
    /// How many of those that count hold each opinion.
    held: BTreeMap<Opinion, usize>,
    /// Daemons that run, asleep or not.
    live: usize,
    /// Troubles that last.
    troubles: usize,
    happened: Time,
    disagreed: Option<Time>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    opinion: Option<Opinion>,
    live: bool,
    asleep: bool,
}

impl Slot {
    fn counted(&self) -> Option<Opinion> {
        self.opinion.filter(|_| self.live && !self.asleep)
    }
}

impl Agreement {
    /// Disagreement may last so long.
    pub fn new(within: Duration) -> Self {
        Agreement {
            within,
            opinions: Vec::new(),
            held: BTreeMap::new(),
            live: 0,
            troubles: 0,
            happened: Time::ZERO,
            disagreed: None,
        }
    }

    /// Daemons that run.
    pub fn live(&self) -> usize {
        self.live
    }

    /// Something happened of which daemons have to learn.
    pub fn happened(&mut self, now: Time) {
        self.happened = now;
    }

    /// Something that lasts begins.
    pub fn troubled(&mut self) {
        self.troubles += 1;
    }

    /// It ends.
    pub fn calm(&mut self, now: Time) {
        self.troubles = self.troubles.saturating_sub(1);
        self.happened = now;
    }

    /// Whether something lasts, or has just happened.
    pub fn is_quiet(&self, now: Time) -> bool {
        self.troubles == 0 && now.since(self.happened) > self.within
    }

    /// A daemon starts or ends.
    pub fn set_live(&mut self, now: Time, machine: usize, live: bool) {
        let was = self.slot(machine).live;
        self.live = if live == was {
            self.live
        } else if live {
            self.live + 1
        } else {
            self.live - 1
        };
        self.happened = now;
        self.change(machine, |slot| *slot = Slot { live, ..Slot::default() });
    }

    /// A daemon that stands still has no opinion.
    pub fn set_asleep(&mut self, machine: usize, asleep: bool) {
        self.change(machine, |slot| slot.asleep = asleep);
    }

    /// What a daemon thinks after its step.
    pub fn set_opinion(&mut self, machine: usize, root: i64, others: usize) {
        if self.slot(machine).opinion != Some((root, others)) {
            self.change(machine, |slot| slot.opinion = Some((root, others)));
        }
    }

    /// Whether all that are awake think the same, and the truth.
    pub fn is_reached(&self) -> bool {
        let mut held = self.held.keys();
        held.next().is_none_or(|(_, others)| others + 1 == self.live) && held.next().is_none()
    }

    /// Looks at what time has made of it.
    pub fn check(&mut self, now: Time) -> Option<Violation> {
        if self.is_reached() {
            self.disagreed = None;
            return None;
        }
        let since = *self.disagreed.get_or_insert(now);
        let since = since.max(self.happened);
        if self.troubles > 0 || now.since(since) <= self.within {
            return None;
        }
        let held: Vec<String> = self
            .held
            .iter()
            .take(4)
            .map(|((root, others), daemons)| format!("{daemons} know {others} others (root {root:x})"))
            .collect();
        let text = format!(
            "{} live daemons have disagreed for {:?}: {}{}; {}",
            self.live,
            now.since(since),
            held.join(", "),
            if self.held.len() > 4 { ", …" } else { "" },
            self.odd_ones(),
        );
        Some(Violation { at: now, checker: "agreement", text })
    }

    /// Who holds the rarest opinion.
    fn odd_ones(&self) -> String {
        let rarest = self.held.iter().min_by_key(|(_, daemons)| **daemons).map(|(opinion, _)| *opinion);
        let holders = self.opinions.iter().enumerate().filter(|(_, slot)| slot.counted() == rarest);
        let holders: Vec<String> = holders.take(4).map(|(machine, _)| machine.to_string()).collect();
        format!("the rarest is held by {}", holders.join(", "))
    }

    fn slot(&mut self, machine: usize) -> &mut Slot {
        if self.opinions.len() <= machine {
            self.opinions.resize(machine + 1, Slot::default());
        }
        &mut self.opinions[machine]
    }

    fn change(&mut self, machine: usize, change: impl FnOnce(&mut Slot)) {
        let slot = self.slot(machine);
        let before = slot.counted();
        change(slot);
        let after = slot.counted();
        if let Some(before) = before
            && let Some(daemons) = self.held.get_mut(&before)
        {
            *daemons -= 1;
            if *daemons == 0 {
                self.held.remove(&before);
            }
        }
        if let Some(after) = after {
            *self.held.entry(after).or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Duration = Duration::from_secs(10);

    fn two(roots: [i64; 2], others: usize) -> Agreement {
        let mut agreement = Agreement::new(BOUND);
        for (machine, root) in roots.into_iter().enumerate() {
            agreement.set_live(Time::ZERO, machine, true);
            agreement.set_opinion(machine, root, others);
        }
        agreement
    }

    #[test]
    fn different_roots_are_found_once_the_bound_is_over() {
        let mut agreement = two([1, 2], 1);
        assert_eq!(agreement.check(Time::ZERO), None);
        assert_eq!(agreement.check(Time::ZERO + BOUND), None);
        let violation = agreement.check(Time::ZERO + BOUND * 2).expect("a violation");
        assert_eq!(violation.checker, "agreement");
    }

    #[test]
    fn the_same_untruth_is_found_too() {
        let mut agreement = two([1, 1], 2);
        assert_eq!(agreement.check(Time::ZERO), None);
        assert!(agreement.check(Time::ZERO + BOUND * 2).is_some());
    }

    #[test]
    fn nothing_is_found_where_all_agree_or_something_lasts() {
        let mut agreement = two([1, 1], 1);
        assert_eq!(agreement.check(Time::ZERO + BOUND * 2), None);
        agreement.set_opinion(1, 2, 1);
        agreement.troubled();
        assert_eq!(agreement.check(Time::ZERO + BOUND * 4), None);
        assert_eq!(agreement.check(Time::ZERO + BOUND * 8), None);
        agreement.calm(Time::ZERO + BOUND * 8);
        assert_eq!(agreement.check(Time::ZERO + BOUND * 9), None);
        assert!(agreement.check(Time::ZERO + BOUND * 10).is_some());
    }

    #[test]
    fn one_that_sleeps_or_has_ended_has_no_opinion() {
        let mut agreement = two([1, 2], 1);
        agreement.set_asleep(1, true);
        assert!(agreement.is_reached());
        agreement.set_asleep(1, false);
        assert!(!agreement.is_reached());
        agreement.set_live(Time::ZERO, 1, false);
        agreement.set_opinion(0, 1, 0);
        assert!(agreement.is_reached());
    }
}
