//! What tests with processes have in common: a daemon with its log and its memory, configurations, commands.

mod config;
mod daemon;
mod log;
mod program;

pub(crate) use config::{KEY, Table, free_port, write_config, written};
pub(crate) use daemon::Daemon;
pub(crate) use log::Log;
pub(crate) use program::{GOSSIPERL, GOSSIPERLD, ended, run, signal};
