//! What happens in a scenario, and when.

use serde::Deserialize;

use super::span::{Span, SpanRange};

/// Something that happens at a time, once or again and again. Exactly one of the kinds is given.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// When, since the overlay was formed.
    pub at: Span,
    /// Again after each such time.
    pub every: Option<Span>,
    /// So many times in all; without it, with `every`: until the end.
    pub times: Option<u32>,
    /// Processes end without a word.
    pub crash: Option<Crash>,
    /// Processes end without a word and start again under the same name.
    pub restart: Option<Restart>,
    /// Daemons leave in order.
    pub leave: Option<Who>,
    /// New daemons come.
    pub join: Option<Join>,
    /// Processes stand still; what arrives waits in their sockets.
    pub stall: Option<Stall>,
    /// Processes take long for everything they do.
    pub slow: Option<Slow>,
    /// Clocks jump.
    pub clock: Option<Clock>,
    /// Some cannot reach the others, or not be reached.
    pub partition: Option<Partition>,
    /// The network of some is bad.
    pub lossy: Option<Lossy>,
    /// A client subscribes on each of these; how its subscription spreads is measured.
    pub subscribe: Option<Who>,
    /// Clients publish and subscribe; what is acknowledged must be delivered once.
    pub publish: Option<Publish>,
    /// Somebody sends what nobody should.
    pub hostile: Option<Hostile>,
}

/// Which members: picked by chance among those that run, unless they are named. Exactly one is given.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Who {
    /// So many.
    pub count: Option<usize>,
    /// So large a part of them, at least one.
    pub share: Option<f64>,
    /// All of this rack.
    pub rack: Option<usize>,
    /// These.
    pub members: Option<Vec<usize>>,
}

/// Processes end.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crash {
    /// Whose.
    pub who: Who,
    /// The host stays, and says that nobody listens at the port (ICMP). Otherwise nothing answers any more.
    #[serde(default)]
    pub host_stays: bool,
}

/// Processes start again.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restart {
    /// Whose.
    pub who: Who,
    /// How long they are away.
    pub after: SpanRange,
}

/// Newcomers.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// So many.
    pub count: usize,
    /// They come within so long.
    #[serde(default)]
    pub within: Span,
}

/// A paused process.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stall {
    /// Whose.
    pub who: Who,
    /// How long.
    pub lasting: SpanRange,
}

/// A process that is short of CPU.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slow {
    /// Whose.
    pub who: Who,
    /// What each datagram and each timer costs it.
    pub each: Span,
    /// How long it is so.
    pub lasting: SpanRange,
}

/// A clock that jumps. Exactly one of the ways is given.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    /// Whose.
    pub who: Who,
    /// The wall clock goes forward by so much.
    pub wall_forward: Option<Span>,
    /// The wall clock goes back by so much.
    pub wall_back: Option<Span>,
    /// The monotonic clock leaps forward, as that of a virtual machine may which was moved.
    pub monotonic_forward: Option<Span>,
}

/// A cut through the network.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partition {
    /// Who is on one side.
    pub who: Who,
    /// Which of their datagrams get lost.
    #[serde(default)]
    pub direction: Direction,
    /// How long.
    pub lasting: Span,
}

/// Which datagrams, seen from the members named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// What they send and what they are sent.
    #[default]
    Both,
    /// What they send.
    Out,
    /// What they are sent.
    In,
}

/// Bad links.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lossy {
    /// Whose.
    pub who: Who,
    /// Share of datagrams that get lost beside those that are lost anyhow.
    pub loss: f64,
    /// Which.
    #[serde(default)]
    pub direction: Direction,
    /// How long.
    pub lasting: Span,
}

/// Clients at work.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// Daemons with a publisher.
    pub publishers: Who,
    /// Daemons with a subscriber.
    pub subscribers: Who,
    /// Each publisher publishes in this rhythm, from 10 s after the beginning, …
    pub pace: Span,
    /// … for so long.
    pub lasting: Span,
    /// Bytes of a message, at least 8.
    #[serde(default = "Publish::bytes")]
    pub bytes: usize,
}

impl Publish {
    fn bytes() -> usize {
        200
    }
}

/// A sender of what nobody should send.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hostile {
    /// What it holds.
    pub holds: Holds,
    /// Time between its datagrams.
    pub pace: Span,
    /// How long.
    pub lasting: Span,
}

/// What a hostile sender holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holds {
    /// No key: it sends noise, and what it has recorded, whole, cut and altered.
    Nothing,
    /// The overlay's key and secret: it seals accusations, absurd claims and requests as a daemon of its own.
    Key,
}
