//! Shared state from outside: stores, the hash tree, and whole networks of them in virtual time.
//!
//! Random tests print their seed when they fail; `GOSSIPERL_SEED=… cargo test` runs them with that one alone,
//! `GOSSIPERL_SEEDS=…` with so many.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail loudly, its helpers too"
)]

mod copies;
mod eager;
mod hostile;
mod network;
mod newcomer;
mod repair;
mod store;
mod support;
mod tree;
mod world;
