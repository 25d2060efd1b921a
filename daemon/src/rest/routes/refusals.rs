//! Refusals that many routes share, for what OpenAPI is told of them.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use utoipa::{
    IntoResponses,
    openapi::{Content, Header, ObjectBuilder, Ref, RefOr, Response, ResponseBuilder, schema::Type},
};

/// Of the routes of one overlay.
pub(super) struct OfOverlay;

/// Of the routes of the host's users.
pub(super) struct OfHost;

/// Of the routes that read a JSON object or value.
pub(super) struct OfBody;

impl IntoResponses for OfOverlay {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        all([
            (StatusCode::UNAUTHORIZED, ""),
            (StatusCode::NOT_FOUND, ""),
            (StatusCode::SERVICE_UNAVAILABLE, "overlay_failed, stopping"),
        ])
    }
}

impl IntoResponses for OfHost {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        all([(StatusCode::UNAUTHORIZED, ""), (StatusCode::PRECONDITION_FAILED, "no_user")])
    }
}

impl IntoResponses for OfBody {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        all([(StatusCode::BAD_REQUEST, "not_json"), (StatusCode::PAYLOAD_TOO_LARGE, "")])
    }
}

/// A refusal in the form of them all.
pub(super) fn refusal(description: &str) -> RefOr<Response> {
    let body = Content::new(Some(Ref::from_schema_name("ProblemBody")));
    ResponseBuilder::new().description(description).content("application/problem+json", body).build().into()
}

/// That of who is turned away for now.
pub(super) fn turned_away(description: &str) -> RefOr<Response> {
    let RefOr::T(mut response) = refusal(description) else { return refusal(description) };
    let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).build();
    let mut header = Header::new(seconds);
    header.description = Some("Seconds after which it is worth trying again".to_owned());
    response.headers.insert("retry-after".to_owned(), RefOr::T(header));
    RefOr::T(response)
}

fn all(refusals: impl IntoIterator<Item = (StatusCode, &'static str)>) -> BTreeMap<String, RefOr<Response>> {
    let refusals = refusals.into_iter();
    refusals.map(|(status, codes)| (status.as_str().to_owned(), refusal(codes))).collect()
}
