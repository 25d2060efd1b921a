//! `gossiperl drain`: the host prepared for maintenance, or that called off.

use clap::Args;
use reqwest::Method;
use serde_json::Value;

use super::{
    credentials::{Management, Role},
    request::Server,
    text, work,
};
use crate::cli::output;

/// What is waited for in one request, seconds: the interface itself waits 25 at most.
const STEP: u64 = 20;
/// Longest wait that makes sense, seconds: a day.
const LONGEST: u64 = 86_400;

/// Options of `drain`.
#[derive(Debug, Args)]
pub(crate) struct Drain {
    /// How long to wait for subscribers, up to a day
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(..=LONGEST))]
    within: u64,
    /// Leave in the end although something waits: it is lost
    #[arg(long)]
    force: bool,
    /// End a drain that did not complete: messages and changes are taken again
    #[arg(long, conflicts_with_all = ["within", "force"])]
    cancel: bool,
    /// Print JSON as the daemon answers it, POST /drain's last answer or DELETE /drain's
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    management: Management,
}

impl Drain {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        work(async {
            match self.cancel {
                true => self.call_off().await,
                false => self.drain().await,
            }
        })
    }

    async fn call_off(&self) -> anyhow::Result<()> {
        let (server, role) = (Server::of(&self.management)?, self.management.role(Role::Superuser)?);
        let answer = server.send(Method::DELETE, "drain", &role, None).await?;
        match self.json {
            true => Ok(output::line(answer)?),
            false => Ok(output::line("messages and changes are taken again")?),
        }
    }

    async fn drain(&self) -> anyhow::Result<()> {
        let (server, role) = (Server::of(&self.management)?, self.management.role(Role::Superuser)?);
        let (mut left, mut continued) = (self.within, false);
        let answer = loop {
            let step = left.min(STEP);
            // Not before it has waited in vain for as long as it was told to.
            left -= step;
            let forced = self.force && left == 0;
            let query = format!("within={step}&forced={forced}&continued={continued}");
            let answer = server.send_query(Method::POST, "drain", &query, &role, None).await?;
            if left == 0 || answer["end"] != "draining" {
                break answer;
            }
            // Whoever calls it off between two requests is not overruled.
            continued = true;
        };
        if self.json {
            output::line(&answer)?;
        }
        match answer["end"].as_str() {
            Some("left") if self.json => Ok(()),
            Some("left") => {
                if answer["complete"] == false {
                    output::line(format_args!("lost, since nobody took it: {}", waiting(&answer)))?;
                }
                Ok(output::line("nothing is served any more: the daemon can be stopped")?)
            }
            Some("called_off") => {
                anyhow::bail!("the drain was called off: messages and changes are taken again")
            }
            _ => anyhow::bail!(
                "something still waits for subscribers that do not take it: {}. Ask again, add --force, or end it with `gossiperl drain --cancel`",
                waiting(&answer)
            ),
        }
    }
}

/// What waits, by overlay, in words.
fn waiting(answer: &Value) -> String {
    let overlays = answer["overlays"].as_array().into_iter().flatten();
    let waiting = overlays.filter_map(|overlay| {
        let count = overlay["waiting"].as_u64().filter(|count| *count > 0)?;
        let s = if count == 1 { "" } else { "s" };
        Some(format!("{count} message{s} in overlay {}", text(&overlay["overlay"])))
    });
    waiting.collect::<Vec<_>>().join(", ")
}
