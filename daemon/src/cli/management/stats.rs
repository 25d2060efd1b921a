//! `gossiperl stats`: what an overlay has counted.

use clap::Args;
use serde_json::Value;

use super::{credentials::Management, heading, request::Server, text, work};
use crate::cli::output;

/// Options of `stats`.
#[derive(Debug, Args)]
pub(crate) struct Stats {
    /// The overlay
    overlay: String,
    /// total, 1d, 12h, 6h, 3h, 1h, 30m, 10m or 1m
    #[arg(long, default_value = "total")]
    window: String,
    /// Show what is zero or empty, too
    #[arg(long)]
    all: bool,
    /// Print JSON as the daemon answers it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    management: Management,
}

impl Stats {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        work(async {
            let (server, token) = (Server::of(&self.management)?, self.management.token(&self.overlay)?);
            let path = format!("statistics/{}/{}", self.overlay, self.window);
            let answer = server.get(&path, &token).await?;
            if self.json {
                return Ok(output::line(answer)?);
            }
            let mut rows = vec![heading(&["FIGURE", "VALUE"])];
            flatten(&answer["statistics"], &mut String::new(), self.all, &mut rows);
            Ok(output::table(&rows)?)
        })
    }
}

/// One row a figure, named by its place.
fn flatten(value: &Value, place: &mut String, all: bool, rows: &mut Vec<Vec<String>>) {
    let Some(object) = value.as_object() else {
        let nothing =
            value.is_null() || value.as_f64() == Some(0.0) || value.as_array().is_some_and(Vec::is_empty);
        if all || !nothing {
            rows.push(vec![place.clone(), text(value)]);
        }
        return;
    };
    for (key, value) in object {
        let length = place.len();
        if !place.is_empty() {
            place.push('.');
        }
        place.push_str(key);
        flatten(value, place, all, rows);
        place.truncate(length);
    }
}
