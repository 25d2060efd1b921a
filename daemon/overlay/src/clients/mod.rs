//! Local clients, whatever protocol they speak.

mod legacy;
mod registry;
mod subscriptions;

pub use legacy::NotSent;
pub(crate) use legacy::{Effect, Legacy, Peer, Publication, Subscribing};
pub(crate) use registry::{ClientId, Protocol, Registry};
use subscriptions::Subscriptions;
