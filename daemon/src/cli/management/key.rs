//! `gossiperl key`: the keys of an overlay on all its daemons.

use std::{
    fs::OpenOptions,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{credentials::Management, heading, read_text, request::Server, text, work};
use crate::{cli::output, random};

/// Keys of an overlay.
#[derive(Debug, Args)]
pub(crate) struct Key {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show the keys of every daemon, by their ids.
    List {
        /// The overlay
        overlay: String,
        #[command(flatten)]
        how: How,
    },
    /// Add a key, which then opens at every daemon.
    Add {
        /// The overlay
        overlay: String,
        /// File that holds the key; - for standard input
        #[arg(required_unless_present = "generate")]
        file: Option<PathBuf>,
        /// Make a key and write it into this new file, for daemons and clients to be configured with
        #[arg(long, value_name = "FILE", conflicts_with = "file")]
        generate: Option<PathBuf>,
        #[command(flatten)]
        how: How,
    },
    /// Have every daemon seal with a key.
    Use {
        /// The overlay
        overlay: String,
        /// The key's id
        id: String,
        /// In spite of daemons that lack the key or do not answer
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        how: How,
    },
    /// Have every daemon forget a key.
    Retire {
        /// The overlay
        overlay: String,
        /// The key's id
        id: String,
        /// In spite of daemons that seal with the key or do not answer; the former are cut off
        #[arg(long)]
        force: bool,
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

impl Key {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let (overlay, how, method, path, body) = match self.action {
            Action::List { overlay, how } => (overlay, how, Method::GET, String::new(), None),
            Action::Add { overlay, file, generate, how } => {
                let key = match (file, generate) {
                    (Some(file), _) => read_text(&file)?,
                    (None, Some(file)) => make(&file)?,
                    (None, None) => anyhow::bail!("give a file that holds the key, or --generate FILE"),
                };
                let key = key.trim_end_matches(['\r', '\n']);
                (overlay, how, Method::POST, String::new(), Some(json!({ "key": key })))
            }
            Action::Use { overlay, id, force, how } => (overlay, how, Method::PUT, target(&id, force), None),
            Action::Retire { overlay, id, force, how } => {
                (overlay, how, Method::DELETE, target(&id, force), None)
            }
        };
        work(async {
            let server = Server::of(&how.management)?;
            let token = server.token(&how.management, &overlay).await?;
            let (id, forced) = path.split_once('?').unwrap_or((&path, ""));
            let place =
                if id.is_empty() { format!("keys/{overlay}") } else { format!("keys/{overlay}/{id}") };
            let report = server.send_query(method, &place, forced, &token, body.as_ref()).await?;
            print(&report, how.json)?;
            judge(&report)
        })
    }
}

fn target(id: &str, force: bool) -> String {
    if force { format!("{id}?forced=true") } else { id.to_owned() }
}

/// A fresh key in a new file that only its owner reads.
fn make(file: &Path) -> anyhow::Result<Zeroizing<String>> {
    let key = Zeroizing::new(random::key()?);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let written = options.open(file).and_then(|mut file| {
        file.write_all(format!("{}\n", *key).as_bytes())?;
        file.sync_all()
    });
    written.with_context(|| format!("cannot write a key into the new file {}", file.display()))?;
    Ok(key)
}

/// A row for each daemon.
fn print(report: &Value, json: bool) -> anyhow::Result<()> {
    if json {
        return Ok(output::line(report)?);
    }
    let mut rows = vec![heading(&["DAEMON", "ADDRESS", "STATE", "RESULT", "KEYS (* SEALS, CLIENTS)"])];
    for daemon in daemons(report) {
        let key = |key: &Value| {
            let seals = if key["seals"] == true { "*" } else { "" };
            format!("{seals}{} ({})", text(&key["id"]), key["clients"])
        };
        let keys: Vec<String> = daemon["keys"].as_array().into_iter().flatten().map(key).collect();
        let result = match daemon["message"].as_str() {
            Some(why) => format!("{}: {why}", text(&daemon["result"])),
            None => text(&daemon["result"]),
        };
        rows.push(vec![
            text(&daemon["name"]),
            text(&daemon["address"]),
            text(&daemon["state"]),
            result,
            keys.join(" "),
        ]);
    }
    Ok(output::table(&rows)?)
}

/// An error where some daemons have not done it, or there was nothing to do at any.
fn judge(report: &Value) -> anyhow::Result<()> {
    let operation = report["operation"].as_str().unwrap_or_default();
    if report["complete"] != true {
        let names = daemons(report)
            .filter(|daemon| daemon["result"] == "silent" || daemon["result"] == "refused")
            .map(|daemon| text(&daemon["name"]));
        let names = names.collect::<Vec<_>>().join(", ");
        anyhow::ensure!(operation != "list", "the list is not whole: {names} did not answer");
        anyhow::bail!(
            "not every daemon has done it ({names}): the same command again reaches those that are back, and changes nothing at the others"
        );
    }
    // A key that was retired everywhere and one that never was look alike; a slip of the hand must not look like done.
    if operation == "retire" && daemons(report).all(|daemon| daemon["result"] == "already") {
        let overlay = text(&report["overlay"]);
        anyhow::bail!(
            "no daemon of overlay {overlay} has a key {}: nothing was changed. `gossiperl key list {overlay}` shows the ids",
            text(&report["key"])
        );
    }
    Ok(())
}

fn daemons(report: &Value) -> impl Iterator<Item = &Value> {
    report["daemons"].as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(operation: &str, complete: bool, results: &[&str]) -> Result<(), String> {
        let daemons = results.iter().enumerate();
        let daemons = daemons.map(|(at, result)| json!({ "name": format!("host-{at}"), "result": result }));
        let daemons: Vec<Value> = daemons.collect();
        let report = json!({ "overlay": "main", "operation": operation, "key": "00ff00ff", "complete": complete, "daemons": daemons });
        judge(&report).map_err(|error| error.to_string())
    }

    #[test]
    fn a_list_without_a_silent_daemon_is_not_whole_and_asks_for_no_repetition() {
        let told = judged("list", false, &["listed", "silent"]).expect_err("not whole");
        assert_eq!(told, "the list is not whole: host-1 did not answer");
        let told = judged("add", false, &["done", "refused", "silent"]).expect_err("not done");
        assert!(told.contains("(host-1, host-2): the same command again"), "{told}");
        assert_eq!(judged("list", true, &["listed"]), Ok(()));
    }

    #[test]
    fn retiring_is_done_where_one_had_the_key_and_a_slip_where_none_had() {
        assert_eq!(judged("retire", true, &["already", "done"]), Ok(()));
        let told = judged("retire", true, &["already", "already"]).expect_err("a slip");
        assert!(told.contains("no daemon of overlay main has a key 00ff00ff"), "{told}");
        assert_eq!(judged("use", true, &["already", "already"]), Ok(()));
    }
}
