//! Refusals and failures as `application/problem+json` (RFC 9457), each with a code that stays the same for ever.

use std::time::Duration;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    config::WrongProperty,
    manage::{ChangeError, ReloadError},
};

/// The codes. What a script decides by; the words beside them may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// There is no such route.
    NoRoute,
    /// The route does not have this method.
    NoMethod,
    /// There is no overlay of this name.
    UnknownOverlay,
    /// No credentials, or wrong ones.
    Unauthorized,
    /// Too many failed logins of this address wait for their answer.
    TooManyAttempts,
    /// The user that this takes is switched off in the configuration.
    NoUser,
    /// The body is not JSON, or not a JSON object.
    NotJson,
    /// A parameter of the query is not as it must be.
    BadRequest,
    /// The body is larger than 1 MiB.
    TooLarge,
    /// The request took longer than 30 s to arrive or to be answered.
    TooSlow,
    /// An overlay of this name exists.
    OverlayExists,
    /// The overlay stands in the configuration file, and changes with it alone.
    OverlayOfFile,
    /// A property is not as it must be.
    BadProperty,
    /// The property cannot change while the overlay exists.
    FixedProperty,
    /// `racks` has no seeds for `rack_name`.
    NoSeeds,
    /// The host has as many overlays as it may.
    TooManyOverlays,
    /// The overlay cannot start: an address or port, mostly.
    CannotStart,
    /// There is no such window.
    UnknownWindow,
    /// The message is not of the form that is described.
    BadDigest,
    /// The key, or its id, is not as it must be.
    BadKey,
    /// The daemons' keys do not allow the change; `reason` and `report` say more.
    KeysRefused,
    /// The overlay takes no more messages now.
    Busy,
    /// The daemon or the overlay is being left.
    Stopping,
    /// The change could not be kept on disk, and was not made.
    NotKept,
    /// The overlay is to run and does not; it is tried again.
    Failed,
    /// The overlay could be started neither as wanted nor as before.
    Lost,
    /// The configuration file was refused, or could not be taken over as a whole.
    NotReloaded,
    /// A defect.
    Internal,
}

impl Code {
    /// All of them.
    pub const ALL: [Code; 28] = [
        Code::NoRoute,
        Code::NoMethod,
        Code::UnknownOverlay,
        Code::Unauthorized,
        Code::TooManyAttempts,
        Code::NoUser,
        Code::NotJson,
        Code::BadRequest,
        Code::TooLarge,
        Code::TooSlow,
        Code::OverlayExists,
        Code::OverlayOfFile,
        Code::BadProperty,
        Code::FixedProperty,
        Code::NoSeeds,
        Code::TooManyOverlays,
        Code::CannotStart,
        Code::UnknownWindow,
        Code::BadDigest,
        Code::BadKey,
        Code::KeysRefused,
        Code::Busy,
        Code::Stopping,
        Code::NotKept,
        Code::Failed,
        Code::Lost,
        Code::NotReloaded,
        Code::Internal,
    ];

