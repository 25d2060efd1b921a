//! Overlays listed, added, changed and removed.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::refusals::{OfBody, OfHost, OfOverlay};
use crate::{
    manage::Host,
    rest::{
        Shared,
        answer::{Json, JsonObject, JsonValue, timestamp},
        auth::{self, Overlay, RestUser},
        problem::{Problem, ProblemBody},
    },
};

/// The overlays of the host.
#[derive(Serialize, ToSchema)]
pub(super) struct Overlays {
    /// Their names, in order.
    overlays: Vec<String>,
    /// What was done: `overlays` or `remove_overlay`.
    operation: &'static str,
    /// Unix time, seconds.
    timestamp: i64,
}

/// An overlay that was added.
#[derive(Serialize, ToSchema)]
pub(super) struct Added {
    /// What opens its routes; the header `x-session-token` has it too.
    token: String,
    /// The names of all overlays, in order.
    overlays: Vec<String>,
    /// `add_overlay`.
    operation: &'static str,
    /// Unix time, seconds.
    timestamp: i64,
}

/// An overlay that was changed.
#[derive(Serialize, ToSchema)]
pub(super) struct Changed {
    /// Its name.
    overlay: String,
    /// The property, where it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    property: Option<String>,
    /// `reconfigure_overlay`.
    operation: &'static str,
    /// Unix time, seconds.
    timestamp: i64,
}

fn overlays(host: &Host, operation: &'static str) -> Overlays {
    Overlays { overlays: host.names(), operation, timestamp: timestamp() }
}

/// Lists the overlays of this host.
#[utoipa::path(
    get, path = "/overlays", tag = "overlays", security(("rest_user" = [])),
    responses(
        (status = 200, body = Overlays, content_type = "application/json"),
        OfHost,
    )
)]
pub(super) async fn list(State(shared): State<Arc<Shared>>, _: RestUser) -> Json<Overlays> {
    Json(StatusCode::OK, overlays(&shared.host, "overlays"))
}

/// Adds an overlay with the properties in the body. It is kept on disk and returns after a restart.
#[utoipa::path(
    post, path = "/overlays/{overlay}", tag = "overlays", security(("rest_user" = [])),
    params(("overlay" = String, Path, description = "1 to 64 letters, digits, '-', '_' or '.', no '.' first")),
    request_body(content = serde_json::Map<String, serde_json::Value>, content_type = "application/json", description = "The properties, as in the configuration file"),
    responses(
        (status = 201, body = Added, content_type = "application/json", headers(("x-session-token" = String, description = "The overlay's token"))),
        OfBody,
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "overlay_exists, bad_property, cannot_start, too_many_overlays", body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "no_seeds, no_user", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn add(
    State(shared): State<Arc<Shared>>,
    _: RestUser,
    Name(name): Name,
    JsonObject(properties): JsonObject,
) -> Result<Response, Problem> {
    let host = shared.host.clone();
    let token = {
        let name = name.clone();
        shared.host.to_the_end(async move { host.add(&name, &properties).await }).await??
    };
    let added = Added {
        token: token.expose().to_owned(),
        overlays: shared.host.names(),
        operation: "add_overlay",
        timestamp: timestamp(),
    };
    let mut response = Json(StatusCode::CREATED, added).into_response();
    if let Ok(mut value) = HeaderValue::from_str(token.expose()) {
        value.set_sensitive(true);
        response.headers_mut().insert(HeaderName::from_static("x-session-token"), value);
    }
    Ok(response)
}

/// Gives an overlay all its properties anew. Secrets that read "protected" stay as they are.
#[utoipa::path(
    put, path = "/overlays/{overlay}", tag = "overlays", security(("token" = []), ("overlay" = [])),
    params(("overlay" = String, Path)),
    request_body(content = serde_json::Map<String, serde_json::Value>, content_type = "application/json"),
    responses(
        (status = 200, body = Changed, content_type = "application/json"),
        OfBody,
        OfOverlay,
        (status = 409, description = "fixed_property, bad_property, overlay_of_file, cannot_start", body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "no_seeds", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn replace(
    State(shared): State<Arc<Shared>>,
    overlay: Overlay,
    JsonObject(properties): JsonObject,
) -> Result<Json<Changed>, Problem> {
    let (host, name) = (shared.host.clone(), overlay.0.settings().name.clone());
    let overlay = name.clone();
    shared.host.to_the_end(async move { host.replace(&name, &properties).await }).await??;
    Ok(changed(StatusCode::OK, overlay, None))
}

/// Changes one property of an overlay; the body is its JSON value, `null` for its default.
#[utoipa::path(
    put, path = "/overlays/{overlay}/{property}", tag = "overlays", security(("token" = []), ("overlay" = [])),
    params(("overlay" = String, Path), ("property" = String, Path)),
    request_body(content = serde_json::Value, content_type = "application/json"),
    responses(
        (status = 202, body = Changed, content_type = "application/json"),
        OfBody,
        OfOverlay,
        (status = 409, description = "fixed_property, bad_property, overlay_of_file, cannot_start", body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "no_seeds", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn set(
    State(shared): State<Arc<Shared>>,
    overlay: Overlay,
    Property(property): Property,
    JsonValue(value): JsonValue,
) -> Result<Json<Changed>, Problem> {
    let (host, name) = (shared.host.clone(), overlay.0.settings().name.clone());
    let (overlay, changes) = (name.clone(), property.clone());
    shared.host.to_the_end(async move { host.set(&name, &changes, &value).await }).await??;
    Ok(changed(StatusCode::ACCEPTED, overlay, Some(property)))
}

/// Removes an overlay: it is left in order, and all that was kept of it goes.
#[utoipa::path(
    delete, path = "/overlays/{overlay}", tag = "overlays", security(("token" = []), ("overlay" = [])),
    params(("overlay" = String, Path)),
    responses(
        (status = 202, body = Overlays, content_type = "application/json"),
        OfOverlay,
        (status = 409, description = "overlay_of_file", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn remove(
    State(shared): State<Arc<Shared>>,
    overlay: Overlay,
) -> Result<Json<Overlays>, Problem> {
    let (host, name) = (shared.host.clone(), overlay.0.settings().name.clone());
    shared.host.to_the_end(async move { host.remove(&name).await }).await??;
    Ok(Json(StatusCode::ACCEPTED, overlays(&shared.host, "remove_overlay")))
}

fn changed(status: StatusCode, overlay: String, property: Option<String>) -> Json<Changed> {
    Json(status, Changed { overlay, property, operation: "reconfigure_overlay", timestamp: timestamp() })
}

/// The name in the path, of an overlay that need not exist.
pub(super) struct Name(String);

/// The property in the path.
pub(super) struct Property(String);

impl<S: Sync> axum::extract::FromRequestParts<S> for Name {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, _: &S) -> Result<Self, Problem> {
        auth::path_value(parts, "overlay").await.map(Name)
    }
}

impl<S: Sync> axum::extract::FromRequestParts<S> for Property {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, _: &S) -> Result<Self, Problem> {
        auth::path_value(parts, "property").await.map(Property)
    }
}
