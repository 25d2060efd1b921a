//! `gossiperl overlay list`.

use reqwest::Method;
use serde_json::Value;

use super::How;
use crate::cli::{
    management::{credentials::Role, heading, request::Server, text},
    output,
};

pub(super) async fn list(how: How) -> anyhow::Result<()> {
    let (server, user) = (Server::of(&how.management)?, how.management.role(Role::RestUser)?);
    let answer = server.send_query(Method::GET, "overlays", "details=true", &user, None).await?;
    if how.json {
        return Ok(output::line(answer)?);
    }
    let mut rows =
        vec![heading(&["OVERLAY", "CHANGED BY", "PORT", "STATE", "STANDING", "DAEMONS", "CLIENTS"])];
    let details = || answer["details"].as_array().into_iter().flatten();
    rows.extend(details().map(row));
    output::table(&rows)?;
    for failed in details().filter(|overlay| !overlay["why"].is_null()) {
        output::note(format_args!("{}: {}", text(&failed["overlay"]), text(&failed["why"])));
    }
    Ok(())
}

fn row(overlay: &Value) -> Vec<String> {
    vec![
        text(&overlay["overlay"]),
        text(&overlay["owner"]),
        text(&overlay["port"]),
        text(&overlay["state"]),
        overlay["standing"].as_str().unwrap_or("-").to_owned(),
        standings(&overlay["daemons"]),
        standings(&overlay["clients"]),
    ]
}

/// How many are in each state in which somebody is.
fn standings(counts: &Value) -> String {
    let counts = counts.as_object().into_iter().flatten();
    let there = counts.filter(|(_, count)| count.as_u64() != Some(0));
    let told: Vec<String> = there.map(|(state, count)| format!("{count} {state}")).collect();
    if told.is_empty() { "-".to_owned() } else { told.join(", ") }
}
