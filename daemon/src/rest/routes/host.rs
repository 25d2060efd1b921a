//! What the superuser does: tokens, reloading, draining.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::refusals::OfHost;
use crate::{
    manage::{DrainEnd, Known, Reloaded},
    rest::{
        Shared,
        answer::{Json, timestamp},
        auth::{Peer, Superuser},
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
    /// What has changed in the file and takes effect at the next start only, where something has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    restart: Vec<String>,
    /// `reconfigure`.
    operation: &'static str,
    /// Unix time, seconds.
    timestamp: i64,
}

/// Tells the tokens of all overlays, of those that do not run too.
#[utoipa::path(
    get, path = "/tokens", tag = "host", security(("superuser" = [])),
    responses(
        (status = 200, body = Tokens, content_type = "application/json"),
        OfHost,
    )
)]
pub(super) async fn tokens(State(shared): State<Arc<Shared>>, _: Superuser) -> Json<Tokens> {
    let all = shared.host.all_known();
    let token = |known: &Known| {
        let token = known.token()?.expose();
        Some(Map::from_iter([(known.name().to_owned(), Value::from(token))]))
    };
    let tokens = all.iter().filter_map(token).collect();
    Json(StatusCode::OK, Tokens { tokens, operation: "tokens", timestamp: timestamp() })
}

