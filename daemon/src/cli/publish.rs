//! `gossiperl publish` and `gossiperl subscribe`.

use std::{fs::File, io::Read, path::PathBuf, time::Duration};

use anyhow::{Context, anyhow, bail};
use clap::Args;
use gossiperl_client::{
    Client, Delivery, Event, MAX_PAYLOAD, MessageId, Publisher, SlowPolicy, SubscribeError,
};
use gossiperl_idl::custom::{CustomDigest, Value};
use serde_json::json;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, BufReader};

use super::{
    Connection, output,
    session::{self, Interruption},
};
use crate::printable::Printable;

/// Options of `publish`.
#[derive(Debug, Args)]
pub(crate) struct Publish {
    /// The event type, 1 to 255 bytes
    event_type: String,
    /// The payload; without it, all of standard input
    #[arg(conflicts_with_all = ["file", "lines", "field"])]
    payload: Option<String>,
    /// A file whose bytes are the payload
    #[arg(long, conflicts_with_all = ["lines", "field"])]
    file: Option<PathBuf>,
    /// Each line of standard input is one message
    #[arg(long, conflicts_with = "field")]
    lines: bool,
    /// A field of a custom digest, as typed clients read it: ID:TYPE=VALUE with the type one of bool, byte, i16, i32, i64,
    /// double, string; repeatable
    #[arg(long, value_name = "ID:TYPE=VALUE", value_parser = parse_field)]
    field: Vec<(i16, Value)>,
    /// Give up when the daemon has not taken the messages by then (it may hold them back for a slow subscriber)
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    within: Duration,
    #[command(flatten)]
    connection: Connection,
}

impl Publish {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        // Before signals are listened to, so that Ctrl-C ends the reading.
        let payload = if self.lines { None } else { Some(self.payload()?) };
        let interruption =
            Interruption::Fails("what the daemon has not acknowledged may not have been published");
        session::with_client(&self.connection, interruption, async |client| {
            let publisher = client.publisher(self.event_type.as_str())?;
            match payload {
                Some(payload) => self.in_time(publisher.publish(payload)).await,
                None => self.publish_lines(&publisher).await,
            }
        })
    }

    async fn publish_lines(&self, publisher: &Publisher) -> anyhow::Result<()> {
        let mut input = BufReader::new(tokio::io::stdin());
        let mut sent = 0_u64;
        let failed = loop {
            match next_line(&mut input).await {
                Ok(None) => return self.in_time(publisher.flush()).await,
                Ok(Some(line)) => match self.in_time(publisher.send(line)).await {
                    Ok(()) => sent += 1,
                    Err(error) => break error,
                },
                Err(error) => break error,
            }
        };
        let before = match self.in_time(publisher.flush()).await {
            Ok(()) => format!("the {sent} before it are published, none behind it"),
            Err(_) => format!("not all of the {sent} before it are published, none behind it"),
        };
        Err(failed.context(format!("line {} of standard input; {before}", sent + 1)))
    }

    fn payload(&self) -> anyhow::Result<Vec<u8>> {
        if !self.field.is_empty() {
            let mut digest = CustomDigest::new();
            for (id, value) in &self.field {
                if digest.set(*id, value.clone()).is_some() {
                    bail!("--field {id} is given twice");
                }
            }
            let mut payload = Vec::new();
            digest.write(&mut payload);
            return Ok(payload);
        }
        match (&self.payload, &self.file) {
            (Some(payload), _) => Ok(payload.clone().into_bytes()),
            (None, Some(file)) => {
                let name = file.display().to_string();
                let opened = File::open(file).with_context(|| format!("cannot read {name}"))?;
                at_most_a_payload(&name, opened)
            }
            (None, None) => at_most_a_payload("standard input", std::io::stdin().lock()),
        }
    }

    async fn in_time<E>(&self, published: impl Future<Output = Result<(), E>>) -> anyhow::Result<()>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        match tokio::time::timeout(self.within, published).await {
            Ok(published) => Ok(published?),
            Err(_) => bail!(
                "the daemon has not taken everything within {:?}: is it running, or is a subscriber of {:?} too slow? --within waits longer",
                self.within,
                self.event_type
            ),
        }
    }
}

