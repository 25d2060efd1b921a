//! `gossiperl overlay`: overlays listed, added, shown, changed, removed.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::{
    credentials::{Management, Role},
    heading, read_text,
    request::Server,
    text, work,
};
use crate::cli::output;

/// Overlays of a daemon.
#[derive(Debug, Args)]
pub(crate) struct Overlay {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the overlays of the host.
    List {
        /// Print JSON as the daemon answers it
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        management: Management,
    },
    /// Add an overlay, kept by the daemon from then on; prints its token.
    Add {
        /// Its name
        name: String,
        /// File with its properties, a JSON object or TOML as below [overlays.NAME]; - for standard input
        properties: PathBuf,
        #[command(flatten)]
        management: Management,
    },
    /// Show an overlay's configuration as it is in force.
    Show {
        /// Its name
        name: String,
        /// Print JSON as the daemon answers it
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        management: Management,
    },
    /// Change one property of an overlay.
    Set {
        /// The overlay
        name: String,
        /// The property
        property: String,
        /// Its value in JSON, or a word; null for the default
        #[arg(required_unless_present = "file")]
        value: Option<String>,
        /// A file that holds the value, for secrets; - for standard input
        #[arg(long, conflicts_with = "value")]
        file: Option<PathBuf>,
        #[command(flatten)]
        management: Management,
    },
    /// Remove an overlay and all that the daemon has kept of it.
    Remove {
        /// Its name
        name: String,
        #[command(flatten)]
        management: Management,
    },
}

impl Overlay {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self.action {
            Action::List { json, management } => work(list(json, management)),
            Action::Show { name, json, management } => work(show(name, json, management)),
            Action::Add { name, properties, management } => {
                let properties = read_properties(&properties)?;
                work(add(name, properties, management))
            }
            Action::Set { name, property, value, file, management } => {
                let value = match file {
                    Some(file) => read_text(&file)?.trim_end_matches(['\r', '\n']).to_owned(),
                    None => value.unwrap_or_default(),
                };
                work(set(name, property, Zeroizing::new(value), management))
            }
            Action::Remove { name, management } => work(remove(name, management)),
        }
    }
}

async fn list(json: bool, management: Management) -> anyhow::Result<()> {
    let answer = Server::of(&management)?.get("overlays", &management.role(Role::RestUser)?).await?;
    if json {
        return Ok(output::line(answer)?);
    }
    for name in answer["overlays"].as_array().into_iter().flatten() {
        output::line(text(name))?;
    }
    Ok(())
}

async fn add(name: String, properties: Value, management: Management) -> anyhow::Result<()> {
    let (server, role) = (Server::of(&management)?, management.role(Role::RestUser)?);
    let answer = server.send(Method::POST, &format!("overlays/{name}"), &role, Some(&properties)).await?;
    Ok(output::line(text(&answer["token"]))?)
}

async fn show(name: String, json: bool, management: Management) -> anyhow::Result<()> {
    let (server, token) = (Server::of(&management)?, management.token(&name)?);
    let answer = server.get(&format!("configuration/{name}"), &token).await?;
    if json {
        return Ok(output::line(answer)?);
    }
    let mut rows = vec![heading(&["PROPERTY", "VALUE"])];
    for (property, value) in answer["configuration"].as_object().into_iter().flatten() {
        rows.push(vec![property.clone(), text(value)]);
    }
    rows.push(vec!["(changed by)".to_owned(), text(&answer["owner"])]);
    Ok(output::table(&rows)?)
}

async fn set(
    name: String,
    property: String,
    value: Zeroizing<String>,
    management: Management,
) -> anyhow::Result<()> {
    let (server, token) = (Server::of(&management)?, management.token(&name)?);
    // What is no JSON is a word.
    let value: Value = serde_json::from_str(&value).unwrap_or_else(|_| Value::from(value.as_str()));
    let path = format!("overlays/{name}/{property}");
    server.send(Method::PUT, &path, &token, Some(&value)).await?;
    Ok(output::line(format_args!("{property} of overlay {name} is changed"))?)
}

async fn remove(name: String, management: Management) -> anyhow::Result<()> {
    let (server, token) = (Server::of(&management)?, management.token(&name)?);
    server.send(Method::DELETE, &format!("overlays/{name}"), &token, None).await?;
    Ok(output::line(format_args!("overlay {name} is removed"))?)
}

/// JSON, or else TOML.
fn read_properties(file: &Path) -> anyhow::Result<Value> {
    let properties = read_text(file)?;
    if let Ok(object) = serde_json::from_str::<Map<String, Value>>(&properties) {
        return Ok(Value::Object(object));
    }
    // Only the message and the line: the error's own display quotes the line, which may hold a key.
    let table: toml::Table = toml::from_str(&properties).map_err(|error| {
        let line = error
            .span()
            .map_or(1, |span| 1 + properties.get(..span.start).unwrap_or_default().matches('\n').count());
        anyhow::anyhow!(
            "{} is neither a JSON object nor TOML: line {line}: {}",
            file.display(),
            error.message()
        )
    })?;
    serde_json::to_value(table).with_context(|| format!("{} holds what JSON has not", file.display()))
}
