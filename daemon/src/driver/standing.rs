//! How an overlay stands with the other daemons: what tells an operator of a host that runs and is of no use, since nobody lets it in.

use std::time::Duration;

use gossiperl_idl::code;
use tokio::time::Instant;

/// A refusal counts for so long: the overlay tells of one daemon's at most every 60 s, and knocks every 30 s.
const REFUSED_FOR: Duration = Duration::from_secs(150);

/// How an overlay stands with the other daemons.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// At least one is reachable.
    Joined,
    /// None is, and there is nobody to knock at but ourselves: others are to come here.
    #[default]
    Waiting,
    /// None is, and nobody whom we knock at lets us in, or can be looked up.
    Unanswered,
    /// None is, and those that we knock at refuse us.
    Refused,
    /// None is, and they refuse us because another daemon has our name.
    NameTaken,
}

impl Standing {
    /// All of them.
    pub const ALL: [Standing; 5] =
        [Standing::Joined, Standing::Waiting, Standing::Unanswered, Standing::Refused, Standing::NameTaken];

    /// Its name, in metrics and answers.
    pub fn name(self) -> &'static str {
        match self {
            Standing::Joined => "joined",
            Standing::Waiting => "waiting",
            Standing::Unanswered => "unanswered",
            Standing::Refused => "refused",
            Standing::NameTaken => "name_taken",
        }
    }
}

/// Why daemons refuse us, as far as they have lately.
#[derive(Default)]
pub(super) struct Refusal {
    last: Option<(Instant, i32)>,
}

impl Refusal {
    /// One has, with this code.
    pub(super) fn heard(&mut self, now: Instant, code: i32) {
        self.last = Some((now, code));
    }

    /// How a host stands that reaches nobody, where it was refused lately.
    pub(super) fn standing(&self, now: Instant) -> Option<Standing> {
        let (at, code) = self.last?;
        (now.saturating_duration_since(at) < REFUSED_FOR).then_some(match code {
            code::NAME_CONFLICT => Standing::NameTaken,
            _ => Standing::Refused,
        })
    }

    /// Somebody took us in.
    pub(super) fn is_over(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_counts_until_it_is_old_or_somebody_takes_us_in() {
        let now = Instant::now();
        let mut refusal = Refusal::default();
        assert_eq!(refusal.standing(now), None);
        refusal.heard(now, code::NAME_CONFLICT);
        assert_eq!(refusal.standing(now), Some(Standing::NameTaken));
        refusal.heard(now, code::TOO_MANY_MEMBERS);
        assert_eq!(refusal.standing(now + REFUSED_FOR / 2), Some(Standing::Refused));
        assert_eq!(refusal.standing(now + REFUSED_FOR), None);
        refusal.is_over();
        assert_eq!(refusal.standing(now), None);
    }

    #[test]
    fn names_differ() {
        let names: std::collections::BTreeSet<_> =
            Standing::ALL.iter().map(|standing| standing.name()).collect();
        assert_eq!(names.len(), Standing::ALL.len());
    }
}
