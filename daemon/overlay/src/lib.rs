//! One gossiperl overlay as a pure state machine: members, state, delivery, clients.

mod config;
pub mod members;
pub mod state;

pub use config::{Config, Detector, Limits};
pub use gossiperl_link::Time;
