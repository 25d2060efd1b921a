//! `gossiperl members`: who is in the overlay, as the host's daemon sees it.

use anyhow::Context;
use clap::Args;
use gossiperl_client::{Client, Member, MemberKind, MemberState};
use serde_json::{Value, json};

use super::{
    Connection,
    connection::Beyond,
    management::{self, Management},
    output,
    session::{self, Interruption},
};
use crate::printable::Printable;

/// Options of `members`. An overlay that the configuration does not have, since it was made over the management interface, is asked for there.
#[derive(Debug, Args)]
pub(crate) struct Members {
    /// Print JSON: one object {"members": […]}; with --watch one object a change after it
    #[arg(long)]
    json: bool,
    /// Go on and print every change
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Members {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        if let Some(Beyond { config, overlay, others }) = self.connection.beyond_configuration() {
            anyhow::ensure!(
                !self.watch,
                "no overlay {overlay:?} in the configuration; of one made over the management interface `gossiperl events {overlay}` prints what happens"
            );
            let management = Management::of_host(config.to_owned());
            let shown = management::members(&management, overlay, |members| self.print(&members));
            return shown.with_context(|| {
                format!("no overlay {overlay:?} in the configuration, which has: {others}; nor is one made over the management interface to be had")
            });
        }
        let interruption = match self.watch {
            true => Interruption::Ends,
            false => Interruption::Fails("the members were not shown"),
        };
        session::with_client(&self.connection, interruption, async |client| self.show(client).await)
    }

    async fn show(&self, client: &Client) -> anyhow::Result<()> {
        if !self.watch {
            return self.print_beside(session::answered(client.members()).await??, client);
        }
        let mut watch = session::answered(client.watch_members()).await??;
        self.print_beside(watch.current(), client)?;
        while let Some(event) = watch.next().await {
            if self.json {
                let mut line = to_json(&event.member);
                line["event"] = event.change.as_str().into();
                output::line(line)?;
            } else {
                let address = event.member.address.map(|address| address.to_string()).unwrap_or_default();
                let name = Printable(&event.member.name);
                output::line(format_args!(
                    "{}  {:18}  {name}  {address}",
                    output::time_of_day(),
                    event.change.as_str()
                ))?;
            }
        }
        anyhow::bail!("the connection to the daemon has ended")
    }

    /// Without ourselves, who are here only to look.
    fn print_beside(&self, mut members: Vec<Member>, client: &Client) -> anyhow::Result<()> {
        members.retain(|member| member.name != *client.name());
        members.sort_by_key(|member| (member.kind != MemberKind::Daemon, member.name.clone()));
        self.print(&members.iter().map(to_json).collect::<Vec<_>>())
    }

    fn print(&self, members: &[Value]) -> anyhow::Result<()> {
        if self.json {
            return Ok(output::line(json!({ "members": members }))?);
        }
        let heading = ["NAME", "KIND", "STATE", "ADDRESS", "RACK", "HEARD"].map(str::to_owned).to_vec();
        let row = |member: &Value| {
            let text = |key: &str| Printable(member[key].as_str().unwrap_or_default()).to_string();
            let heard = output::ago(member["heartbeat"].as_i64().unwrap_or_default());
            vec![text("name"), text("kind"), text("state"), text("address"), text("rack"), heard]
        };
        let rows: Vec<Vec<String>> = std::iter::once(heading).chain(members.iter().map(row)).collect();
        Ok(output::table(&rows)?)
    }
}

fn to_json(member: &Member) -> Value {
    json!({
        "name": member.name.to_string(),
        "kind": kind(member.kind),
        "state": state(member.state),
        "address": member.address.map(|address| address.to_string()),
        "rack": member.rack.as_ref().filter(|rack| !rack.is_empty()).map(ToString::to_string),
        "heartbeat": member.heartbeat,
    })
}

pub(crate) fn kind(kind: MemberKind) -> &'static str {
    match kind {
        MemberKind::Daemon => "daemon",
        MemberKind::Client => "client",
        _ => "-",
    }
}

/// The words of protocol 1's REST interface.
pub(crate) fn state(state: MemberState) -> &'static str {
    match state {
        MemberState::Reachable => "reachable",
        MemberState::Quarantine => "quarantine",
        MemberState::Unreachable => "unreachable",
        MemberState::Left => "left",
        _ => "-",
    }
}
