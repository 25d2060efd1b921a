//! `gossiperld`, the service: reads its configuration, serves every overlay in it, leaves them in order when told to stop.

use std::{io::Write, path::PathBuf, process::ExitCode};

use clap::Parser;

use crate::{cli, config, exit, random};

/// Gossip as a service for the host: serves every overlay of its configuration until SIGTERM or SIGINT.
///
/// Ends with 0 when stopped in order, 1 when something failed, 2 for a wrong command line, 78 for a refused configuration.
#[derive(Debug, Parser)]
#[command(name = "gossiperld", version)]
struct Arguments {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "/etc/gossiperl/gossiperl.toml")]
    config: PathBuf,
    /// Say whether the configuration is good, and end
    #[arg(long, conflicts_with = "print_config")]
    check: bool,
    /// Print a configuration with every property and its default, a fresh key in it, and end
    #[arg(long)]
    print_config: bool,
}

/// Runs the command line.
pub fn main() -> ExitCode {
    exit::report("gossiperld", run(Arguments::parse()))
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    if arguments.print_config {
        return Ok(std::io::stdout().write_all(config::template(&random::key()?).as_bytes())?);
    }
    if arguments.check {
        return cli::check(&arguments.config);
    }
    let _settings = config::Settings::load(&arguments.config)?;
    anyhow::bail!("serving overlays is not built yet")
}
