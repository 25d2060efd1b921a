//! Keys of a whole overlay changed from one daemon, in virtual time.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, unreachable_pub, reason = "tests")]

mod clients;
mod hostile;
mod kept;
mod races;
mod refusals;
mod rotation;
mod world;
