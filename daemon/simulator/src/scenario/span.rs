//! Durations as people write them: `150ms`, `10s`, `1h 30m`; and ranges of them.

use std::time::Duration;

use rand::Rng;
use serde::{Deserialize, Deserializer, de::Error};

/// A duration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let duration = humantime::parse_duration(&text);
        duration.map(Span).map_err(|error| D::Error::custom(format!("{text:?} is no duration: {error}")))
    }
}

/// One duration, or `[shortest, longest]` of which any is as likely as any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum SpanRange {
    /// Always the same.
    Fixed(Span),
    /// Between these.
    Between([Span; 2]),
}

impl SpanRange {
    /// One of them.
    pub fn pick(&self, rng: &mut impl Rng) -> Duration {
        match *self {
            SpanRange::Fixed(span) => span.0,
            SpanRange::Between([Span(least), Span(most)]) => {
                let span = most.saturating_sub(least);
                least + span.mul_f64(rng.random_range(0.0..=1.0))
            }
        }
    }

    /// The longest.
    pub fn longest(&self) -> Duration {
        match *self {
            SpanRange::Fixed(span) => span.0,
            SpanRange::Between([_, most]) => most.0,
        }
    }
}
