//! Round trips as probes and introductions measure them (RFC 6298 section 2): for who sends a member something for the first time. A link measures its
//! own from then on.
//!
//! By Karn's rule nothing counts that was sent twice. One estimate for our rack and one for the others: what it costs does not grow with the members.

use std::time::Duration;

use super::{Members, table::MemberId};
use crate::Histogram;

/// What is told is never less. Our choice: three times that is a link's first timeout, and a busy host's scheduler is to have its turn before.
const LEAST: Duration = Duration::from_millis(15);

/// The two estimates; none before the first sample. And all samples, for people.
#[derive(Debug, Default)]
pub(super) struct RoundTrips {
    near: Option<Estimate>,
    far: Option<Estimate>,
    measured: Histogram,
}

#[derive(Clone, Copy, Debug)]
struct Estimate {
    smoothed: Duration,
    deviation: Duration,
}

impl Estimate {
    fn with(self, sample: Duration) -> Self {
        let deviation = (self.deviation * 3 + self.smoothed.abs_diff(sample)) / 4;
        Estimate { smoothed: (self.smoothed * 7 + sample) / 8, deviation }
    }
}

impl Members {
    /// The round trip to expect of a member, deviation included: of members of its kind, ours or other racks. `None` where none was measured.
    pub fn round_trip(&self, id: MemberId) -> Option<Duration> {
        let far = self.is_far(id);
        let estimate = if far { self.round_trips.far } else { self.round_trips.near };
        estimate.map(|estimate| (estimate.smoothed + estimate.deviation).max(LEAST))
    }

    /// A round trip to a member, of something sent once.
    pub(super) fn measured(&mut self, id: MemberId, sample: Duration) {
        self.round_trips.measured.record(sample);
        let far = self.is_far(id);
        let estimate = if far { &mut self.round_trips.far } else { &mut self.round_trips.near };
        let first = Estimate { smoothed: sample, deviation: sample / 2 };
        *estimate = Some(estimate.map_or(first, |estimate| estimate.with(sample)));
    }

    /// All round trips measured so far.
    pub(crate) fn round_trips(&self) -> &Histogram {
        &self.round_trips.measured
    }

    fn is_far(&self, id: MemberId) -> bool {
        self.table.get(id).is_some_and(|member| member.rack() != self.me().rack())
    }
}
