//! What the superuser does: tokens and reloading.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{
    manage::Reloaded,
    rest::{
        Shared,
        answer::{Json, timestamp},
        auth::Superuser,
        problem::{Problem, ProblemBody},
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