/// Options of `subscribe`.
#[derive(Debug, Args)]
pub(crate) struct Subscribe {
    /// The event types
    #[arg(required = true)]
    event_types: Vec<String>,
    /// Print one JSON object a message: event_type, id, payload (or payload_hex where it is no text). Without it a message
    /// is one line, its control characters escaped
    #[arg(long)]
    json: bool,
    /// Read payloads as custom digests and print their fields
    #[arg(long)]
    fields: bool,
    /// End after so many messages
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// When reading is too slow, lose the oldest messages rather than hold publishers back
    #[arg(long)]
    drop_oldest: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Subscribe {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let interruption = match self.count {
            None => Interruption::Ends,
            Some(_) => Interruption::Fails("fewer messages than --count have come"),
        };
        session::with_client(&self.connection, interruption, async |client| self.subscribe(client).await)
    }

    async fn subscribe(&self, client: &Client) -> anyhow::Result<()> {
        let policy = if self.drop_oldest { SlowPolicy::DropOldest } else { SlowPolicy::Wait };
        let types = self.event_types.iter().map(String::as_str);
        let mut events = client.events();
        let mut subscription =
            session::answered(client.subscribe(types, policy)).await?.map_err(explained)?;
        output::note(format_args!("subscribed to {}", Printable(self.event_types.join(", "))));
        let mut left = self.count.unwrap_or(u64::MAX);
        let mut lost = 0;
        while left > 0 {
            let delivery = tokio::select! {
                biased;
                Some(event) = events.next() => {
                    if let Some(told) = told(&event) {
                        output::note(told);
                    }
                    continue;
                }
                delivery = subscription.next() => delivery,
            };
            let Some(delivery) = delivery else { bail!("the connection to the daemon has ended") };
            let before = std::mem::replace(&mut lost, subscription.dropped());
            if lost > before {
                output::note(format_args!(
                    "lost {} here: read too slowly, the oldest were dropped",
                    lost - before
                ));
            }
            output::line(self.show(&delivery))?;
            left -= 1;
        }
        Ok(())
    }

    fn show(&self, delivery: &Delivery) -> String {
        let event_type = delivery.event_type_name().to_string();
        let fields = self.fields.then(|| CustomDigest::read(delivery.payload()).ok()).flatten();
        if self.json {
            let mut line = json!({ "event_type": event_type, "id": id(delivery) });
            match (&fields, std::str::from_utf8(delivery.payload())) {
                (Some(fields), _) => {
                    let fields = fields.fields().map(|(id, value)| (id.to_string(), show(value).into()));
                    line["fields"] = serde_json::Value::Object(fields.collect());
                }
                (None, Ok(text)) => line["payload"] = text.into(),
                (None, Err(_)) => line["payload_hex"] = hex(delivery.payload()).into(),
            }
            return line.to_string();
        }
        let event_type = Printable(event_type);
        match (&fields, std::str::from_utf8(delivery.payload())) {
            (Some(fields), _) => {
                let fields =
                    fields.fields().map(|(id, value)| format!("{id}:{}={}", value.type_name(), show(value)));
                format!("{event_type}  {}", Printable(fields.collect::<Vec<_>>().join(" ")))
            }
            (None, Ok(text)) => format!("{event_type}  {}", Printable(text)),
            (None, Err(_)) => format!("{event_type}  0x{}", hex(delivery.payload())),
        }
    }
}

/// What a reader of the messages should know.
fn told(event: &Event) -> Option<String> {
    Some(match event {
        Event::Dropped { event_type, count } => {
            format!(
                "lost {count} of {}: read too slowly, the daemon dropped the oldest",
                Printable(event_type)
            )
        }
        Event::Disconnected(reason) => format!("{reason}; waiting for its return"),
        Event::Connected { daemon, .. } => format!("connected to {}", Printable(daemon)),
        Event::Refused(refusal) => format!("the daemon refused: {}", Printable(refusal)),
        _ => return None,
    })
}

