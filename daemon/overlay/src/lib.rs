//! One gossiperl overlay as a pure state machine: members, state, delivery, clients.

mod clients;
mod config;
mod datagram;
mod delivery;
mod endpoint;
mod event;
mod identity;
mod index;
mod keys;
pub mod members;
mod overlay;
mod rhythm;
pub mod state;
mod stats;

pub use clients::NotSent;
pub use config::{Config, Detector, Limits};
pub use event::{Change, Event, State, View};
pub use gossiperl_idl::sealed::{KeyId, KeyRingError};
pub use gossiperl_link::Time;
pub use identity::{Identities, Identity};
pub use keys::{
    DaemonKeys, KeyAnswer, KeyCommand, KeyOutcome, KeyRefusal, LONGEST_KEY, Ring, RingChange, RingKey,
    SHORTEST_KEY,
};
pub use overlay::{ConfigError, Load, NewestRefused, Overlay, SubscriptionView, Transmit};
pub use stats::{
    Counter, Digests, Frames, Gauges, Histogram, Latencies, Queues, Snapshot, Standings, Stats, Tally,
    Traffic,
};
