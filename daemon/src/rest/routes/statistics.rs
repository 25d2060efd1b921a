//! What was counted: by window for people and scripts, as metrics for Prometheus.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    refusals::{OfHost, OfOverlay},
    shapes,
};
use crate::{
    driver::Ended,
    logging,
    manage::Running,
    rest::{
        Shared,
        answer::{Json, timestamp},
        auth::{Overlay, RestUser, path_value},
        problem::{Code, Problem, ProblemBody},
    },
    statistics::{Window, metrics},
};

/// What an overlay has counted in one window.
#[derive(Serialize, ToSchema)]
pub(super) struct Statistics {
    /// The overlay.
    overlay: String,
    /// `total`, `1d`, `12h`, `6h`, `3h`, `1h`, `30m`, `10m` or `1m`.
    #[schema(value_type = shapes::Span)]
    window: &'static str,
    /// `true`: statistics are always kept.
    enabled: bool,
    /// The figures, by group; `from` and `seconds` say which span they really cover.
    #[schema(value_type = shapes::Figures)]
    statistics: Value,
    /// Unix time, seconds.
    ts: i64,
}

/// The window in the path.
pub(super) struct InPath(Window);

/// Tells what an overlay has counted since it started.
#[utoipa::path(
    get, path = "/statistics/{overlay}", tag = "looking", security(("token" = []), ("overlay" = [])),
    params(("overlay" = String, Path)),
    responses(
        (status = 200, body = Statistics, content_type = "application/json"),
        OfOverlay,
    )
)]
pub(super) async fn total(
    State(shared): State<Arc<Shared>>,
    Overlay(running): Overlay,
) -> Result<Json<Statistics>, Problem> {
    answer(&shared, &running, Window::Total).await
}

/// Tells what an overlay has counted in a window.
#[utoipa::path(
    get, path = "/statistics/{overlay}/{window}", tag = "looking", security(("token" = []), ("overlay" = [])),
    params(
        ("overlay" = String, Path),
        ("window" = shapes::Span, Path, description = "How far back, counted from now"),
    ),
    responses(
        (status = 200, body = Statistics, content_type = "application/json"),
        OfOverlay,
        (status = 412, description = "unknown_window", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn window(
    State(shared): State<Arc<Shared>>,
    Overlay(running): Overlay,
    InPath(window): InPath,
) -> Result<Json<Statistics>, Problem> {
    answer(&shared, &running, window).await
}

async fn answer(shared: &Shared, running: &Running, window: Window) -> Result<Json<Statistics>, Problem> {
    let overlay = &running.settings().name;
    let counted = shared.host.collector().window(overlay, window).await;
    let counted = counted.ok_or_else(|| match shared.host.get(overlay) {
        None => Problem::unknown_overlay(overlay),
        // It starts anew for a change.
        Some(_) => Problem::from(Ended),
    })?;
    let answer = Statistics {
        overlay: overlay.clone(),
        window: window.name(),
        enabled: true,
        statistics: counted.statistics,
        ts: timestamp(),
    };
    Ok(Json(StatusCode::OK, answer))
}

/// All overlays' and the process's figures, as Prometheus reads them.
#[utoipa::path(
    get, path = "/metrics", tag = "operation", security(("rest_user" = [])),
    responses(
        (status = 200, description = "The metrics", body = String, content_type = "text/plain"),
        OfHost,
    )
)]
pub(super) async fn scrape(State(shared): State<Arc<Shared>>, _: RestUser) -> impl IntoResponse {
    let daemon = metrics::Daemon {
        requests: shared.counts.requests(),
        failed_logins: shared.counts.failed_logins(),
        streams: shared.counts.streams(),
        certificate_ends: shared.counts.certificate_ends(),
        draining: shared.host.is_ending(),
        reloaded: shared.host.last_reload(),
        lines_left_out: logging::lost(),
    };
    let text = shared.host.collector().metrics_with(shared.host.failed().len(), Some(daemon)).await;
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text)
}

impl<S: Sync> axum::extract::FromRequestParts<S> for InPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, _: &S) -> Result<Self, Problem> {
        let name = path_value(parts, "window").await?;
        name.parse().map(InPath).map_err(|_| {
            let detail =
                format!("{name:?} is no window; there are total, 1d, 12h, 6h, 3h, 1h, 30m, 10m and 1m");
            Problem::new(Code::UnknownWindow, detail)
        })
    }
}
