//! The management interface (protocol 1, section 5), asked over HTTPS like an operator's script: gossiperld runs as a process.
//!
//! Every daemon has an address of 127.79.0.0/16 for its overlays, and a port of the system's choice for the interface.

#![allow(clippy::expect_used, clippy::panic, reason = "a test stops at what it did not expect")]

mod behind;
mod certificates;
mod contract;
mod crash;
mod credentials;
mod digest;
mod drain;
mod events;
mod failed;
mod hostile;
mod kept;
mod looking;
mod owners;
mod reload;
mod rotation;
mod secrets;
mod silent;
mod standing;
mod support;
mod throttle;
mod trail;
mod unread;
