//! Overlays listed, added, changed and removed.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc, time::Duration};

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use utoipa::ToSchema;

use super::refusals::{OfBody, OfHost, OfOverlay};
use crate::{
    manage::{ChangeError, Failed, Host, Running},
    rest::{
        Shared,
        answer::{Json, JsonObject, JsonValue, timestamp},
        auth::{self, Peer, RestUser},
        problem::{Code, Problem, ProblemBody},
    },
};

/// An overlay is not answered for after this time.
const PATIENCE: Duration = Duration::from_secs(2);

/// The overlays of the host that are left.
#[derive(Serialize, ToSchema)]
pub(super) struct Overlays {
    /// Their names, in order.
    overlays: Vec<String>,
    /// `remove_overlay`.
    operation: &'static str,
    /// Unix time, seconds.
    timestamp: i64,
}

/// The overlays of the host, with how each fares where that was asked for.
#[derive(Serialize, ToSchema)]
pub(super) struct Listed {
    /// Their names, in order.
    overlays: Vec<String>,
    /// How each fares, with `details=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Vec<Details>>,
    /// `overlays`.
    operation: &'static str,
    /// Unix time, seconds.
    timestamp: i64,
}

/// How an overlay fares.
#[derive(Serialize, ToSchema)]
struct Details {
    /// Its name.
    overlay: String,
    /// Who changes it: `file` or `rest`.
    owner: &'static str,
    /// Its UDP port, where that can be read.
    port: Option<u16>,
    /// `serving`, `draining` (the host is), `restarting`, `silent` (it does not answer) or `failed` (it does not run, and is tried again).
    state: &'static str,
    /// How it stands with other daemons, where it answers: as in `/readyz`.
    #[serde(skip_serializing_if = "Option::is_none")]
    standing: Option<&'static str>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// Daemons by state, ourselves among them; where the overlay does not answer nothing.
    daemons: BTreeMap<&'static str, u64>,
    /// This host's clients, likewise.
    clients: BTreeMap<&'static str, u64>,
}

/// What is wanted of the list.
#[derive(Deserialize)]
pub(super) struct HowToList {
    #[serde(default)]
    details: bool,
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

/// Lists the overlays of this host, those that do not run too.
#[utoipa::path(
    get, path = "/overlays", tag = "overlays", security(("rest_user" = [])),
    params(("details" = Option<bool>, Query, description = "Whether to tell how each fares, too")),
    responses(
        (status = 200, body = Listed, content_type = "application/json"),
        (status = 400, description = "bad_request", body = ProblemBody, content_type = "application/problem+json"),
        OfHost,
    )
)]
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    _: RestUser,
    how: Result<Query<HowToList>, QueryRejection>,
) -> Result<Json<Listed>, Problem> {
    let how = how.map_err(|_| Problem::new(Code::BadRequest, "details must be true or false"))?;
    let details = match how.details {
        true => Some(details(&shared.host).await),
        false => None,
    };
    let answer =
        Listed { overlays: shared.host.names(), details, operation: "overlays", timestamp: timestamp() };
    Ok(Json(StatusCode::OK, answer))
}

/// How all overlays fare, in the order of their names. They are asked at the same time, and an answer is waited for in bounded time.
async fn details(host: &Host) -> Vec<Details> {
    let (all, ending) = (host.all(), host.is_ending());
    let mut asked = JoinSet::new();
    for (at, running) in all.iter().enumerate() {
        let handle = running.handle().clone();
        asked.spawn(async move { (at, tokio::time::timeout(PATIENCE, handle.statistics()).await) });
    }
    let mut told: BTreeMap<usize, _> = BTreeMap::new();
    while let Some(answer) = asked.join_next().await {
        told.extend(answer.ok());
    }
    let one = |(at, running): (usize, &Arc<Running>)| {
        let (state, statistics) = match told.remove(&at) {
            Some(Ok(Ok(statistics))) if ending => ("draining", Some(statistics)),
            Some(Ok(Ok(statistics))) => ("serving", Some(statistics)),
            Some(Ok(Err(_))) => ("restarting", None),
            Some(Err(_)) | None => ("silent", None),
        };
        let standing = statistics.as_ref().map(|statistics| statistics.standing.name());
        let gauges = statistics.map(|statistics| statistics.overlay.gauges).unwrap_or_default();
        let settings = running.settings();
        Details {
            overlay: settings.name.clone(),
            owner: running.owner().name(),
            port: Some(settings.port),
            state,
            standing,
            why: None,
            daemons: BTreeMap::from(gauges.daemons.named()),
            clients: BTreeMap::from(gauges.clients.named()),
        }
    };
    let mut details: Vec<Details> = all.iter().enumerate().map(one).collect();
    details.extend(host.failed().iter().map(|failed| Details::from(&**failed)));
    details.sort_by(|one, other| one.overlay.cmp(&other.overlay));
    details
}

