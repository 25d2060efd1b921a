//! The routes: each handler names in its arguments who may call it, and in its attribute what OpenAPI is told of it.

mod configuration;
mod digest;
mod events;
mod health;
mod host;
mod keys;
mod looking;
mod overlays;
mod refusals;
mod shapes;
mod statistics;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, MatchedPath, Request, State},
    http::{StatusCode, Uri},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use utoipa::{
    OpenApi,
    openapi::{
        path::Operation,
        security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Shared,
    answer::{LONGEST_BODY, Written},
    problem::{Code, Problem},
    unread,
};

pub(super) use looking::member;

/// Time for a request, its body's arrival included.
const LONGEST: Duration = Duration::from_secs(30);

#[derive(OpenApi)]
#[openapi(
    info(
        title = "gossiperld",
        description = "Management of a gossiperl daemon: its overlays, who is in them, and how they fare. Refusals are problem+json (RFC 9457) with a stable `code`.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    servers((url = "https://127.0.0.1:8080", description = "Where it listens unless `[rest]` says otherwise")),
    tags(
        (name = "overlays", description = "Adding, changing and removing overlays while the daemon runs"),
        (name = "looking", description = "What an overlay is like: members, subscriptions, configuration, figures, events"),
        (name = "messages", description = "Publishing from outside"),
        (name = "keys", description = "The keys of an overlay, on all its daemons"),
        (name = "host", description = "What concerns all overlays of the host"),
        (name = "operation", description = "For probes, collectors and generators of clients"),
    ),
    components(schemas(super::problem::ProblemBody)),
    modifiers(&Security)
)]
struct Document;

/// How one proves who one is.
struct Security;

impl utoipa::Modify for Security {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        let basic = [
            ("rest_user", "A user of the host who lists and adds overlays and reads the metrics"),
            ("superuser", "The user of the host who sees tokens, reloads and drains"),
            ("overlay", "The overlay's name with its token as password"),
        ];
        for (name, who) in basic {
            let scheme = Http::builder().scheme(HttpAuthScheme::Basic).description(Some(who)).build();
            components.add_security_scheme(name, SecurityScheme::Http(scheme));
        }
        let token = ApiKeyValue::with_description(
            "x-session-token",
            "The overlay's token, as it was answered when the overlay was added",
        );
        components.add_security_scheme("token", SecurityScheme::ApiKey(ApiKey::Header(token)));
    }
}

/// All routes, without what they need at hand.
fn routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(overlays::list))
        .routes(routes!(overlays::add, overlays::replace, overlays::remove))
        .routes(routes!(overlays::set))
        .routes(routes!(looking::membership))
        .routes(routes!(looking::subscriptions))
        .routes(routes!(configuration::configuration))
        .routes(routes!(digest::publish))
        .routes(routes!(events::events))
        .routes(routes!(statistics::total))
        .routes(routes!(statistics::window))
        .routes(routes!(statistics::scrape))
        .routes(routes!(keys::list, keys::add))
        .routes(routes!(keys::promote, keys::retire))
        .routes(routes!(host::tokens))
        .routes(routes!(host::reconfigure))
        .routes(routes!(host::drain, host::end_drain))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(document))
}

/// The OpenAPI document of all routes.
pub fn open_api() -> utoipa::openapi::OpenApi {
    let mut document = routes().into_openapi();
    for path in document.paths.paths.values_mut() {
        let operations = [&mut path.get, &mut path.put, &mut path.post, &mut path.delete];
        for operation in operations.into_iter().flatten() {
            part_summary(operation);
            add_common_answers(operation);
        }
    }
    document
}

/// The first sentence sums up, the others describe.
fn part_summary(operation: &mut Operation) {
    let text = operation.summary.take().unwrap_or_default();
    let (first, rest) = text.split_once(". ").unwrap_or((text.trim_end_matches('.'), ""));
    operation.summary = Some(first.to_owned());
    let rest = [Some(rest.to_owned()), operation.description.take()];
    let rest: Vec<String> = rest.into_iter().flatten().filter(|text| !text.is_empty()).collect();
    operation.description = Some(rest.join("\n")).filter(|text| !text.is_empty());
}

/// What any route may answer, beside what it says of itself.
fn add_common_answers(operation: &mut Operation) {
    let guarded = operation.security.as_ref().is_some_and(|security| !security.is_empty());
    let codes = [Code::TooSlow, Code::Internal, Code::Stopping];
    let answers = &mut operation.responses.responses;
    for code in codes {
        let (name, status, _) = code.parts();
        answers.entry(status.as_str().to_owned()).or_insert_with(|| refusals::refusal(name));
    }
    if guarded {
        let (name, status, _) = Code::TooManyAttempts.parts();
        answers.entry(status.as_str().to_owned()).or_insert_with(|| refusals::turned_away(name));
    }
}

/// Everything that answers requests.
pub(super) fn all(shared: Arc<Shared>) -> Router {
    let (router, _) = routes().split_for_parts();
    router
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(middleware::from_fn(in_time))
        .layer(middleware::from_fn(unread::read_to_the_end))
        .layer(middleware::from_fn_with_state(shared.clone(), counted))
        .with_state(shared)
}

async fn in_time(request: Request, next: Next) -> Response {
    let answered = tokio::time::timeout(LONGEST, next.run(request)).await;
    answered.unwrap_or_else(|_| {
        Problem::new(Code::TooSlow, "the request took longer than 30 s to arrive or to be answered")
            .into_response()
    })
}

/// Counts the request by what it was answered.
async fn counted(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let (method, route) =
        (request.method().clone(), request.extensions().get::<MatchedPath>().map(ToOwned::to_owned));
    let response = next.run(request).await;
    shared.counts.answered(route.as_ref().map(MatchedPath::as_str), &method, response.status());
    response
}

async fn no_route(uri: Uri) -> Problem {
    Problem::new(
        Code::NoRoute,
        format!("there is no route {:?}; GET /openapi.json lists those there are", uri.path()),
    )
}

async fn no_method() -> Problem {
    Problem::new(Code::NoMethod, "the route does not have this method; the header `allow` lists those it has")
}

/// This interface as an OpenAPI document.
#[utoipa::path(
    get, path = "/openapi.json", tag = "operation",
    responses((status = 200, description = "The document", content_type = "application/json"))
)]
async fn document(State(shared): State<Arc<Shared>>) -> Result<Written, Problem> {
    if let Some(document) = shared.document.get() {
        return Ok(Written(StatusCode::OK, document.clone()));
    }
    let document = serde_json::to_vec(&open_api());
    let document = document.map_err(|_| Problem::new(Code::Internal, "the document cannot be written"))?;
    Ok(Written(StatusCode::OK, shared.document.get_or_init(|| document.into()).clone()))
}
