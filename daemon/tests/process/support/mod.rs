//! What tests with processes have in common: daemons with their logs and memory, hosts, the network between them, and traffic.

mod config;
mod daemon;
mod hosts;
mod log;
mod place;
mod printer;
mod program;
mod relay;
pub(crate) mod traffic;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

pub(crate) use config::{KEY, Table, free_port, write_config, written};
pub(crate) use daemon::Daemon;
pub(crate) use hosts::Hosts;
pub(crate) use log::Log;
pub(crate) use place::{Place, apart, on_loopback};
pub(crate) use printer::{FIRST, Printer};
pub(crate) use program::{GOSSIPERL, GOSSIPERLD, Running, ended, run, signal, within_patience};
pub(crate) use relay::Relay;

/// Waits for something that takes much less than a minute on a machine that is up.
pub(crate) async fn soon<T>(what: &str, awaited: impl Future<Output = T>) -> T {
    let awaited = tokio::time::timeout(Duration::from_secs(60), awaited).await;
    awaited.unwrap_or_else(|_| panic!("{what}: not within a minute"))
}

/// The seed of a test, or that of `GOSSIPERL_SEED`.
pub(crate) fn seed(default: u64) -> u64 {
    std::env::var("GOSSIPERL_SEED").map_or(default, |text| text.parse().expect("a number"))
}

/// Held by tests that load the machine: one at a time, so that daemons are not taken for failed for want of a processor.
pub(crate) fn heavy() -> MutexGuard<'static, ()> {
    static HEAVY: Mutex<()> = Mutex::new(());
    HEAVY.lock().unwrap_or_else(PoisonError::into_inner)
}
