//! `gossiperl overlay show`: a configuration for people, or to be given back.

use anyhow::Context;
use serde_json::{Map, Value};

use super::How;
use crate::{
    cli::{
        management::{heading, request::Server, text},
        output,
    },
    config::is_unset,
};

pub(super) async fn show(name: String, as_toml: bool, how: How) -> anyhow::Result<()> {
    let server = Server::of(&how.management)?;
    let token = server.token(&how.management, &name).await?;
    let answer = server.get(&format!("configuration/{name}"), &token).await?;
    if how.json {
        return Ok(output::line(answer)?);
    }
    let properties = answer["configuration"].as_object().context("the answer has no configuration")?;
    if as_toml {
        return Ok(output::all(to_toml(properties)?.as_bytes())?);
    }
    let mut rows = vec![heading(&["PROPERTY", "VALUE"])];
    for (property, value) in properties {
        let shown = if is_unset(property, value) { "-".to_owned() } else { text(value) };
        rows.push(vec![property.clone(), shown]);
    }
    rows.push(vec!["(changed by)".to_owned(), text(&answer["owner"])]);
    Ok(output::table(&rows)?)
}

/// The properties that are set, as they stand below `[overlays.NAME]`.
fn to_toml(properties: &Map<String, Value>) -> anyhow::Result<String> {
    let set = properties.iter().filter(|(property, value)| !is_unset(property, value));
    let set: Map<String, Value> = set.map(|(property, value)| (property.clone(), value.clone())).collect();
    // Plain values first: whatever stands behind a table's heading is the table's.
    let table: toml::Table = serde_json::from_value(Value::Object(set)).context("the answer is no TOML")?;
    toml::to_string(&table).context("the answer is no TOML")
}
