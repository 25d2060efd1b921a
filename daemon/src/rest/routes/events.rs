//! The stream of events.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::{Query, State},
    http::HeaderMap,
    response::{
        IntoResponse,
        sse::{Event, KeepAlive, Sse},
    },
};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::refusals::OfOverlay;
use crate::rest::{
    Shared,
    auth::Overlay,
    events::{Cursor, Filter, Taken, Watching},
    problem::{Code, Problem, ProblemBody},
};

/// Streams at a time; each keeps a connection.
const MOST: usize = 64;
/// Types that one stream asks for.
const MOST_TYPES: usize = 64;
/// A comment is sent after so long without an event, so that proxies and readers know that the stream lives.
const ALIVE: Duration = Duration::from_secs(15);
/// Events on their way to a reader.
const ON_THE_WAY: usize = 16;

/// What is asked for.
#[derive(Deserialize)]
pub(super) struct Asked {
    types: Option<String>,
    after: Option<String>,
}

/// Streams what happens in the overlay. Each event's id resumes the stream behind it; what the bounded history (1,024 events, 8 MiB) does not hold any more is told as an
/// event `gap`. A message comes as `delivery`, its payload in base64 and, where it has typed fields or is text, as those.
#[utoipa::path(
    get, path = "/events/{overlay}", tag = "looking", security(("token" = []), ("overlay" = [])),
    params(
        ("overlay" = String, Path),
        ("types" = Option<String>, Query, description = "Comma-separated: member_in, member_quarantine, member_unreachable, member_drop, member_out, member_rejoin, name_conflict, refused, new_generation, undeliverable, key_ring, stalled, missed, or types of messages, whose deliveries then come. Default: all but messages"),
        ("after" = Option<String>, Query, description = "The id of the last event that was seen"),
        ("last-event-id" = Option<String>, Header, description = "The same, as browsers send it"),
    ),
    responses(
        (status = 200, description = "The stream", body = String, content_type = "text/event-stream"),
        (status = 400, description = "bad_request", body = ProblemBody, content_type = "application/problem+json"),
        OfOverlay,
        (status = 503, description = "busy, overlay_failed, stopping", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn events(
    State(shared): State<Arc<Shared>>,
    Overlay(running): Overlay,
    headers: HeaderMap,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
) -> Result<impl IntoResponse, Problem> {
    let Query(asked) = asked.map_err(|_| Problem::new(Code::BadRequest, "the query cannot be read"))?;
    let permit = shared.streams.clone().try_acquire_owned().map_err(|_| {
        Problem::new(Code::Busy, format!("{MOST} streams are open, which is the most; end one and try again"))
    })?;
    let header = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let after = asked.after.as_deref().or(header).filter(|id| !id.is_empty());
    let after = after.map(str::parse::<Cursor>).transpose();
    let after = after
        .map_err(|()| Problem::new(Code::BadRequest, "the last event's id is none of this interface's"))?;
    let filter = asked.types.as_deref().map(Filter::of).unwrap_or_default();
    let messages: Vec<&str> = filter.messages().collect();
    if messages.len() > MOST_TYPES || messages.iter().any(|name| name.len() > 255) {
        let detail = format!("at most {MOST_TYPES} types of messages of at most 255 bytes are allowed");
        return Err(Problem::new(Code::BadRequest, detail));
    }
    let watching = shared.hubs.of(&shared.host, &running).read(filter, after);
    let (to_reader, stream) = mpsc::channel(ON_THE_WAY);
    tokio::spawn(async move {
        hand_over(watching, to_reader).await;
        drop(permit);
    });
    Ok(Sse::new(ReceiverStream::new(stream)).keep_alive(KeepAlive::new().interval(ALIVE)))
}

/// How many streams there may be.
pub(in crate::rest) fn permits() -> Arc<tokio::sync::Semaphore> {
    Arc::new(tokio::sync::Semaphore::new(MOST))
}

async fn hand_over(mut watching: Watching, to_reader: mpsc::Sender<Result<Event, Infallible>>) {
    loop {
        let next = tokio::select! {
            next = watching.next() => next,
            () = to_reader.closed() => return,
        };
        let Some((cursor, taken)) = next else { return };
        let event = Event::default().id(cursor.to_string());
        let event = match taken {
            // JSON has no line breaks, and the kind of an overlay's own event is one of few words.
            Taken::Entry(entry) if entry.delivery => event.event("delivery").data(&entry.data),
            Taken::Entry(entry) => event.event(&entry.kind).data(&entry.data),
            Taken::Gap(missed) => event.event("gap").data(json!({ "missed": missed }).to_string()),
        };
        if to_reader.send(Ok(event)).await.is_err() {
            return;
        }
    }
}
