//! gossiperld, gossip as a service for the host, and gossiperl, its command line.

pub mod cli;
pub mod config;
pub mod driver;
pub mod exit;
pub mod http;
pub mod keys;
mod lock;
pub mod logging;
pub mod lookup;
pub mod manage;
mod printable;
pub mod random;
pub mod rest;
pub mod service;
pub mod socket;
pub mod statistics;
pub mod store;