    /// The code itself, the status it comes with, and what it means in a few words.
    pub fn parts(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Code::NoRoute => ("no_route", StatusCode::NOT_FOUND, "There is no such route"),
            Code::NoMethod => {
                ("no_method", StatusCode::METHOD_NOT_ALLOWED, "The route does not have this method")
            }
            Code::UnknownOverlay => ("unknown_overlay", StatusCode::NOT_FOUND, "There is no such overlay"),
            Code::Unauthorized => {
                ("unauthorized", StatusCode::UNAUTHORIZED, "Credentials are missing or wrong")
            }
            Code::TooManyAttempts => (
                "too_many_attempts",
                StatusCode::TOO_MANY_REQUESTS,
                "Too many failed logins from this address",
            ),
            Code::NoUser => ("no_user", StatusCode::PRECONDITION_FAILED, "The user is not configured"),
            Code::NotJson => {
                ("not_json", StatusCode::BAD_REQUEST, "The body is no JSON of the kind expected")
            }
            Code::BadRequest => ("bad_request", StatusCode::BAD_REQUEST, "A parameter is not as it must be"),
            Code::TooLarge => ("too_large", StatusCode::PAYLOAD_TOO_LARGE, "The body is too large"),
            Code::TooSlow => ("too_slow", StatusCode::REQUEST_TIMEOUT, "The request took too long"),
            Code::OverlayExists => {
                ("overlay_exists", StatusCode::CONFLICT, "There is an overlay of this name")
            }
            Code::OverlayOfFile => {
                ("overlay_of_file", StatusCode::CONFLICT, "The overlay belongs to the configuration file")
            }
            Code::BadProperty => ("bad_property", StatusCode::CONFLICT, "A property is not as it must be"),
            Code::FixedProperty => (
                "fixed_property",
                StatusCode::CONFLICT,
                "The property cannot change while the overlay exists",
            ),
            Code::NoSeeds => {
                ("no_seeds", StatusCode::PRECONDITION_FAILED, "There are no seeds for the overlay's rack")
            }
            Code::TooManyOverlays => {
                ("too_many_overlays", StatusCode::CONFLICT, "The host has as many overlays as it may")
            }
            Code::CannotStart => ("cannot_start", StatusCode::CONFLICT, "The overlay cannot start"),
            Code::UnknownWindow => {
                ("unknown_window", StatusCode::PRECONDITION_FAILED, "There is no such window")
            }
            Code::BadDigest => {
                ("bad_digest", StatusCode::CONFLICT, "The message is not of the form described")
            }
            Code::BadKey => ("bad_key", StatusCode::CONFLICT, "The key or its id is not as it must be"),
            Code::KeysRefused => {
                ("keys_refused", StatusCode::CONFLICT, "The daemons' keys do not allow the change")
            }
            Code::Busy => ("busy", StatusCode::SERVICE_UNAVAILABLE, "The overlay takes no more messages now"),
            Code::Stopping => {
                ("stopping", StatusCode::SERVICE_UNAVAILABLE, "The daemon or the overlay is stopping")
            }
            Code::Failed => ("overlay_failed", StatusCode::SERVICE_UNAVAILABLE, "The overlay does not run"),
            Code::NotKept => ("not_kept", StatusCode::INTERNAL_SERVER_ERROR, "The change could not be kept"),
            Code::Lost => {
                ("overlay_lost", StatusCode::INTERNAL_SERVER_ERROR, "The overlay does not start any more")
            }
            Code::NotReloaded => {
                ("not_reloaded", StatusCode::INTERNAL_SERVER_ERROR, "The configuration was not taken over")
            }
            Code::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR, "A defect of gossiperld"),
        }
    }
}

/// A refusal or failure on its way to who asked.
#[derive(Debug)]
pub(super) struct Problem {
    code: Code,
    detail: String,
    properties: Vec<WrongProperty>,
    reason: Option<&'static str>,
    report: Option<Value>,
    retry_after: Option<Duration>,
}

/// A refusal or failure (RFC 9457).
#[derive(Serialize, ToSchema)]
pub(super) struct ProblemBody {
    /// `urn:gossiperl:problem:` and the code.
    r#type: String,
    /// What the code means.
    title: &'static str,
    /// The status, once more.
    status: u16,
    /// What is wrong in this case, and what to do.
    detail: String,
    /// The code.
    code: &'static str,
    /// Properties that are wrong, where that is the problem.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    properties: Vec<PropertyBody>,
    /// Why keys were not changed, where that is the problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// What every daemon has then.
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<Value>,
}

/// A property that is wrong.
#[derive(Serialize, ToSchema)]
struct PropertyBody {
    /// Its name.
    property: String,
    /// What is wrong with it and what is allowed.
    detail: String,
}

impl Problem {
    /// Of this code, about this.
    pub(super) fn new(code: Code, detail: impl Into<String>) -> Self {
        Problem {
            code,
            detail: detail.into(),
            properties: Vec::new(),
            reason: None,
            report: None,
            retry_after: None,
        }
    }

