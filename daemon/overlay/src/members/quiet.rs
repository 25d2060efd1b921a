//! Members that are left alone with something for a moment: told of gossip or of a dispute just now.

use std::collections::{BTreeMap, BTreeSet};

use gossiperl_link::Time;

use super::table::MemberId;

/// Until when each is left alone. At most one entry a member; those whose time has passed go with the next one.
#[derive(Debug, Default)]
pub(super) struct Quiet {
    until: BTreeMap<MemberId, Time>,
    ends: BTreeSet<(Time, MemberId)>,
}

impl Quiet {
    pub(super) fn holds(&self, now: Time, id: MemberId) -> bool {
        self.until.get(&id).is_some_and(|until| *until > now)
    }

    pub(super) fn begin(&mut self, now: Time, id: MemberId, until: Time) {
        while let Some(&(end, over)) = self.ends.first()
            && end <= now
        {
            self.ends.remove(&(end, over));
            self.until.remove(&over);
        }
        self.end(id);
        self.until.insert(id, until);
        self.ends.insert((until, id));
    }

    pub(super) fn end(&mut self, id: MemberId) {
        if let Some(until) = self.until.remove(&id) {
            self.ends.remove(&(until, id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_goes_with_the_next_one() {
        let at = Time::from_micros;
        let mut quiet = Quiet::default();
        (1..100).for_each(|number| quiet.begin(at(0), MemberId(number), at(10)));
        quiet.begin(at(5), MemberId(1), at(15));
        assert!(quiet.holds(at(9), MemberId(2)) && !quiet.holds(at(10), MemberId(2)));
        assert!(quiet.holds(at(14), MemberId(1)));
        quiet.begin(at(10), MemberId(200), at(20));
        assert_eq!((quiet.until.len(), quiet.ends.len()), (2, 2));
        quiet.end(MemberId(200));
        assert!(!quiet.holds(at(11), MemberId(200)));
    }
}
