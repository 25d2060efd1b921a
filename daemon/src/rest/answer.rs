//! Answers as protocol 1 has them: JSON, its content type with a charset, a timestamp.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::{
    body::{Bytes, HttpBody},
    extract::{FromRequest, Request, rejection::BytesRejection},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Map, Value};

use super::problem::{Code, Problem};

/// Bytes of a body at most.
pub(super) const LONGEST_BODY: usize = 1 << 20;

/// An answer with this status.
pub(super) struct Json<T>(pub(super) StatusCode, pub(super) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.1) {
            Ok(body) => Written(self.0, body.into()).into_response(),
            Err(_) => Problem::new(Code::Internal, "the answer cannot be written").into_response(),
        }
    }
}

/// The same, of JSON that is written already.
pub(super) struct Written(pub(super) StatusCode, pub(super) Bytes);

impl IntoResponse for Written {
    fn into_response(self) -> Response {
        let kind = HeaderValue::from_static("application/json; charset=utf-8");
        // Answers tell of secrets' owners and of the moment: nobody is to keep them.
        let keep = HeaderValue::from_static("no-store");
        (self.0, [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, keep)], self.1).into_response()
    }
}

/// A body that is any JSON value, whatever content type it claims: old scripts send none.
pub(super) struct JsonValue(pub(super) Value);

/// A body that is a JSON object.
pub(super) struct JsonObject(pub(super) Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for JsonValue {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let too_large = || Problem::new(Code::TooLarge, "the body has more than 1 MiB");
        // Refused before it comes where it says its length: who sends it is told at once.
        if request.body().size_hint().lower() > LONGEST_BODY as u64 {
            return Err(too_large());
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| match &rejection {
            BytesRejection::FailedToBufferBody(failed)
                if failed.status() == StatusCode::PAYLOAD_TOO_LARGE =>
            {
                too_large()
            }
            _ => Problem::new(Code::NotJson, "the body did not arrive as a whole"),
        })?;
        // Its message has a place and a reason, nothing of the body itself.
        let read = serde_json::from_slice(&bytes);
        read.map(JsonValue)
            .map_err(|error| Problem::new(Code::NotJson, format!("the body is no JSON: {error}")))
    }
}

impl<S: Send + Sync> FromRequest<S> for JsonObject {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match JsonValue::from_request(request, state).await?.0 {
            Value::Object(object) => Ok(JsonObject(object)),
            _ => Err(Problem::new(Code::NotJson, "the body must be a JSON object, { … }")),
        }
    }
}

/// Unix time in whole seconds.
pub(super) fn timestamp() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