    /// Worth trying again after so long: told in whole seconds (`retry-after`).
    pub(super) fn retry_after(self, after: Duration) -> Self {
        Problem { retry_after: Some(after), ..self }
    }

    /// With the name of a reason.
    pub(super) fn because(self, reason: &'static str) -> Self {
        Problem { reason: Some(reason), ..self }
    }

    /// With the daemons' keys.
    pub(super) fn with_report(self, report: Value) -> Self {
        Problem { report: Some(report), ..self }
    }

    /// There is no overlay of this name.
    pub(super) fn unknown_overlay(name: &str) -> Self {
        Problem::new(Code::UnknownOverlay, format!("there is no overlay {name:?} on this host"))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (code, status, title) = self.code.parts();
        let properties = self.properties.into_iter();
        let body = ProblemBody {
            r#type: format!("urn:gossiperl:problem:{code}"),
            title,
            status: status.as_u16(),
            detail: self.detail,
            code,
            properties: properties
                .map(|wrong| PropertyBody { property: wrong.property, detail: wrong.text })
                .collect(),
            reason: self.reason,
            report: self.report,
        };
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let kind = HeaderValue::from_static("application/problem+json");
        let mut response = (status, [(header::CONTENT_TYPE, kind)], body).into_response();
        if let Some(after) = self.retry_after {
            let seconds = after.as_millis().div_ceil(1_000).max(1) as u64;
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        let detail = error.to_string();
        let code = match &error {
            ChangeError::Unknown(_) | ChangeError::Removed(_) => Code::UnknownOverlay,
            ChangeError::Taken(_) | ChangeError::TakenAndFailed { .. } | ChangeError::Kept(_) => {
                Code::OverlayExists
            }
            ChangeError::Failed(_) => Code::Failed,
            ChangeError::File(_) => Code::OverlayOfFile,
            // What else is wrong is told beside it.
            ChangeError::Wrong(wrong) if wrong.iter().all(|wrong| wrong.no_seeds) => Code::NoSeeds,
            ChangeError::Wrong(_) => Code::BadProperty,
            ChangeError::Identity(_) => Code::FixedProperty,
            ChangeError::Start(_) => Code::CannotStart,
            ChangeError::Lost { .. } => Code::Lost,
            ChangeError::Store(_) => Code::NotKept,
            ChangeError::TooMany(_) => Code::TooManyOverlays,
            ChangeError::Ended | ChangeError::Stopping => Code::Stopping,
        };
        let properties = match error {
            ChangeError::Wrong(wrong) => wrong,
            _ => Vec::new(),
        };
        Problem { properties, ..Problem::new(code, detail) }
    }
}

impl From<ReloadError> for Problem {
    fn from(error: ReloadError) -> Self {
        let code = match error {
            ReloadError::Stopping => Code::Stopping,
            _ => Code::NotReloaded,
        };
        Problem::new(code, error.to_string())
    }
}

impl From<crate::driver::Ended> for Problem {
    fn from(ended: crate::driver::Ended) -> Self {
        Problem::new(Code::Stopping, ended.to_string())
    }
}

impl From<tokio::task::JoinError> for Problem {
    fn from(error: tokio::task::JoinError) -> Self {
        match error.is_cancelled() {
            true => Problem::new(Code::Stopping, "the daemon is stopping"),
            false => Problem::new(Code::Internal, "the request brought about a defect; the log says more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_differ_and_none_is_left_out() {
        let codes: BTreeSet<&str> = Code::ALL.iter().map(|code| code.parts().0).collect();
        assert_eq!(codes.len(), Code::ALL.len());
        assert_eq!(Code::ALL.last(), Some(&Code::Internal));
        assert_eq!(Code::Internal as usize + 1, Code::ALL.len());
    }

    #[test]
    fn the_manual_lists_every_code_with_its_status() {
        let manual = include_str!("../../../docs/rest.md");
        for (code, status, title) in Code::ALL.map(Code::parts) {
            let row = format!("| `{code}` | {} | {title} |", status.as_u16());
            assert!(manual.contains(&row), "{row}");
        }
    }
}
