//! The real path in numbers: a publishing process, gossiperld, a subscribing process, each beside a bare relay that moves
//! the same bytes with the same cipher, coalescing and acknowledgements, in the same run. The relay is the limit; what a
//! machine shows in absolute figures proves nothing.
//!
//!     cargo bench -p gossiperl-daemon --bench path                        everything, some ten minutes
//!     cargo bench -p gossiperl-daemon --bench path -- throughput latency  these parts
//!     cargo bench -p gossiperl-daemon --bench path -- --rounds 3 fanout
//!
//! Each figure is the median of the rounds; rounds of ours and of the relay alternate. All traffic is on loopback, ports are
//! picked free. Every subscriber checks that it got each message once and in order, and the run ends where one did not.

mod children;
mod clients;
mod fanout;
mod footprint;
mod latency;
mod load;
mod management;
mod relay;
mod run;
mod system;
mod table;
mod throughput;

use clap::{Parser, Subcommand, ValueEnum};

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    role: Option<Role>,
    /// What to measure; everything where nothing is named.
    parts: Vec<Part>,
    /// Rounds of each measurement.
    #[arg(long, default_value = "5", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// What cargo adds.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Throughput,
    Latency,
    Fanout,
    Footprint,
    Management,
}

/// The processes of a measurement; this program starts itself as each of them.
#[derive(Subcommand)]
enum Role {
    #[command(hide = true)]
    Publish(clients::Publish),
    #[command(hide = true)]
    Subscribe(clients::Subscribe),
    #[command(hide = true)]
    Crowd(clients::Crowd),
    #[command(hide = true)]
    Members(footprint::Members),
    #[command(hide = true)]
    Ask(management::Ask),
    #[command(hide = true)]
    Relay(relay::Relay),
    #[command(hide = true)]
    Source(relay::Source),
    #[command(hide = true)]
    Sink(relay::Sink),
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match arguments.role {
        Some(Role::Publish(role)) => role.run(),
        Some(Role::Subscribe(role)) => role.run(),
        Some(Role::Crowd(role)) => role.run(),
        Some(Role::Members(role)) => role.run(),
        Some(Role::Ask(role)) => role.run(),
        Some(Role::Relay(role)) => role.run(),
        Some(Role::Source(role)) => role.run(),
        Some(Role::Sink(role)) => role.run(),
        None => measure(&arguments.parts, arguments.rounds),
    }
}

fn measure(parts: &[Part], rounds: u32) -> anyhow::Result<()> {
    println!("{}, {} cores\n", system::processor(), system::cores());
    for part in Part::value_variants().iter().filter(|part| parts.is_empty() || parts.contains(part)) {
        match part {
            Part::Throughput => throughput::measure(rounds)?,
            Part::Latency => latency::measure(rounds)?,
            Part::Fanout => fanout::measure(rounds)?,
            Part::Footprint => footprint::measure(rounds)?,
            Part::Management => management::measure(rounds)?,
        }
    }
    Ok(())
}
