//! Entries converge: once nothing happens any more, every daemon routes by exactly the subscriptions that clients of live daemons have made.

use gossiperl_overlay::Time;

use super::Violation;
use crate::world::name_of;

/// The checker: how many subscriptions each machine's clients have.
#[derive(Debug, Default)]
pub struct Entries {
    of: Vec<usize>,
    total: usize,
}

impl Entries {
    /// A client on this machine subscribes to a type of its own.
    pub fn subscribed(&mut self, machine: usize) {
        if self.of.len() <= machine {
            self.of.resize(machine + 1, 0);
        }
        self.of[machine] += 1;
        self.total += 1;
    }

    /// Its daemon is gone, and its subscriptions with it.
    pub fn ended(&mut self, machine: usize) {
        if let Some(of) = self.of.get_mut(machine) {
            self.total -= std::mem::take(of);
        }
    }

    /// How many a machine's daemon has to know of others.
    pub fn of_others(&self, machine: usize) -> usize {
        self.total - self.of.get(machine).copied().unwrap_or(0)
    }

    /// Looks at a daemon after its step, when everybody has had the time to learn of everything.
    pub fn check(&self, now: Time, machine: usize, known: usize) -> Option<Violation> {
        let wanted = self.of_others(machine);
        if known == wanted {
            return None;
        }
        let text = format!("{} knows {known} subscriptions of others, there are {wanted}", name_of(machine));
        Some(Violation { at: now, checker: "entries", text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_too_few_or_too_many_is_found() {
        let mut entries = Entries::default();
        entries.subscribed(0);
        entries.subscribed(0);
        entries.subscribed(1);
        assert_eq!(entries.check(Time::ZERO, 1, 2), None);
        assert!(entries.check(Time::ZERO, 1, 1).is_some());
        entries.ended(0);
        assert!(entries.check(Time::ZERO, 1, 2).is_some());
        assert_eq!(entries.check(Time::ZERO, 2, 1), None);
    }
}
