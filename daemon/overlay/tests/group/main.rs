//! Overlays whose daemons find each other through a multicast group, in virtual time.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, unreachable_pub, reason = "tests")]

mod discovery;
mod hostile;
mod network;
