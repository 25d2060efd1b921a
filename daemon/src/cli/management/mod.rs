//! Commands for operators, over the management interface of a daemon: overlays, keys, statistics, tokens, events, reloading.

mod credentials;
mod drain;
mod events;
mod key;
mod looking;
mod overlay;
mod ready;
mod request;
mod silence;
mod stats;

pub(super) use credentials::{ENVIRONMENT, Management};
pub(super) use drain::Drain;
pub(super) use events::Events;
pub(super) use key::Key;
pub(super) use looking::{Subscriptions, members};
pub(super) use overlay::Overlay;
pub(super) use ready::Ready;
pub(super) use stats::Stats;

use std::{fs, io::Read, path::Path};

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
    /// Print JSON as the daemon answers it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    management: Management,
}

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
            if self.json {
                return Ok(output::line(answer)?);
            }
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
