//! Whether the daemon is alive, and whether it serves. Both need no credentials, and so tell how many overlays there are and how they stand with other daemons, but not their names.
//!
//! A host whose overlays run is ready, whether or not others let it in: the first daemon of an overlay could never be ready otherwise. Who wants to know how it stands reads the body; which
//! overlay it is, GET /overlays?details=true or the metric `gossiperl_overlay_standing`.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

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

/// It serves.
#[derive(Serialize, ToSchema)]
pub(super) struct Readiness {
    /// `ok`.
    status: &'static str,
    /// How many overlays stand how with other daemons: `joined`, `waiting` (there is nobody to knock at), `unanswered` (nobody lets it in), `refused`, or
    /// `name_taken` (since another daemon has its name).
    overlays: BTreeMap<&'static str, usize>,
}

/// Whether the daemon's process answers.
#[utoipa::path(
    get, path = "/healthz", tag = "operation",
    responses((status = 200, body = Health, content_type = "application/json"))
)]
pub(super) async fn healthz() -> Json<Health> {
    Json(StatusCode::OK, Health { status: "ok" })
}

/// Whether every overlay runs and answers, and how many stand how with other daemons.
#[utoipa::path(
    get, path = "/readyz", tag = "operation",
    responses(
        (status = 200, body = Readiness, content_type = "application/json"),
        (status = 503, description = "stopping, overlay_failed", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn readyz(State(shared): State<Arc<Shared>>) -> Result<Json<Readiness>, Problem> {
    if shared.host.is_ending() {
        return Err(Problem::new(Code::Stopping, "the daemon is drained, or stopping"));
    }
    let failed = shared.host.failed().len();
    if failed > 0 {
        let detail = format!(
            "overlays that should run and do not: {failed}. The log and GET /overlays?details=true say which and why"
        );
        return Err(Problem::new(Code::Failed, detail));
    }
    let mut overlays = BTreeMap::new();
    for running in shared.host.all() {
        let Ok(Ok(answer)) = tokio::time::timeout(PATIENCE, running.handle().statistics()).await else {
            return Err(Problem::new(Code::Stopping, "an overlay does not answer"));
        };
        *overlays.entry(answer.standing.name()).or_default() += 1;
    }
    Ok(Json(StatusCode::OK, Readiness { status: "ok", overlays }))
}
