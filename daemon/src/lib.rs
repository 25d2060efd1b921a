//! gossiperld, gossip as a service for the host, and gossiperl, its command line.

pub mod config;
pub mod lookup;
pub mod socket;
pub mod store;
