//! Puts gossiperl, NATS, mosquitto and Redis through the same load on this host, and prints one table.
//!
//! Publisher, server and subscriber are processes of their own. Rounds are interleaved: each case of each system once, then all again, so
//! that what else the machine does falls on all of them. `ci/compare/messaging` installs the servers, builds, and runs this.

mod case;
mod clients;
mod clock;
mod load;
mod measure;
mod publish;
mod results;
mod server;
mod serving;
mod subscribe;
mod system;
mod table;
mod tally;
mod usage;
mod worker;

use std::{fs, path::PathBuf, process::ExitCode};

use anyhow::Context;
use case::{Case, Lengths};
use clap::{CommandFactory, Parser, error::ErrorKind};
use results::Results;
use system::System;
use tokio::signal::unix::{SignalKind, signal};
use worker::Role;

/// Compares message throughput, latency, fan-out and idle cost with other systems, in the same run.
#[derive(Debug, Parser)]
#[command(name = "ci/compare/messaging")]
struct Arguments {
    /// A smoke run: one short round, figures worth nothing
    #[arg(long)]
    quick: bool,
    /// Rounds; the table shows medians [default: 5, or 1 with --quick]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: Option<u16>,
    /// Only this system; may be repeated
    #[arg(long, value_name = "SYSTEM")]
    only: Vec<System>,
    /// Write every single measurement here
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// gossiperl's daemon
    #[arg(long, value_name = "PROGRAM", hide = true)]
    gossiperld: Option<PathBuf>,
    /// Be a worker of a run
    #[arg(long, hide = true)]
    worker: Option<Role>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let done = runtime.block_on(async {
        match arguments.worker {
            Some(role) => worker::run(role).await.map(|()| true),
            None => interruptible(arguments).await,
        }
    });
    // A worker's reading of its input may still block a thread.
    runtime.shutdown_background();
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Dropping the run when a signal comes kills its servers and workers, and removes their folders.
async fn interruptible(arguments: Arguments) -> anyhow::Result<bool> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::select! {
        done = compare(arguments) => done,
        _ = interrupt.recv() => Ok(false),
        _ = terminate.recv() => Ok(false),
        _ = hang_up.recv() => Ok(false),
    }
}

/// True: everything was measured.
async fn compare(arguments: Arguments) -> anyhow::Result<bool> {
    let Some(gossiperld) = &arguments.gossiperld else {
        let message = "run it as ci/compare/messaging, or say where the daemon is: --gossiperld PROGRAM";
        Arguments::command().error(ErrorKind::MissingRequiredArgument, message).exit();
    };
    let lengths = if arguments.quick { Lengths::QUICK } else { Lengths::FULL };
    let rounds = arguments.rounds.map_or(if arguments.quick { 1 } else { 5 }, usize::from);
    let systems: Vec<System> = System::ALL
        .into_iter()
        .filter(|system| arguments.only.is_empty() || arguments.only.contains(system))
        .collect();
    let mut results = Results::new(&systems, rounds, lengths, gossiperld);
    for round in 1..=rounds {
        for case in Case::ALL {
            for &system in &systems {
                let load = case.load(results.full_rate(system), lengths);
                let measured = measure::measure(system, case, round, load, gossiperld).await;
                results
                    .add(system, round, &format!("{case:?}"), measured, |results| &mut results.measurements);
            }
        }
        for &system in &systems {
            let idle = measure::idle(system, round, lengths.idle(), gossiperld).await;
            results.add(system, round, "Idle", idle, |results| &mut results.idle);
        }
        eprintln!("round {round} of {rounds} done");
    }
    if let Some(file) = &arguments.json {
        let written = fs::write(file, serde_json::to_string_pretty(&results)?);
        written.with_context(|| format!("cannot write {}", file.display()))?;
    }
    print!("{}", table::markdown(&results));
    Ok(results.failures.is_empty())
}
