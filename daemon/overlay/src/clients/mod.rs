//! Local clients, whatever protocol they speak.

#[allow(dead_code, reason = "the overlay does not compose it yet")]
mod legacy;
mod registry;
#[allow(dead_code, reason = "the overlay does not compose it yet")]
mod subscriptions;

#[allow(unused_imports, reason = "the overlay does not compose it yet")]
pub(crate) use legacy::{Effect, Legacy, LegacyStats, Peer, Publication};
pub(crate) use registry::{ClientId, Protocol, Registry};
pub(crate) use subscriptions::Subscriptions;
