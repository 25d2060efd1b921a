//! An overlay's configuration as it is in force.

use axum::http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{refusals::OfOverlay, shapes};
use crate::rest::{
    answer::{Json, timestamp},
    auth::Overlay,
};

/// An overlay's configuration.
#[derive(Serialize, ToSchema)]
pub(super) struct Configuration {
    /// Every property with its value in force; secrets read "protected", what is not set "undefined" or "off".
    #[schema(value_type = shapes::Properties)]
    configuration: Map<String, Value>,
    /// Who changes it: `file` or `rest`.
    #[schema(value_type = shapes::Owner)]
    owner: &'static str,
    /// `configuration`.
    operation: &'static str,
    /// The overlay.
    overlay: String,
    /// Unix time, seconds.
    timestamp: i64,
}

/// Shows an overlay's configuration.
#[utoipa::path(
    get, path = "/configuration/{overlay}", tag = "looking", security(("token" = []), ("overlay" = [])),
    params(("overlay" = String, Path)),
    responses(
        (status = 200, body = Configuration, content_type = "application/json"),
        OfOverlay,
    )
)]
pub(super) async fn configuration(Overlay(running): Overlay) -> Json<Configuration> {
    let answer = Configuration {
        configuration: running.settings().shown(running.handle().member_name()),
        owner: running.owner().name(),
        operation: "configuration",
        overlay: running.settings().name.clone(),
        timestamp: timestamp(),
    };
    Json(StatusCode::OK, answer)
}
