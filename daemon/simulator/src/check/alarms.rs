//! No live member is declared unreachable without a cause in the scenario.
//!
//! A cause is that the member ended, stood still, was slow or had bad links just before, or that a cut lay between it and who declares it. A
//! cut in one direction is a cause for whoever declares those named: they hear, but most of the overlay cannot hear or reach them.
//! That the *accuser* was stalled is none: that case is what Lifeguard is for.

use std::time::Duration;

use gossiperl_overlay::Time;

use super::Violation;
use crate::{
    scenario::{Direction, Verdict},
    world::name_of,
};

/// The checker, and the count of what it has found.
#[derive(Debug)]
pub struct Alarms {
    verdict: Verdict,
    excused_for: Duration,
    subjects: Vec<Subject>,
    cuts: Vec<Cut>,
    /// Declarations of live members without a cause.
    pub without_cause: u64,
    /// Declarations of live members with one.
    pub excused: u64,
    /// Suspicions of live members without a cause that somebody heard of; refuted, they are no alarms.
    pub suspicions: u64,
    /// Time lived by all members together, in seconds.
    pub lived: f64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Subject {
    live: bool,
    excused: Option<Time>,
    /// It ran before.
    again: bool,
}

#[derive(Debug)]
struct Cut {
    side: Vec<bool>,
    until: Time,
}

impl Alarms {
    /// So long after a disturbance its victim is still excused.
    pub fn new(verdict: Verdict, excused_for: Duration) -> Self {
        Alarms {
            verdict,
            excused_for,
            subjects: Vec::new(),
            cuts: Vec::new(),
            without_cause: 0,
            excused: 0,
            suspicions: 0,
            lived: 0.0,
        }
    }

    /// A daemon starts or ends.
    pub fn set_live(&mut self, now: Time, machine: usize, live: bool) {
        let subject = self.subject(machine);
        subject.live = live;
        // Its earlier run is still being declared.
        if live && std::mem::replace(&mut subject.again, true) {
            subject.excused = Some(now);
        }
    }

    /// The member's failure has a cause until then, and for a while after.
    pub fn excuse(&mut self, machine: usize, until: Time) {
        let subject = self.subject(machine);
        subject.excused = subject.excused.max(Some(until));
    }

    /// A cut lies between these and the others until then. Either direction is enough to look dead.
    pub fn separate(&mut self, side: Vec<bool>, direction: Direction, until: Time) {
        if direction != Direction::Both {
            let concerned = side.iter().enumerate().filter(|(_, concerned)| **concerned);
            concerned.for_each(|(machine, _)| self.excuse(machine, until));
        }
        self.cuts.push(Cut { side, until });
    }

    /// So much time has passed for all that live.
    pub fn live_on(&mut self, seconds: f64) {
        self.lived += seconds * self.subjects.iter().filter(|subject| subject.live).count() as f64;
    }

    /// A daemon suspects a member.
    pub fn suspected(&mut self, now: Time, observer: usize, about: usize) {
        if self.subject(about).live && !self.has_cause(now, observer, about) {
            self.suspicions += 1;
        }
    }

    /// A daemon has declared a member unreachable.
    pub fn declared(&mut self, now: Time, observer: usize, about: usize) -> Option<Violation> {
        if !self.subject(about).live {
            return None;
        }
        if self.has_cause(now, observer, about) {
            self.excused += 1;
            return None;
        }
        self.without_cause += 1;
        let text = format!("{} declared {} unreachable, which lives", name_of(observer), name_of(about));
        (self.verdict == Verdict::Fail).then_some(Violation { at: now, checker: "false alarms", text })
    }

    fn has_cause(&mut self, now: Time, observer: usize, about: usize) -> bool {
        let excused_for = self.excused_for;
        let recent = |until: Time| until + excused_for >= now;
        if self.subject(about).excused.is_some_and(recent) {
            return true;
        }
        let of = |side: &[bool], machine: usize| side.get(machine).copied().unwrap_or(false);
        self.cuts.iter().any(|cut| recent(cut.until) && of(&cut.side, observer) != of(&cut.side, about))
    }

    fn subject(&mut self, machine: usize) -> &mut Subject {
        if self.subjects.len() <= machine {
            self.subjects.resize(machine + 1, Subject::default());
        }
        &mut self.subjects[machine]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alarms() -> Alarms {
        let mut alarms = Alarms::new(Verdict::Fail, Duration::from_secs(10));
        (0..3).for_each(|machine| alarms.set_live(Time::ZERO, machine, true));
        alarms
    }

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn a_live_member_that_is_declared_is_found() {
        let mut alarms = alarms();
        let violation = alarms.declared(at(100), 0, 1).expect("a violation");
        assert_eq!((violation.checker, alarms.without_cause), ("false alarms", 1));
    }

    #[test]
    fn the_dead_the_disturbed_and_the_cut_off_are_no_false_alarms() {
        let mut alarms = alarms();
        alarms.set_live(at(1), 1, false);
        assert_eq!(alarms.declared(at(100), 0, 1), None);
        alarms.excuse(2, at(95));
        assert_eq!(alarms.declared(at(100), 0, 2), None);
        assert!(alarms.declared(at(106), 0, 2).is_some());
        alarms.separate(vec![true, false, false], Direction::Both, at(200));
        assert_eq!(alarms.declared(at(150), 0, 2), None);
        assert!(alarms.declared(at(150), 1, 2).is_some(), "both on one side");
        assert_eq!((alarms.without_cause, alarms.excused), (2, 2));
    }

    #[test]
    fn one_that_is_not_heard_looks_dead_to_its_own_side_too() {
        let mut alarms = alarms();
        alarms.separate(vec![true, true, false], Direction::Out, at(100));
        assert_eq!(alarms.declared(at(100), 0, 1), None);
        alarms.separate(vec![false, false, true], Direction::In, at(200));
        assert!(alarms.declared(at(200), 0, 1).is_some());
    }

    #[test]
    fn a_stalled_accuser_is_no_cause() {
        let mut alarms = alarms();
        alarms.excuse(0, at(100));
        assert!(alarms.declared(at(100), 0, 1).is_some());
    }

    #[test]
    fn where_it_is_told_to_it_only_counts() {
        let mut alarms = Alarms { verdict: Verdict::Count, ..alarms() };
        assert_eq!(alarms.declared(at(100), 0, 1), None);
        assert_eq!(alarms.without_cause, 1);
    }
}
