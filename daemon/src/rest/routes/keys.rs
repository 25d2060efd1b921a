//! The keys of an overlay on all its daemons: listed, added, used, retired, with a report of each.

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{FromRequestParts, Query, State},
    http::{StatusCode, request::Parts},
};
use gossiperl_idl::sealed::KeyId;
use gossiperl_overlay::KeyCommand;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::refusals::{OfBody, OfOverlay};
use crate::{
    keys::{KeyError, KeysReport},
    manage::Running,
    rest::{
        Shared,
        answer::{Json, JsonObject, timestamp},
        auth::{Overlay, Peer, path_value},
        problem::{Code, Problem, ProblemBody},
    },
};

/// What became of it, daemon by daemon.
#[derive(Serialize, ToSchema)]
pub(super) struct Keys {
    #[serde(flatten)]
    report: KeysReport,
    /// Unix time, seconds.
    timestamp: i64,
}

/// Lists the keys of every daemon of the overlay, by their ids.
#[utoipa::path(
    get, path = "/keys/{overlay}", tag = "keys", security(("token" = []), ("overlay" = [])),
    params(("overlay" = String, Path)),
    responses(
        (status = 200, body = Keys, content_type = "application/json"),
        OfOverlay,
    )
)]
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    Overlay(running): Overlay,
) -> Result<Json<Keys>, Problem> {
    change(&shared, running, None, KeyCommand::List).await
}

/// Adds a key, `{"key": "…"}`, which from then on opens at every daemon. The report says which have it; the same again reaches those that were silent.
#[utoipa::path(
    post, path = "/keys/{overlay}", tag = "keys", security(("token" = []), ("overlay" = [])),
    params(("overlay" = String, Path)),
    request_body(content = serde_json::Map<String, serde_json::Value>, content_type = "application/json", description = "`key`: 16 to 1,024 bytes, as `gossiperl keygen` makes them"),
    responses(
        (status = 200, body = Keys, content_type = "application/json"),
        OfBody,
        OfOverlay,
        (status = 409, description = "bad_key, keys_refused", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn add(
    State(shared): State<Arc<Shared>>,
    Overlay(running): Overlay,
    Peer(from): Peer,
    JsonObject(body): JsonObject,
) -> Result<Json<Keys>, Problem> {
    let key = read_key(body).map_err(|text| Problem::new(Code::BadKey, text))?;
    change(&shared, running, Some(from), KeyCommand::Add(key)).await
}

/// Has every daemon seal with a key that all of them have. `forced=true`: those that have it, in spite of others.
#[utoipa::path(
    put, path = "/keys/{overlay}/{key}", tag = "keys", security(("token" = []), ("overlay" = [])),
    params(
        ("overlay" = String, Path),
        ("key" = String, Path, description = "The key's id, 8 hexadecimal digits"),
        ("forced" = Option<bool>, Query, description = "In spite of daemons that lack the key or are silent"),
    ),
    responses(
        (status = 200, body = Keys, content_type = "application/json"),
        (status = 400, description = "bad_request", body = ProblemBody, content_type = "application/problem+json"),
        OfOverlay,
        (status = 409, description = "bad_key, keys_refused", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn promote(
    State(shared): State<Arc<Shared>>,
    Overlay(running): Overlay,
    Peer(from): Peer,
    Key(id): Key,
    Forced(forced): Forced,
) -> Result<Json<Keys>, Problem> {
    change(&shared, running, Some(from), KeyCommand::Use { id, forced }).await
}

/// Has every daemon forget a key that none of them seals with. `forced=true`: in spite of others that do, which cuts those off.
#[utoipa::path(
    delete, path = "/keys/{overlay}/{key}", tag = "keys", security(("token" = []), ("overlay" = [])),
    params(
        ("overlay" = String, Path),
        ("key" = String, Path, description = "The key's id, 8 hexadecimal digits"),
        ("forced" = Option<bool>, Query, description = "In spite of daemons that seal with the key or are silent"),
    ),
    responses(
        (status = 200, body = Keys, content_type = "application/json"),
        (status = 400, description = "bad_request", body = ProblemBody, content_type = "application/problem+json"),
        OfOverlay,
        (status = 409, description = "bad_key, keys_refused", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn retire(
    State(shared): State<Arc<Shared>>,
    Overlay(running): Overlay,
    Peer(from): Peer,
    Key(id): Key,
    Forced(forced): Forced,
) -> Result<Json<Keys>, Problem> {
    change(&shared, running, Some(from), KeyCommand::Retire { id, forced }).await
}

/// Carried out to its end, whether or not the caller still waits. `from` is where a change, which the log is told of, comes from.
async fn change(
    shared: &Shared,
    running: Arc<Running>,
    from: Option<IpAddr>,
    command: KeyCommand,
) -> Result<Json<Keys>, Problem> {
    let forced =
        matches!(command, KeyCommand::Use { forced: true, .. } | KeyCommand::Retire { forced: true, .. });
    let changed = async move {
        let changed = running.handle().change_key(command).await;
        if let (Some(from), Ok(report)) = (from, &changed) {
            let KeysReport { overlay, operation, key, complete, .. } = report;
            tracing::info!(by = "token", %from, overlay, operation, key, forced, complete, "key ring changed");
        }
        changed
    };
    match shared.host.to_the_end(changed).await? {
        Ok(report) => Ok(Json(StatusCode::OK, Keys { report, timestamp: timestamp() })),
        Err(KeyError::Ended) => Err(Problem::new(Code::Stopping, KeyError::Ended.to_string())),
        Err(error) => {
            let problem = Problem::new(Code::KeysRefused, error.to_string()).because(error.code());
            Err(match error.report().map(serde_json::to_value) {
                Some(Ok(report)) => problem.with_report(report),
                _ => problem,
            })
        }
    }
}

fn read_key(mut body: Map<String, Value>) -> Result<Zeroizing<Vec<u8>>, String> {
    let key = match body.remove("key") {
        Some(Value::String(key)) => Zeroizing::new(key.into_bytes()),
        _ => return Err("the body must be {\"key\": \"…\"}; `gossiperl keygen` makes a key".to_owned()),
    };
    match body.keys().next() {
        Some(other) => Err(format!("the body has {other:?} beside \"key\"")),
        None => Ok(key),
    }
}

/// The id in the path.
pub(super) struct Key(KeyId);

/// Whether it is to be done in spite of others.
pub(super) struct Forced(bool);

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    forced: bool,
}

impl<S: Sync> FromRequestParts<S> for Key {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let id = path_value(parts, "key").await?;
        let wrong = |_| {
            Problem::new(
                Code::BadKey,
                format!("{id:?} is no key's id, 8 hexadecimal digits; GET /keys/:overlay lists them"),
            )
        };
        id.parse().map(Key).map_err(wrong)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Forced {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let asked = Query::<Asked>::from_request_parts(parts, state).await;
        let asked = asked.map_err(|_| Problem::new(Code::BadRequest, "forced must be true or false"))?;
        Ok(Forced(asked.forced))
    }
}
