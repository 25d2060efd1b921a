//! Whether the daemon is alive, and whether it serves. Both need no credentials and tell nothing else.

use std::{sync::Arc, time::Duration};

use axum::{extract::State, http::StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::rest::{
    Shared,
    answer::Json,
    problem::{Code, Problem, ProblemBody},
};

/// An overlay's task that has not answered within this time does not serve.
const PATIENCE: Duration = Duration::from_secs(2);

/// It is well.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok`.
    status: &'static str,
}

/// Whether the daemon's process answers.
#[utoipa::path(
    get, path = "/healthz", tag = "operation",
    responses((status = 200, body = Health, content_type = "application/json"))
)]
pub(super) async fn healthz() -> Json<Health> {
    Json(StatusCode::OK, Health { status: "ok" })
}

/// Whether every overlay's task answers.
#[utoipa::path(
    get, path = "/readyz", tag = "operation",
    responses(
        (status = 200, body = Health, content_type = "application/json"),
        (status = 503, description = "stopping, overlay_failed", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn readyz(State(shared): State<Arc<Shared>>) -> Result<Json<Health>, Problem> {
    if shared.host.is_ending() {
        return Err(Problem::new(Code::Stopping, "the daemon is drained, or stopping"));
    }
    let failed = shared.host.failed();
    if !failed.is_empty() {
        let names: Vec<&str> = failed.iter().map(|failed| failed.name()).collect();
        let detail = format!(
            "overlays that do not run: {}. The log says why, and so does each to who shows its token",
            names.join(", ")
        );
        return Err(Problem::new(Code::Failed, detail));
    }
    for running in shared.host.all() {
        let answered = tokio::time::timeout(PATIENCE, running.handle().statistics()).await;
        if !matches!(answered, Ok(Ok(_))) {
            return Err(Problem::new(Code::Stopping, "an overlay does not answer"));
        }
    }
    Ok(Json(StatusCode::OK, Health { status: "ok" }))
}
