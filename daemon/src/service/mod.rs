//! `gossiperld`, the service: reads its configuration, serves every overlay in it, leaves them in order when told to stop.

mod following;
mod manager;
mod running;
mod serve;
mod watchdog;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::{CommandFactory, Parser};

use crate::{
    cli,
    config::{self, Settings},
    exit,
    logging::{self, Log},
    manage, random,
};

pub use manager::Manager;
pub use running::Service;
pub use serve::serve;

/// Gossip as a service for the host: serves every overlay of its configuration until SIGTERM or SIGINT.
///
/// Ends with 0 when stopped in order, 1 when something failed, 2 for a wrong command line, 78 for a refused configuration, or where another
/// daemon runs on its data_dir.
#[derive(Debug, Parser)]
#[command(name = "gossiperld", version)]
struct Arguments {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "/etc/gossiperl/gossiperl.toml")]
    config: PathBuf,
    /// Say whether the configuration is good, and end
    #[arg(long, conflicts_with = "print_config")]
    check: bool,
    /// Print a configuration with every property and its default, a fresh key and secret in it, and end
    #[arg(long)]
    print_config: bool,
}

/// The command line as clap knows it.
pub(crate) fn command() -> clap::Command {
    Arguments::command()
}

/// Runs the command line.
pub fn main() -> ExitCode {
    exit::report("gossiperld", run(Arguments::parse()))
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    if arguments.print_config {
        return Ok(cli::print(config::template(&random::key()?, &random::key()?).as_bytes())?);
    }
    if arguments.check {
        return cli::check(&arguments.config);
    }
    run_service(&arguments.config)
}

/// Serves until told to stop: the whole life of a `gossiperld` process after its command line.
pub(crate) fn run_service(config: &Path) -> anyhow::Result<()> {
    let settings = &Settings::load(config)?;
    let _log = Log::start(&settings.log);
    settings.log_notes();
    // One thread drives one overlay at most; more threads than that would only take turns. Overlays that are added later share these.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let overlays = settings.overlays.len() + manage::kept_overlays(&settings.data_dir);
    let threads = overlays.clamp(1, cores);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name("gossiperld")
        .enable_all()
        .build()
        .context("cannot start threads")?;
    let served = runtime.block_on(serve(settings, Some(config)));
    if logging::lost() > 0 {
        tracing::warn!(
            lines = logging::lost(),
            "lines were left out of this log: nobody read those before them"
        );
    }
    // A name server that still does not answer is not waited for.
    runtime.shutdown_background();
    served
}
