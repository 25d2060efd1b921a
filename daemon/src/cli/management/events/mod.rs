//! `gossiperl events`: what happens in an overlay, as it happens.

mod stream;

use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use reqwest::{Method, Response};
use serde_json::Value;

use super::{
    credentials::{Management, Proof},
    request::{Refused, Server},
    text,
};
use crate::{
    cli::{
        output,
        session::{self, Interruption},
    },
    config::nearest,
    printable::Printable,
    rest::event_names,
};
use stream::{Stream, Told};

/// The daemon says at least every 15 s that it lives; who has heard nothing of two such signs waits no longer.
const QUIET: Duration = Duration::from_secs(35);
/// Longest wait for the stream to begin.
const BEGINNING: Duration = Duration::from_secs(10);
/// Between two attempts to reach a daemon that is away.
const PAUSE: Duration = Duration::from_secs(1);

/// Options of `events`.
#[derive(Debug, Args)]
pub(crate) struct Events {
    /// The overlay
    overlay: String,
    /// Comma-separated event types, and types of messages [default: all but messages]
    #[arg(long)]
    types: Option<String>,
    /// Go on behind the event with this id
    #[arg(long, value_name = "ID")]
    after: Option<String>,
    /// Print each event as a line of JSON, {"id", "event", "data"}
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    management: Management,
}

impl Events {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        session::run(Interruption::Ends, self.follow())
    }

    /// Follows the events until the overlay is gone, over any number of connections.
    async fn follow(self) -> anyhow::Result<()> {
        let token = Server::of(&self.management)?.token(&self.management, &self.overlay).await?;
        self.note_slips();
        let mut last = self.after.clone();
        let mut stream = self.begin(&token, last.as_deref()).await?;
        loop {
            let cut = loop {
                match stream.next().await {
                    Ok(event) => {
                        self.print(&event)?;
                        if event.name == "removed" {
                            bail!("the stream has ended: overlay {:?} was removed", self.overlay);
                        }
                    }
                    Err(cut) => break cut,
                }
            };
            if !stream.last_id().is_empty() {
                last = Some(stream.last_id().to_owned());
            }
            output::note(format_args!("{cut}; waiting for the daemon"));
            stream = self.begin_again(&token, last.as_deref()).await?;
            output::note("connected again");
        }
    }

    /// Asks for the stream until it is there or refused.
    async fn begin_again(&self, token: &Proof, after: Option<&str>) -> anyhow::Result<Stream> {
        loop {
            match self.begin(token, after).await {
                Err(error) if error.downcast_ref::<Refused>().is_none_or(Refused::is_passing) => {
                    tokio::time::sleep(PAUSE).await;
                }
                begun => return begun,
            }
        }
    }

    async fn begin(&self, token: &Proof, after: Option<&str>) -> anyhow::Result<Stream> {
        // Anew each time: a daemon that comes back may be elsewhere.
        let server = Server::streaming(&self.management)?;
        let request = server.request(Method::GET, &format!("events/{}", self.overlay), token)?;
        let query: Vec<(&str, &str)> = [("types", self.types.as_deref()), ("after", after)]
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect();
        let answer = tokio::time::timeout(BEGINNING, server.answered(request.query(&query))).await;
        let answer: Response =
            answer.with_context(|| format!("the daemon has not answered within {BEGINNING:?}"))??;
        Ok(Stream::new(answer, QUIET))
    }

    /// Any word may be a type of messages; one that is nearly an event's name is hardly meant for that.
    fn note_slips(&self) {
        let names: Vec<&str> = event_names().collect();
        for word in self.types.iter().flat_map(|types| types.split(',')).map(str::trim) {
            if !names.contains(&word)
                && let Some(near) = nearest(word, &names)
            {
                output::note(format_args!(
                    "{} is no event of an overlay, so messages of that type are shown; did you mean {near}?",
                    Printable(word)
                ));
            }
        }
    }

    fn print(&self, event: &Told) -> anyhow::Result<()> {
        let data: Value = serde_json::from_str(&event.data).unwrap_or_default();
        if self.json {
            let line = serde_json::json!({ "id": event.id, "event": event.name, "data": data });
            return Ok(output::line(line)?);
        }
        let about = match event.name.as_str() {
            "delivery" => {
                let shown = ["text", "fields", "payload"].into_iter().find_map(|key| data.get(key));
                format!("{}  {}", text(&data["event_type"]), shown.map(text).unwrap_or_default())
            }
            name if name.starts_with("member_") => {
                let member = &data["member"];
                format!(
                    "{}  {}  {}:{}",
                    text(&member["kind"]),
                    text(&member["name"]),
                    text(&member["ip"]),
                    member["port"]
                )
            }
            "gap" => match data["missed"].as_u64() {
                Some(missed) => format!("up to {missed} events are missing here"),
                None => "events may be missing here".to_owned(),
            },
            "restarted" => "the overlay was started anew".to_owned(),
            "failed" => format!("the overlay does not run: {}", text(&data["why"])),
            "removed" => "the overlay is gone".to_owned(),
            "stopping" => "the daemon stops".to_owned(),
            _ => data.to_string(),
        };
        Ok(output::line(format_args!("{}  {:18}  {about}", output::time_of_day(), event.name))?)
    }
}
