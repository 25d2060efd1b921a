//! `gossiperl overlay`: overlays listed, added, shown, changed, removed.

mod list;
mod properties;
mod shown;

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::Value;

use super::{
    credentials::{Management, Role},
    request::Server,
    text, work,
};
use crate::cli::output;
use properties::Change;

/// Overlays of a daemon.
#[derive(Debug, Args)]
pub(crate) struct Overlay {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the overlays of the host: who changes them (the configuration file, or REST), and who is in them.
    List {
        #[command(flatten)]
        how: How,
    },
    /// Add an overlay, kept by the daemon from then on; prints its token.
    Add {
        /// Its name
        name: String,
        /// File with its properties, a JSON object or TOML as below [overlays.NAME]; - for standard input
        properties: PathBuf,
        #[command(flatten)]
        how: How,
    },
    /// Show an overlay's configuration as it is in force.
    Show {
        /// Its name
        name: String,
        /// Print TOML that `overlay set --file` takes, and `overlay add` once its keys and secrets are written in place of "protected"
        #[arg(long, conflicts_with = "json")]
        toml: bool,
        #[command(flatten)]
        how: How,
    },
    /// Change properties of an overlay.
    ///
    /// `overlay set orders quarantine_after 30 max_quarantined 5` changes these and leaves the others as they are: all of them at once, or none.
    /// `overlay set orders secret --file FILE` takes one value from a file, as keys and secrets must be given. `overlay set orders --file FILE`
    /// takes all properties: those that are not in the file go back to their defaults, and secrets that read "protected" stay as they are.
    Set {
        /// The overlay
        name: String,
        /// Properties, each with its value in JSON, or a word; null for the default. No keys and secrets, which every user of the host would see
        #[arg(value_name = "PROPERTY VALUE", required_unless_present = "file")]
        words: Vec<String>,
        /// A file that holds the value of the one PROPERTY given, or without one all properties, a JSON object or TOML; - for standard input
        #[arg(long)]
        file: Option<PathBuf>,
        #[command(flatten)]
        how: How,
    },
    /// Remove an overlay and all that the daemon has kept of it.
    Remove {
        /// Its name
        name: String,
        #[command(flatten)]
        how: How,
    },
}

#[derive(Debug, Args)]
struct How {
    /// Print JSON as the daemon answers it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    management: Management,
}

impl How {
    /// Prints the answer, or what it means.
    fn print(&self, answer: &Value, meaning: &str) -> anyhow::Result<()> {
        match self.json {
            true => Ok(output::line(answer)?),
            false => Ok(output::line(meaning)?),
        }
    }
}

impl Overlay {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self.action {
            Action::List { how } => work(list::list(how)),
            Action::Show { name, toml, how } => work(shown::show(name, toml, how)),
            Action::Add { name, properties, how } => {
                let properties = properties::read(&properties)?;
                work(add(name, properties, how))
            }
            Action::Set { name, words, file, how } => {
                let change = Change::read(&name, &words, file.as_deref())?;
                work(set(name, change, how))
            }
            Action::Remove { name, how } => work(remove(name, how)),
        }
    }
}

async fn add(name: String, properties: Value, how: How) -> anyhow::Result<()> {
    let (server, role) = (Server::of(&how.management)?, how.management.role(Role::RestUser)?);
    let answer = server.send(Method::POST, &format!("overlays/{name}"), &role, Some(&properties)).await?;
    how.print(&answer, &text(&answer["token"]))
}

async fn set(name: String, change: Change, how: How) -> anyhow::Result<()> {
    let server = Server::of(&how.management)?;
    let token = server.token(&how.management, &name).await?;
    let whole = format!("overlays/{name}");
    let (path, value, meaning) = match change {
        Change::One(property, value) => {
            (format!("{whole}/{property}"), value, format!("{property} of overlay {name} is changed"))
        }
        Change::All(properties) => (whole, properties, format!("overlay {name} is as the file says")),
        Change::Several(changed) => {
            let names: Vec<&str> = changed.keys().map(String::as_str).collect();
            let meaning = format!("{} of overlay {name} are changed", names.join(", "));
            // What is shown and given back stays as it is.
            let mut answer = server.get(&format!("configuration/{name}"), &token).await?;
            let properties =
                answer["configuration"].as_object_mut().context("the answer has no configuration")?;
            properties.extend(changed);
            (whole, answer["configuration"].take(), meaning)
        }
    };
    let answer = server.send(Method::PUT, &path, &token, Some(&value)).await?;
    how.print(&answer, &meaning)
}

async fn remove(name: String, how: How) -> anyhow::Result<()> {
    let server = Server::of(&how.management)?;
    let token = server.token(&how.management, &name).await?;
    let answer = server.send(Method::DELETE, &format!("overlays/{name}"), &token, None).await?;
    how.print(&answer, &format!("overlay {name} is removed"))
}
