//! `gossiperl events`: what happens in an overlay, as it happens.

use clap::Args;
use reqwest::Method;
use serde_json::Value;

use super::{credentials::Management, request::Server, text};
use crate::cli::{
    output,
    session::{self, Interruption},
};

/// Longest line of the stream that is read: an event with a message of the largest size.
const LONGEST_LINE: usize = 1 << 20;

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

    async fn follow(self) -> anyhow::Result<()> {
        let server = Server::streaming(&self.management)?;
        let token = self.management.token(&self.overlay)?;
        let mut request = server.request(Method::GET, &format!("events/{}", self.overlay), &token)?;
        let query: Vec<(&str, &String)> = [("types", &self.types), ("after", &self.after)]
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_ref()?)))
            .collect();
        request = request.query(&query);
        let mut answer = server.answered(request).await?;
        let mut reader = Reader::default();
        while let Some(chunk) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
            for event in reader.take(&chunk)? {
                self.print(&event)?;
            }
        }
        anyhow::bail!("the stream has ended: the overlay was removed, or the daemon stopped")
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
            _ => data.to_string(),
        };
        Ok(output::line(format_args!("{}  {:18}  {about}", output::time_of_day(), event.name))?)
    }
}

/// One event of the stream.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    id: String,
    name: String,
    data: String,
}

/// Takes a stream of server-sent events apart (HTML standard, section 9.2.6).
#[derive(Default)]
struct Reader {
    line: Vec<u8>,
    event: Told,
}

impl Reader {
    /// The events that these bytes complete.
    fn take(&mut self, bytes: &[u8]) -> anyhow::Result<Vec<Told>> {
        let mut told = Vec::new();
        for byte in bytes {
            if *byte != b'\n' {
                self.line.push(*byte);
                anyhow::ensure!(
                    self.line.len() <= LONGEST_LINE,
                    "a line of the stream has more than {LONGEST_LINE} bytes"
                );
                continue;
            }
            let line = std::mem::take(&mut self.line);
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches('\r');
            if line.is_empty() {
                if !self.event.data.is_empty() {
                    told.push(std::mem::take(&mut self.event));
                }
                self.event = Told::default();
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "id" => self.event.id = value.to_owned(),
                "event" => self.event.name = value.to_owned(),
                "data" => self.event.data.push_str(value),
                _ => {}
            }
        }
        Ok(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_however_the_bytes_are_cut() {
        let stream = b": a comment\n\nid: 1-2\nevent: member_in\ndata: {\"a\":1}\n\nid: 1-3\r\nevent:gap\r\ndata:{}\r\n\r\nevent: x\n\n";
        let expected = [("1-2", "member_in", "{\"a\":1}"), ("1-3", "gap", "{}")];
        for size in 1..stream.len() {
            let mut reader = Reader::default();
            let told: Vec<Told> =
                stream.chunks(size).flat_map(|chunk| reader.take(chunk).expect("short lines")).collect();
            let told: Vec<_> = told.iter().map(|told| (&*told.id, &*told.name, &*told.data)).collect();
            assert_eq!(told, expected, "in pieces of {size}");
        }
    }

    #[test]
    fn an_endless_line_ends_the_reading() {
        assert!(Reader::default().take(&vec![b'x'; LONGEST_LINE + 1]).is_err());
    }
}
