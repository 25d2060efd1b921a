//! `gossiperl stats`: what an overlay has counted.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

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
            let server = Server::of(&self.management)?;
            let token = server.token(&self.management, &self.overlay).await?;
            let path = format!("statistics/{}/{}", self.overlay, self.window);
            let answer = server.get(&path, &token).await?;
            if self.json {
                return Ok(output::line(answer)?);
            }
            let statistics = &answer["statistics"];
            let span = Duration::try_from_secs_f64(statistics["seconds"].as_f64().unwrap_or_default());
            let span = humantime::format_duration(Duration::from_secs(span.unwrap_or_default().as_secs()));
            let from = humantime::format_rfc3339_seconds(time(&statistics["from"]));
            output::line(format_args!("overlay {}, {span} from {from}", text(&answer["overlay"])))?;
            let mut rows = vec![heading(&["FIGURE", "VALUE"])];
            flatten(statistics, &mut String::new(), self.all, &mut rows);
            Ok(output::table(&rows)?)
        })
    }
}

/// One row a figure, named by its place. Which span they cover is told before.
fn flatten(value: &Value, place: &mut String, all: bool, rows: &mut Vec<Vec<String>>) {
    let Some(object) = value.as_object() else {
        let nothing =
            value.is_null() || value.as_f64() == Some(0.0) || value.as_array().is_some_and(Vec::is_empty);
        if (all || !nothing) && !["from", "seconds"].contains(&place.as_str()) {
            rows.push(vec![place.clone(), figure(place, value)]);
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

/// A figure as people read it: latencies are durations, their buckets counts up to a bound.
fn figure(place: &str, value: &Value) -> String {
    let latency = place.starts_with("latency.") && !place.ends_with(".count");
    match value {
        Value::Array(buckets) if latency => {
            let bucket = |bucket: &Value| match bucket["le"].as_f64() {
                Some(_) => format!("{} up to {}", bucket["count"], seconds(&bucket["le"])),
                None => format!("{} longer", bucket["count"]),
            };
            buckets.iter().map(bucket).collect::<Vec<_>>().join(", ")
        }
        Value::Number(_) if latency => seconds(value),
        value => text(value),
    }
}

fn seconds(value: &Value) -> String {
    let duration = Duration::try_from_secs_f64(value.as_f64().unwrap_or_default());
    output::duration(duration.unwrap_or(Duration::MAX))
}

fn time(value: &Value) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(value.as_u64().unwrap_or_default().min(LATEST))
}

/// The last second of the year 9999.
const LATEST: u64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn latencies_are_durations_and_buckets_are_words() {
        let statistics = json!({
            "from": 1_795_868_099,
            "seconds": 60.1,
            "frames": { "in": { "publish": { "frames": 3 } }, "out": {} },
            "latency": { "probes": {
                "count": 5, "mean": 0.000_087, "p99": null,
                "buckets": [{ "le": 0.001, "count": 4 }, { "le": null, "count": 1 }],
            } },
        });
        let mut rows = Vec::new();
        flatten(&statistics, &mut String::new(), false, &mut rows);
        let rows: Vec<(&str, &str)> = rows.iter().map(|row| (&*row[0], &*row[1])).collect();
        assert_eq!(
            rows,
            [
                ("frames.in.publish.frames", "3"),
                ("latency.probes.buckets", "4 up to 1.00 ms, 1 longer"),
                ("latency.probes.count", "5"),
                ("latency.probes.mean", "87 µs"),
            ]
        );
        assert!(time(&json!(u64::MAX)) > time(&statistics["from"]));
    }
}
