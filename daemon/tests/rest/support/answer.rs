//! Credentials, and what is answered to them.

use reqwest::{RequestBuilder, header::HeaderMap};
use serde_json::Value;

/// As whom a request is made.
#[derive(Clone, Debug)]
pub(crate) enum As {
    /// Nobody.
    Nobody,
    /// With Basic credentials.
    Basic(String, String),
    /// With an overlay's token in its header.
    Token(String),
}

impl As {
    pub(crate) fn basic(user: &str, password: &str) -> As {
        As::Basic(user.to_owned(), password.to_owned())
    }

    pub(crate) fn token(token: &str) -> As {
        As::Token(token.to_owned())
    }

    pub(super) fn on(&self, request: RequestBuilder) -> RequestBuilder {
        match self {
            As::Nobody => request,
            As::Basic(user, password) => request.basic_auth(user, Some(password)),
            As::Token(token) => request.header("x-session-token", token),
        }
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    /// A header's value; empty where it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The same, where its status is this.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// Checks that it is a problem of this status and code, in the form of RFC 9457; its words.
    #[track_caller]
    pub(crate) fn expect_problem(&self, status: u16, code: &str) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let body = self.json();
        assert_eq!(body["code"], code, "{self:?}");
        assert_eq!(body["type"], format!("urn:gossiperl:problem:{code}"), "{self:?}");
        assert_eq!(body["status"], status, "{self:?}");
        assert!(body["title"].as_str().is_some_and(|title| !title.is_empty()), "{self:?}");
        let detail = body["detail"].as_str().expect("words");
        assert!(!detail.is_empty(), "{self:?}");
        detail.to_owned()
    }
}
