//! `gossiperl subscriptions`, and `gossiperl members` of an overlay that the configuration does not have: what a daemon knows of an overlay, asked over its management interface.

use std::net::{IpAddr, SocketAddr};

use clap::Args;
use serde_json::{Value, json};

use super::{credentials::Management, heading, request::Server, text, work};
use crate::cli::output;

/// Options of `subscriptions`.
#[derive(Debug, Args)]
pub(crate) struct Subscriptions {
    /// The overlay
    overlay: String,
    /// Print JSON as the daemon answers it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    management: Management,
}

impl Subscriptions {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        work(async {
            let server = Server::of(&self.management)?;
            let token = server.token(&self.management, &self.overlay).await?;
            let answer = server.get(&format!("subscriptions/{}", self.overlay), &token).await?;
            if self.json {
                return Ok(output::line(answer)?);
            }
            let mut rows = vec![heading(&["TYPE", "CLIENT", "DAEMON", "HEARD"])];
            for subscription in answer["subscriptions"].as_array().into_iter().flatten() {
                rows.push(vec![
                    text(&subscription["event_type"]),
                    text(&subscription["member_name"]),
                    text(&subscription["origin"]),
                    output::ago(subscription["heartbeat"].as_i64().unwrap_or_default()),
                ]);
            }
            Ok(output::table(&rows)?)
        })
    }
}

/// Asks the daemon of `management` who is in an overlay, and has `print` print it, in the form of `members --json`.
pub(in crate::cli) fn members(
    management: &Management,
    overlay: &str,
    print: impl FnOnce(Vec<Value>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    work(async {
        let server = Server::of(management)?;
        let token = server.token(management, overlay).await?;
        let answer = server.get(&format!("membership/{overlay}"), &token).await?;
        print(answer["membership"].as_array().into_iter().flatten().map(member).collect())
    })
}

/// A member of GET /membership as `members --json` has it.
fn member(member: &Value) -> Value {
    let ip = member["ip"].as_str().and_then(|ip| ip.parse::<IpAddr>().ok());
    let port = member["port"].as_u64().and_then(|port| u16::try_from(port).ok());
    let address = ip.zip(port).map(|(ip, port)| SocketAddr::new(ip, port).to_string());
    json!({
        "name": member["name"],
        "kind": member["kind"],
        "state": member["state"],
        "address": address,
        "rack": member["rack"].as_str().filter(|rack| !rack.is_empty()),
        "heartbeat": member["heartbeat"],
    })
}
