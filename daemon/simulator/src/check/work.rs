//! The work of a step is bounded: however large the overlay, one input makes a daemon send only so much.

use gossiperl_overlay::Time;

use super::Violation;
use crate::world::name_of;

/// The checker, and the most that a step has sent.
#[derive(Debug)]
pub struct Work {
    datagrams: usize,
    /// The most datagrams that one step has sent to other hosts.
    pub most: usize,
}

impl Work {
    /// A step may send so many datagrams.
    pub fn new(datagrams: usize) -> Self {
        Work { datagrams, most: 0 }
    }

    /// A daemon has sent so many in a step.
    pub fn check(&mut self, now: Time, machine: usize, sent: usize) -> Option<Violation> {
        self.most = self.most.max(sent);
        if sent <= self.datagrams {
            return None;
        }
        let text =
            format!("{} sent {sent} datagrams in a step, at most {}", name_of(machine), self.datagrams);
        Some(Violation { at: now, checker: "work", text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_sends_too_much_is_found() {
        let mut work = Work::new(10);
        assert_eq!(work.check(Time::ZERO, 0, 10), None);
        assert!(work.check(Time::ZERO, 0, 11).is_some());
        assert_eq!(work.most, 11);
    }
}
