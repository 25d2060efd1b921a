//! `gossiperl ready`: whether the daemon serves, for the probes of containers and for scripts that wait for it. It takes no credentials.

use std::time::Duration;

use clap::Args;
use tokio::time::{Instant, sleep};

use super::{Management, Server, text, work};
use crate::cli::output;

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(200);
/// Longest wait that makes sense, seconds: a day.
const LONGEST: u64 = 86_400;

/// Options of `ready`.
#[derive(Debug, Args)]
pub(crate) struct Ready {
    /// How long to wait for it, up to a day; without it the answer is how things are now
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=LONGEST))]
    within: u64,
    /// Print JSON as the daemon answers it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    management: Management,
}

impl Ready {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        work(async {
            let end = Instant::now() + Duration::from_secs(self.within);
            let answer = loop {
                // Looked up anew each time: a daemon that is about to start has not said yet where it is.
                match self.ask().await {
                    Err(_) if Instant::now() < end => sleep(PAUSE).await,
                    answer => break answer?,
                }
            };
            match self.json {
                true => Ok(output::line(answer)?),
                false => Ok(output::line(text(&answer["status"]))?),
            }
        })
    }

    async fn ask(&self) -> anyhow::Result<serde_json::Value> {
        Server::of(&self.management)?.get_openly("readyz").await
    }
}
