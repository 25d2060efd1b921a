//! `gossiperl`, the command people use.

mod bench;
mod check;
mod connection;
mod demo;
mod hash_password;
mod man;
mod management;
mod members;
mod output;
mod publish;
mod reach;
mod session;

use std::{path::PathBuf, process::ExitCode};

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::{exit, random, service};

pub(crate) use check::run as check;
pub use connection::{Connection, Resolved};
pub(crate) use output::{all as print, note};

/// Gossip as a service for the host: membership, publish and subscribe across every host of an overlay.
///
/// Commands end with 0 when all went well, 1 when something failed, 2 for a wrong command line, 78 for a refused configuration.
#[derive(Debug, Parser)]
#[command(name = "gossiperl", version, arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print a fresh random key for `symmetric_key`.
    Keygen,
    /// Say whether gossiperld would accept a configuration file, and if not, everything that is wrong with it.
    Check {
        /// The file.
        config: PathBuf,
    },
    /// Show who is in the overlay.
    Members(members::Members),
    /// Publish a message and wait until the daemon has taken responsibility for it.
    Publish(publish::Publish),
    /// Print messages as they come, until interrupted.
    Subscribe(publish::Subscribe),
    /// Measure how quickly messages get to the daemon, and to other hosts and back.
    Reach(reach::Reach),
    /// Measure messages a second and latency.
    Bench(bench::Bench),
    /// List, add, show, change and remove a daemon's overlays.
    Overlay(management::Overlay),
    /// Show, add, use and retire the keys of an overlay on all its daemons.
    Key(management::Key),
    /// Show what an overlay has counted.
    Stats(management::Stats),
    /// Show who subscribes to what.
    Subscriptions(management::Subscriptions),
    /// Show the tokens of all overlays.
    Tokens(management::Tokens),
    /// Print what happens in an overlay, until interrupted or the overlay is removed; comes back by itself when the daemon was away.
    Events(management::Events),
    /// Say whether the daemon serves, or wait until it does.
    Ready(management::Ready),
    /// Have the daemon read its configuration again.
    Reload(management::Reload),
    /// Have the daemon hand over what it has and leave its overlays, before the host is stopped.
    Drain(management::Drain),
    /// Read a password from standard input and print its hash, for `[rest]` in the configuration.
    HashPassword,
    /// Start three daemons on this machine, exchange messages, kill one, and show what happens.
    Demo,
    /// A daemon of the demonstration, which ends with it.
    #[command(hide = true)]
    Daemon {
        /// Its configuration.
        #[arg(long)]
        config: PathBuf,
    },
    /// Write the manual's pages, for packages.
    #[command(hide = true)]
    Man {
        /// Where to.
        folder: PathBuf,
    },
    /// Print completions for a shell: `gossiperl completions bash > /etc/bash_completion.d/gossiperl`.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// Runs the command line.
pub fn main() -> ExitCode {
    exit::report("gossiperl", run(Arguments::parse()))
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    match arguments.command {
        Command::Keygen => Ok(output::line(random::key()?)?),
        Command::Check { config } => check::run(&config),
        Command::Members(command) => command.run(),
        Command::Publish(command) => command.run(),
        Command::Subscribe(command) => command.run(),
        Command::Reach(command) => command.run(),
        Command::Bench(command) => command.run(),
        Command::Overlay(command) => command.run(),
        Command::Key(command) => command.run(),
        Command::Stats(command) => command.run(),
        Command::Subscriptions(command) => command.run(),
        Command::Tokens(command) => command.run(),
        Command::Events(command) => command.run(),
        Command::Ready(command) => command.run(),
        Command::Reload(command) => command.run(),
        Command::Drain(command) => command.run(),
        Command::HashPassword => hash_password::run(),
        Command::Demo => demo::run(),
        Command::Daemon { config } => {
            demo::stop_with_parent();
            service::run_service(&config)
        }
        Command::Man { folder } => man::run(&folder, Arguments::command()),
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "gossiperl", &mut text);
            Ok(output::all(&text)?)
        }
    }
}
