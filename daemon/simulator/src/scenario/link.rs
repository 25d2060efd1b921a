//! What a datagram may meet with on its way from one host to another.

use std::time::Duration;

use rand::Rng;
use serde::Deserialize;

use super::span::{Span, SpanRange};

/// A link's ways, in each direction by itself.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Link {
    /// Time on the way. 200 µs to 800 µs.
    pub latency: Latency,
    /// Share of datagrams that get lost. 0.
    pub loss: f64,
    /// Share of datagrams that arrive twice. 0.
    pub duplication: f64,
    /// Share of datagrams that are held up by `reordered_by`, so that later ones overtake them. 0.
    pub reordering: f64,
    /// How long those are held up. 10 ms.
    pub reordered_by: Span,
}

impl Default for Link {
    fn default() -> Self {
        Link {
            latency: Latency::Uniform(SpanRange::Between([
                Span(Duration::from_micros(200)),
                Span(Duration::from_micros(800)),
            ])),
            loss: 0.0,
            duplication: 0.0,
            reordering: 0.0,
            reordered_by: Span(Duration::from_millis(10)),
        }
    }
}

/// How long datagrams take.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Latency {
    /// The same, or any between two.
    Uniform(SpanRange),
    /// At least `least`, and what lies beyond it is distributed exponentially with this mean: a queue on the way.
    Exponential {
        /// The time without a queue.
        least: Span,
        /// Mean time in the queue.
        mean: Span,
    },
    /// At least `least`, with a heavy tail (Pareto, shape 2.5): most are quick, a few take very long.
    HeavyTail {
        /// The shortest, which is also the distribution's scale.
        least: Span,
        /// None takes longer.
        most: Span,
    },
}

impl Latency {
    /// One datagram's time.
    pub fn pick(&self, rng: &mut impl Rng) -> Duration {
        match self {
            Latency::Uniform(range) => range.pick(rng),
            Latency::Exponential { least, mean } => {
                let share: f64 = rng.random_range(f64::EPSILON..1.0);
                least.0 + mean.0.mul_f64(-share.ln())
            }
            Latency::HeavyTail { least, most } => {
                let share: f64 = rng.random_range(f64::EPSILON..1.0);
                least.0.mul_f64(share.powf(-1.0 / 2.5)).min(most.0)
            }
        }
    }
}