impl From<&Failed> for Details {
    fn from(failed: &Failed) -> Self {
        Details {
            overlay: failed.name().to_owned(),
            owner: failed.owner(),
            port: failed.port(),
            state: "failed",
            standing: None,
            why: Some(failed.why().to_owned()),
            daemons: BTreeMap::new(),
            clients: BTreeMap::new(),
        }
    }
}

/// Adds an overlay with the properties in the body. It is kept on disk and returns after a restart.
#[utoipa::path(
    post, path = "/overlays/{overlay}", tag = "overlays", security(("rest_user" = [])),
    params(("overlay" = String, Path, description = "1 to 64 letters, digits, '-', '_' or '.', no '.' first")),
    request_body(
        content = serde_json::Map<String, serde_json::Value>, content_type = "application/json", description = "The properties, as in the configuration file",
        example = json!({
            "ip": "127.0.0.1", "port": 6670, "symmetric_key": "REPLACE with a line of: gossiperl keygen", "secret": "REPLACE with another", "racks": {"default": []}
        }),
    ),
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
    Peer(from): Peer,
    Name(name): Name,
    JsonObject(properties): JsonObject,
) -> Result<Response, Problem> {
    let host = shared.host.clone();
    let token = {
        let name = name.clone();
        let added = async move {
            let added = host.add(&name, &properties).await;
            if added.is_ok() {
                let properties = properties.keys().map(String::as_str).collect::<Vec<_>>().join(" ");
                tracing::info!(by = "rest_user", %from, overlay = %name, properties, "overlay added");
            }
            added
        };
        shared.host.to_the_end(added).await??
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

/// Gives an overlay all its properties anew. Secrets that read "protected" stay as they are. One that does not run is started with them.
#[utoipa::path(
    put, path = "/overlays/{overlay}", tag = "overlays", security(("token" = []), ("overlay" = [])),
    params(("overlay" = String, Path)),
    request_body(
        content = serde_json::Map<String, serde_json::Value>, content_type = "application/json", description = "All properties; as GET /configuration shows them they change nothing",
    ),
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
    auth::Changed { name, token }: auth::Changed,
    Peer(from): Peer,
    JsonObject(properties): JsonObject,
) -> Result<Json<Changed>, Problem> {
    let (host, overlay) = (shared.host.clone(), name.clone());
    let replaced = async move { tell_changed(from, &name, host.replace(&name, &token, &properties).await) };
    shared.host.to_the_end(replaced).await??;
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
    auth::Changed { name, token }: auth::Changed,
    Peer(from): Peer,
    Property(property): Property,
    JsonValue(value): JsonValue,
) -> Result<Json<Changed>, Problem> {
    let (host, overlay, changes) = (shared.host.clone(), name.clone(), property.clone());
    let set = async move { tell_changed(from, &name, host.set(&name, &token, &changes, &value).await) };
    shared.host.to_the_end(set).await??;
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
    auth::Changed { name, token }: auth::Changed,
    Peer(from): Peer,
) -> Result<Json<Overlays>, Problem> {
    let host = shared.host.clone();
    let removed = async move {
        let removed = host.remove(&name, &token).await;
        if removed.is_ok() {
            tracing::info!(by = "token", %from, overlay = %name, "overlay removed");
        }
        removed
    };
    shared.host.to_the_end(removed).await??;
    let answer =
        Overlays { overlays: shared.host.names(), operation: "remove_overlay", timestamp: timestamp() };
    Ok(Json(StatusCode::ACCEPTED, answer))
}

/// Tells the log what of an overlay is another now, by name.
fn tell_changed(
    from: IpAddr,
    overlay: &str,
    changed: Result<Vec<&'static str>, ChangeError>,
) -> Result<(), ChangeError> {
    let properties = changed?.join(" ");
    tracing::info!(by = "token", %from, overlay, properties, "overlay changed");
    Ok(())
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
