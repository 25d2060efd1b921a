//! The programs as processes: daemons that start, meet, lose datagrams, are killed and come back, and the commands beside them.
//!
//! One test binary, so that all of them start daemons the same way ([`support`]).

#![allow(clippy::expect_used, clippy::panic, reason = "a test stops at what it did not expect")]

mod cli;
mod commands;
mod demo;
mod events;
mod examples;
mod hostile;
mod interrupted;
mod keys;
mod legacy;
mod lonely;
mod management;
mod manager;
mod messages;
mod multicast;
mod restart;
mod service;
mod slow;
mod subscriber;
mod support;
