//! Commands for operators, over the management interface of a daemon: overlays, keys, statistics, tokens, events, reloading.

mod credentials;
mod events;
mod key;
mod overlay;
mod request;
mod stats;

pub(super) use credentials::Management;
pub(super) use events::Events;
pub(super) use key::Key;
pub(super) use overlay::Overlay;
pub(super) use stats::Stats;

use std::{
    fs,
    io::Read,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context;
use clap::Args;
use serde_json::Value;
use zeroize::Zeroizing;

use super::{
    output,
    session::{self, Interruption},
};
use credentials::Role;
use request::Server;

/// Options of `tokens`.
#[derive(Debug, Args)]
pub(crate) struct Tokens {
    /// Print JSON as the daemon answers it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    management: Management,
}

/// Options of `reload`.
#[derive(Debug, Args)]
pub(crate) struct Reload {
    #[command(flatten)]
    management: Management,
}

/// Options of `drain`.
#[derive(Debug, Args)]
pub(crate) struct Drain {
    /// How long to wait for subscribers
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    within: u64,
    /// Leave in the end although something waits: it is lost
    #[arg(long)]
    force: bool,
    /// End a drain that did not complete: messages and changes are taken again
    #[arg(long, conflicts_with_all = ["within", "force"])]
    cancel: bool,
    #[command(flatten)]
    management: Management,
}

impl Drain {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        work(async {
            let server = Server::of(&self.management)?;
            let role = self.management.role(Role::Superuser)?;
            if self.cancel {
                server.send(reqwest::Method::DELETE, "drain", &role, None).await?;
                return Ok(output::line("messages and changes are taken again")?);
            }
            let by = Instant::now() + Duration::from_secs(self.within);
            loop {
                let left = by.saturating_duration_since(Instant::now()).as_secs();
                let forced = self.force && left <= STEP;
                let query = format!("within={}&forced={forced}", left.min(STEP));
                let answer = server.send_query(reqwest::Method::POST, "drain", &query, &role, None).await?;
                if forced || answer["complete"] == true {
                    return Ok(output::line("nothing is served any more: the daemon can be stopped")?);
                }
                if answer["draining"] == false {
                    anyhow::bail!("the drain was called off: messages and changes are taken again");
                }
                if left == 0 {
                    anyhow::bail!(
                        "something still waits: {}. Ask again, add --force, or end it with `gossiperl drain --cancel`",
                        answer["overlays"]
                    );
                }
            }
        })
    }
}

/// What is waited for in one request, seconds.
const STEP: u64 = 20;

impl Tokens {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        work(async {
            let server = Server::of(&self.management)?;
            let answer = server.get("tokens", &self.management.role(Role::Superuser)?).await?;
            if self.json {
                return Ok(output::line(answer)?);
            }
            let mut rows = vec![heading(&["OVERLAY", "TOKEN"])];
            for token in answer["tokens"].as_array().into_iter().flatten().filter_map(Value::as_object) {
                rows.extend(token.iter().map(|(name, token)| vec![name.clone(), text(token)]));
            }
            Ok(output::table(&rows)?)
        })
    }
}

impl Reload {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        work(async {
            let server = Server::of(&self.management)?;
            let role = self.management.role(Role::Superuser)?;
            let answer = server.send(reqwest::Method::POST, "reconfigure", &role, None).await?;
            output::line(match answer["status"].as_str() {
                Some("no_config") => "the daemon was started without a configuration file",
                _ => "the configuration was read again and taken over",
            })?;
            for what in answer["restart"].as_array().into_iter().flatten() {
                output::line(format_args!("at the next start only: {}", text(what)))?;
            }
            Ok(())
        })
    }
}

/// Runs a command's work; an interruption leaves what it asked for with the daemon.
fn work(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    session::run(Interruption::Fails("the daemon may or may not have done it"), work)
}

fn heading(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// A value as people read it.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => crate::printable::Printable(text).to_string(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The text of a file, or of standard input where it is called `-`.
fn read_text(file: &Path) -> anyhow::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
        return Ok(text);
    }
    *text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(text)
}