/// Reads the configuration file again, as SIGHUP does. Everything has been taken over when it is answered; what could not be stays as it was, and is told (500).
#[utoipa::path(
    post, path = "/reconfigure", tag = "host", security(("superuser" = [])),
    responses(
        (status = 202, description = "The file was taken over", body = Reconfigured, content_type = "application/json"),
        (status = 200, description = "There is no file", body = Reconfigured, content_type = "application/json"),
        OfHost,
        (status = 500, description = "not_reloaded", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn reconfigure(
    State(shared): State<Arc<Shared>>,
    _: Superuser,
    Peer(from): Peer,
) -> Result<Json<Reconfigured>, Problem> {
    let host = shared.host.clone();
    let reload = async move {
        let reloaded = host.reload().await;
        match &reloaded {
            Ok(Reloaded::Done(_)) => tracing::info!(by = "superuser", %from, "configuration read again"),
            Ok(Reloaded::NoFile) => {}
            Err(error) => {
                tracing::error!(by = "superuser", %from, %error, "POST /reconfigure: the configuration was not taken over as it should be");
            }
        }
        reloaded
    };
    let (status, word, restart) = match shared.host.to_the_end(reload).await?? {
        Reloaded::Done(restart) => (StatusCode::ACCEPTED, "reconfigured", restart),
        Reloaded::NoFile => (StatusCode::OK, "no_config", Vec::new()),
    };
    let answer = Reconfigured { status: word, restart, operation: "reconfigure", timestamp: timestamp() };
    Ok(Json(status, answer))
}

/// What became of draining.
#[derive(Serialize, ToSchema)]
pub(super) struct Drain {
    /// How it ended: `left` (the overlays are left: the daemon can be stopped), `draining` (something waits still, and the overlays go on draining: ask again) or
    /// `called_off` (by DELETE meanwhile: the overlays take messages again).
    end: &'static str,
    /// Whether everything was handed over, and the overlays left; `false` with `left` where that was forced.
    complete: bool,
    /// Whether the overlays go on draining: not where they are left, nor where it was called off meanwhile.
    draining: bool,
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
    #[serde(default)]
    continued: bool,
}

/// Seconds; requests have 30.
const LONGEST_DRAIN: u64 = 25;

fn default_within() -> u64 {
    10
}

/// Prepares the host for maintenance: its overlays take no more messages, hand over what they have, and are left. Where something still waits after `within` nothing is left,
/// and the same may be asked for again, or DELETE, which ends draining. Afterwards the daemon serves nothing until it is started again.
#[utoipa::path(
    post, path = "/drain", tag = "host", security(("superuser" = [])),
    params(
        ("within" = Option<u64>, Query, description = "Seconds to wait, 0 to 25; default 10"),
        ("forced" = Option<bool>, Query, description = "Leave in any case; what waits is lost"),
        ("continued" = Option<bool>, Query, description = "Wait once more for a drain that did not complete; one that was called off meanwhile stays so"),
    ),
    responses(
        (status = 200, body = Drain, content_type = "application/json"),
        (status = 400, description = "bad_request", body = ProblemBody, content_type = "application/problem+json"),
        OfHost,
    )
)]
pub(super) async fn drain(
    State(shared): State<Arc<Shared>>,
    _: Superuser,
    Peer(from): Peer,
    how: Result<Query<HowToDrain>, QueryRejection>,
) -> Result<Json<Drain>, Problem> {
    let how = how.ok().map(|Query(how)| how).filter(|how| how.within <= LONGEST_DRAIN);
    let how = how.ok_or_else(|| {
        Problem::new(
            Code::BadRequest,
            "within must be seconds from 0 to 25, forced and continued true or false",
        )
    })?;
    let host = shared.host.clone();
    let drained = async move {
        let HowToDrain { within, forced, continued } = how;
        tracing::info!(by = "superuser", %from, within, forced, "draining");
        let (drained, end) = host.drain(Duration::from_secs(within), forced, continued).await;
        let waiting = drained.iter().fold(0_u64, |all, overlay| all.saturating_add(overlay.waiting));
        match end {
            DrainEnd::Left if waiting > 0 => {
                tracing::warn!(by = "superuser", %from, thrown_away = waiting, "drained by force: the overlays are left");
            }
            DrainEnd::Left => tracing::info!(by = "superuser", %from, "drained: the overlays are left"),
            DrainEnd::Draining => {
                tracing::info!(by = "superuser", %from, waiting, "messages wait still: the overlays go on draining");
            }
            DrainEnd::CalledOff => {
                tracing::info!(by = "superuser", %from, waiting, "draining was called off")
            }
        }
        (drained, end)
    };
    let (drained, end) = shared.host.to_the_end(drained).await?;
    let answer = Drain {
        end: match end {
            DrainEnd::Left => "left",
            DrainEnd::Draining => "draining",
            DrainEnd::CalledOff => "called_off",
        },
        draining: end == DrainEnd::Draining,
        complete: end == DrainEnd::Left && drained.iter().all(|overlay| overlay.waiting == 0),
        overlays: drained
            .into_iter()
            .map(|drained| DrainedOverlay { overlay: drained.overlay, waiting: drained.waiting })
            .collect(),
        operation: "drain",
        timestamp: timestamp(),
    };
    Ok(Json(StatusCode::OK, answer))
}

/// The overlays take messages again.
#[derive(Serialize, ToSchema)]
pub(super) struct Serving {
    /// Their names, in order.
    overlays: Vec<String>,
    /// `end_drain`.
    operation: &'static str,
    /// Unix time, seconds.
    timestamp: i64,
}

/// Ends draining where it is not complete: the overlays take messages and changes again. Where nothing is being drained it does nothing; a host whose overlays are left is
/// served again only by starting the daemon (503).
#[utoipa::path(
    delete, path = "/drain", tag = "host", security(("superuser" = [])),
    responses(
        (status = 200, body = Serving, content_type = "application/json"),
        OfHost,
        (status = 503, description = "stopping", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn end_drain(
    State(shared): State<Arc<Shared>>,
    _: Superuser,
    Peer(from): Peer,
) -> Result<Json<Serving>, Problem> {
    let host = shared.host.clone();
    let ended = async move {
        let ended = host.end_draining().await;
        if ended.is_ok() {
            tracing::info!(by = "superuser", %from, "draining ended: the overlays take messages");
        }
        ended
    };
    shared.host.to_the_end(ended).await??;
    let answer = Serving { overlays: shared.host.names(), operation: "end_drain", timestamp: timestamp() };
    Ok(Json(StatusCode::OK, answer))
}