fn explained(error: SubscribeError) -> anyhow::Error {
    match error {
        SubscribeError::ReservedType { event_type } => anyhow!(
            "{} is one of the daemon's own event types: `gossiperl members --watch` shows changes of members",
            Printable(event_type)
        ),
        error => error.into(),
    }
}

/// The message's id as text: publisher and number, or the envelope's id of protocol 1.
fn id(delivery: &Delivery) -> String {
    match delivery.id() {
        MessageId::Numbered { publisher, sequence } => format!("{publisher:016x}-{sequence}"),
        MessageId::Envelope(id) => String::from_utf8_lossy(&id).into_owned(),
        other => format!("{other:?}"),
    }
}

/// `3:i32=42`.
fn parse_field(text: &str) -> Result<(i16, Value), String> {
    let form = "a field is ID:TYPE=VALUE, for example 1:string=hello";
    let (head, value) = text.split_once('=').ok_or(form)?;
    let (id, kind) = head.split_once(':').ok_or(form)?;
    let id = id.parse().map_err(|_| format!("{id:?} is no field id from -32768 to 32767; {form}"))?;
    let wrong = |_| format!("{value:?} is no {kind}");
    let value = match kind {
        "bool" => Value::Bool(value.parse().map_err(|_| format!("{value:?} is neither true nor false"))?),
        "byte" => Value::Byte(value.parse().map_err(wrong)?),
        "i16" => Value::I16(value.parse().map_err(wrong)?),
        "i32" => Value::I32(value.parse().map_err(wrong)?),
        "i64" => Value::I64(value.parse().map_err(wrong)?),
        "double" => Value::Double(value.parse().map_err(|_| format!("{value:?} is no double"))?),
        "string" => Value::String(value.as_bytes().to_vec()),
        _ => return Err(format!("{kind:?} is no type; types are bool, byte, i16, i32, i64, double, string")),
    };
    Ok((id, value))
}

fn show(value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Byte(value) => value.to_string(),
        Value::I16(value) => value.to_string(),
        Value::I32(value) => value.to_string(),
        Value::I64(value) => value.to_string(),
        Value::Double(value) => value.to_string(),
        Value::String(bytes) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let seconds = seconds.filter(|seconds| !seconds.is_zero());
    seconds.ok_or_else(|| "seconds are a number above 0, such as 2 or 0.5".to_owned())
}

fn too_large(what: &str) -> String {
    format!(
        "{what} has more than {MAX_PAYLOAD} bytes, the most a message carries; split it, or pass a reference"
    )
}

/// All of `input`, called `name` in errors; refused when no message carries it.
fn at_most_a_payload(name: &str, input: impl Read) -> anyhow::Result<Vec<u8>> {
    let mut payload = Vec::new();
    let read = input.take(MAX_PAYLOAD as u64 + 1).read_to_end(&mut payload);
    read.with_context(|| format!("cannot read {name}"))?;
    if payload.len() > MAX_PAYLOAD {
        bail!(too_large(name));
    }
    Ok(payload)
}

/// The next line without its end; `None` behind the last.
async fn next_line(input: &mut (impl AsyncBufRead + Unpin)) -> anyhow::Result<Option<Vec<u8>>> {
    // Room for a line end of two bytes.
    let most = MAX_PAYLOAD + 2;
    let mut line = Vec::new();
    if input.take(most as u64).read_until(b'\n', &mut line).await.context("cannot be read")? == 0 {
        return Ok(None);
    }
    let whole = line.strip_suffix(b"\n").map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let length = whole.map_or(line.len(), <[u8]>::len);
    if length > MAX_PAYLOAD {
        bail!(too_large("it"));
    }
    line.truncate(length);
    Ok(Some(line))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_parsed_or_refused_with_the_form() {
        assert_eq!(parse_field("1:string=a=b"), Ok((1, Value::String(b"a=b".to_vec()))));
        assert_eq!(parse_field("-2:i64=7"), Ok((-2, Value::I64(7))));
        for wrong in ["x", "1=2", "a:i32=1", "1:i32=x", "1:float=1", "1:byte=200"] {
            assert!(parse_field(wrong).is_err(), "{wrong}");
        }
    }
}
