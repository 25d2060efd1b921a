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
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::refusals::OfOverlay;
use crate::rest::{
    Shared,
    auth::Overlay,
    events::{Cursor, Filter, Taken, Watching, gap},
    problem::{Code, Problem, ProblemBody},
};

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

/// Streams what happens in the overlay. Each event's `id` resumes the stream behind it; the first `id` comes at once, without an event. What the bounded history (1,024
/// events and 1,024 messages, 8 MiB) does not hold any more, or the daemon itself has missed, is told as an event `gap` to whom it concerns. A message comes as `delivery`, its payload in base64 and, where it
/// has typed fields or is text, as those. Whatever was asked for, `restarted` tells that the overlay was started anew, `failed` that it does not run and is tried again, and the last event of a stream why it ends: `removed` or `stopping`.
#[utoipa::path(
    get, path = "/events/{overlay}", tag = "looking", security(("token" = []), ("overlay" = [])),
    params(
        ("overlay" = String, Path),
        ("types" = Option<String>, Query, description = "Comma-separated: member_in, member_quarantine, member_unreachable, member_drop, member_out, member_rejoin, name_conflict, refused, new_generation, undeliverable, key_ring, stalled, or types of messages, whose deliveries then come. Default: all but messages"),
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
    let header = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let after = asked.after.as_deref().or(header).filter(|id| !id.is_empty());
    let after = after.map(str::parse::<Cursor>).transpose();
    let after = after
        .map_err(|()| Problem::new(Code::BadRequest, "the last event's id is none of this interface's"))?;
    let filter = asked.types.as_deref().map(Filter::of).unwrap_or_default();
    if filter.messages().len() > MOST_TYPES || filter.messages().any(|name| name.len() > 255) {
        let detail = format!("at most {MOST_TYPES} types of messages of at most 255 bytes are allowed");
        return Err(Problem::new(Code::BadRequest, detail));
    }
    let watching = shared.hubs.of(&shared.host, &running).read(filter, after);
    let watching = watching.map_err(|full| Problem::new(Code::Busy, full.to_string()))?;
    let (to_reader, stream) = mpsc::channel(ON_THE_WAY);
    let open = Open::new(shared.clone());
    tokio::spawn(async move {
        hand_over(watching, to_reader).await;
        drop(open);
    });
    Ok(Sse::new(ReceiverStream::new(stream)).keep_alive(KeepAlive::new().interval(ALIVE)))
}

/// Counted among the streams that are open, until it is dropped.
struct Open(Arc<Shared>);

impl Open {
    fn new(shared: Arc<Shared>) -> Self {
        shared.counts.stream_opened();
        Open(shared)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.counts.stream_closed();
    }
}

async fn hand_over(mut watching: Watching, to_reader: mpsc::Sender<Result<Event, Infallible>>) {
    // An id without data is no event, and remembered all the same (HTML standard, section 9.2.6): who loses the connection before the first event has one to come back with.
    let mut event = Event::default().id(watching.cursor().to_string());
    while to_reader.send(Ok(event)).await.is_ok() {
        let next = tokio::select! {
            next = watching.next() => next,
            () = to_reader.closed() => return,
        };
        let Some((cursor, taken)) = next else { return };
        let named = Event::default().id(cursor.to_string());
        event = match taken {
            Taken::Entry(entry) => named.event(entry.name).data(&entry.data),
            Taken::Gap(missed) => named.event("gap").data(gap(missed)),
        };
    }
}
