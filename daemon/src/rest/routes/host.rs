//! What the superuser does: tokens, reloading, draining.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{
    manage::Reloaded,
    rest::{
        Shared,
        answer::{Json, timestamp},
        auth::Superuser,
        problem::{Code, Problem, ProblemBody},
    },
};

/// The tokens of all overlays.
#[derive(Serialize, ToSchema)]
pub(super) struct Tokens {
    /// An object each: the overlay's name and its token.
    tokens: Vec<Map<String, Value>>,
    /// `tokens`.
    operation: &'static str,
    /// Unix time, seconds.
    timestamp: i64,
}

/// What became of a reload.
#[derive(Serialize, ToSchema)]
pub(super) struct Reconfigured {
    /// `reconfigured`, or `no_config` where the daemon has no file.
    status: &'static str,
    /// `reconfigure`.
    operation: &'static str,
    /// Unix time, seconds.
    timestamp: i64,
}

/// Tells the tokens of all overlays.
#[utoipa::path(
    get, path = "/tokens", tag = "host", security(("superuser" = [])),
    responses(
        (status = 200, body = Tokens, content_type = "application/json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "no_user", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn tokens(State(shared): State<Arc<Shared>>, _: Superuser) -> Json<Tokens> {
    let all = shared.host.all();
    let token = |running: &Arc<crate::manage::Running>| {
        Map::from_iter([(running.settings().name.clone(), Value::from(running.token().expose()))])
    };
    let tokens = all.iter().map(token).collect();
    Json(StatusCode::OK, Tokens { tokens, operation: "tokens", timestamp: timestamp() })
}

/// Reads the configuration file again, as SIGHUP does.
#[utoipa::path(
    post, path = "/reconfigure", tag = "host", security(("superuser" = [])),
    responses(
        (status = 202, description = "The file was taken over", body = Reconfigured, content_type = "application/json"),
        (status = 200, description = "There is no file", body = Reconfigured, content_type = "application/json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "no_user", body = ProblemBody, content_type = "application/problem+json"),
        (status = 500, description = "not_reloaded", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn reconfigure(
    State(shared): State<Arc<Shared>>,
    _: Superuser,
) -> Result<Json<Reconfigured>, Problem> {
    let host = shared.host.clone();
    let reloaded = shared.host.to_the_end(async move { host.reload().await }).await??;
    let (status, word) = match reloaded {
        Reloaded::Done => (StatusCode::ACCEPTED, "reconfigured"),
        Reloaded::NoFile => (StatusCode::OK, "no_config"),
    };
    Ok(Json(status, Reconfigured { status: word, operation: "reconfigure", timestamp: timestamp() }))
}

/// What became of draining.
#[derive(Serialize, ToSchema)]
pub(super) struct Drain {
    /// Whether everything was handed over, and the overlays left.
    complete: bool,
    /// Each overlay, and how much waited in the end.
    overlays: Vec<DrainedOverlay>,
    /// `drain`.
    operation: &'static str,
    /// Unix time, seconds.
    timestamp: i64,
}

/// One overlay.
#[derive(Serialize, ToSchema)]
struct DrainedOverlay {
    /// Its name.
    overlay: String,
    /// Messages that their subscribers have not acknowledged.
    waiting: u64,
}

/// How long to wait, and whether to leave in any case.
#[derive(Deserialize)]
pub(super) struct HowToDrain {
    #[serde(default = "default_within")]
    within: u64,
    #[serde(default)]
    forced: bool,
}

/// Seconds; requests have 30.
const LONGEST_DRAIN: u64 = 25;

fn default_within() -> u64 {
    10
}

/// Prepares the host for maintenance: its overlays take no more messages, hand over what they have, and are left. Where something still waits after `within` nothing is left,
/// and the same may be asked for again. Afterwards the daemon serves nothing until it is started again.
#[utoipa::path(
    post, path = "/drain", tag = "host", security(("superuser" = [])),
    params(
        ("within" = Option<u64>, Query, description = "Seconds to wait, 0 to 25; default 10"),
        ("forced" = Option<bool>, Query, description = "Leave in any case; what waits is lost"),
    ),
    responses(
        (status = 200, body = Drain, content_type = "application/json"),
        (status = 400, description = "bad_request", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "no_user", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn drain(
    State(shared): State<Arc<Shared>>,
    _: Superuser,
    how: Result<Query<HowToDrain>, QueryRejection>,
) -> Result<Json<Drain>, Problem> {
    let how = how.ok().map(|Query(how)| how).filter(|how| how.within <= LONGEST_DRAIN);
    let how = how.ok_or_else(|| {
        Problem::new(Code::BadRequest, "within must be seconds from 0 to 25, forced true or false")
    })?;
    let host = shared.host.clone();
    let drained = async move { host.drain(Duration::from_secs(how.within), how.forced).await };
    let drained = shared.host.to_the_end(drained).await?;
    let answer = Drain {
        complete: drained.iter().all(|overlay| overlay.waiting == 0),
        overlays: drained
            .into_iter()
            .map(|drained| DrainedOverlay { overlay: drained.overlay, waiting: drained.waiting })
            .collect(),
        operation: "drain",
        timestamp: timestamp(),
    };
    Ok(Json(StatusCode::OK, answer))
}
