//! The cases each system goes through in each round.

use std::time::Duration;

use serde::Serialize;

use crate::{load::Load, tally::MAX_MESSAGES};

/// One load, at the full length or as a smoke run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Case {
    /// One publisher, one subscriber, as many as go, payloads of so many bytes.
    Throughput(usize),
    /// At 1,000 messages a second.
    Steady,
    /// At half of what the system itself reaches with the same payload.
    HalfLoad,
    /// One publisher, 50 subscribers, as many as go.
    FanOut,
}

/// Payload of all cases but throughput's.
pub(crate) const PAYLOAD: usize = 200;
/// Payloads of throughput.
pub(crate) const SIZES: [usize; 3] = [16, PAYLOAD, 4_096];

impl Case {
    /// In an order in which each has what it needs of those before.
    pub(crate) const ALL: [Case; 6] = [
        Case::Throughput(SIZES[0]),
        Case::Throughput(SIZES[1]),
        Case::Throughput(SIZES[2]),
        Case::Steady,
        Case::HalfLoad,
        Case::FanOut,
    ];

    /// Its load; `full` is the throughput of [`PAYLOAD`] that the system has reached.
    pub(crate) fn load(self, full: f64, lengths: Lengths) -> Load {
        let load = |size, rate, subscribers| {
            let most = if subscribers > 1 { lengths.load * FAN_OUT_A_MILLI } else { MAX_MESSAGES };
            Load { size, rate, subscribers, most, millis: lengths.load }
        };
        match self {
            Case::Throughput(size) => load(size, None, 1),
            Case::Steady => load(PAYLOAD, Some(STEADY_RATE), 1),
            Case::HalfLoad => load(PAYLOAD, Some(((full / 2.0) as u64).max(1)), 1),
            Case::FanOut => load(PAYLOAD, None, SUBSCRIBERS),
        }
    }
}

const STEADY_RATE: u64 = 1_000;
const SUBSCRIBERS: usize = 50;
/// Messages a millisecond of a load's length that are published to many subscribers at most: a system that takes messages far sooner than it can deliver
/// them to all would take minutes for the rest.
const FAN_OUT_A_MILLI: u64 = 20;

/// How long things take.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Lengths {
    /// Milliseconds for which a load is published.
    pub(crate) load: u64,
    /// Milliseconds for which an idle server is watched.
    pub(crate) idle: u64,
}

impl Lengths {
    pub(crate) const FULL: Lengths = Lengths { load: 3_000, idle: 5_000 };
    pub(crate) const QUICK: Lengths = Lengths { load: 300, idle: 300 };

    pub(crate) fn idle(self) -> Duration {
        Duration::from_millis(self.idle)
    }
}
