//! What the interface counts of itself, for `/metrics`: requests by route, method and status, failed logins, streams, when the certificate ends.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    },
};

use axum::http::{Method, StatusCode};

use crate::statistics::Requests;

/// Of what no route has the path of.
const NO_ROUTE: &str = "none";

/// The counts.
#[derive(Default)]
pub(super) struct Counts {
    /// A route's pattern, a method of a few, a status: as many as there are of these in the program.
    requests: Mutex<BTreeMap<(String, &'static str, u16), u64>>,
    failed_logins: AtomicU64,
    streams: AtomicU64,
    /// Unix time, seconds; 0: there is no certificate, or its end cannot be read.
    certificate_ends: AtomicI64,
}

impl Counts {
    /// A request was answered; `route` is the pattern of its path, where there is one.
    pub(super) fn answered(&self, route: Option<&str>, method: &Method, status: StatusCode) {
        let method = match *method {
            Method::GET => "GET",
            Method::HEAD => "HEAD",
            Method::POST => "POST",
            Method::PUT => "PUT",
            Method::DELETE => "DELETE",
            Method::OPTIONS => "OPTIONS",
            Method::PATCH => "PATCH",
            // Whatever somebody makes up.
            _ => "other",
        };
        let key = (route.unwrap_or(NO_ROUTE).to_owned(), method, status.as_u16());
        *self.requests.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default() += 1;
    }

    /// The requests so far.
    pub(super) fn requests(&self) -> Vec<Requests> {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let requests = requests.iter().map(|((route, method, status), count)| Requests {
            route: route.clone(),
            method,
            status: *status,
            count: *count,
        });
        requests.collect()
    }

    /// Credentials were wrong once more.
    pub(super) fn login_failed(&self) {
        self.failed_logins.fetch_add(1, Relaxed);
    }

    /// How often they were.
    pub(super) fn failed_logins(&self) -> u64 {
        self.failed_logins.load(Relaxed)
    }

    /// A stream of events begins.
    pub(super) fn stream_opened(&self) {
        self.streams.fetch_add(1, Relaxed);
    }

    /// One ends.
    pub(super) fn stream_closed(&self) {
        self.streams.fetch_sub(1, Relaxed);
    }

    /// How many are open.
    pub(super) fn streams(&self) -> u64 {
        self.streams.load(Relaxed)
    }

    /// The certificate in use ends then, Unix time in seconds; `None`: there is none, or nobody can say.
    pub(super) fn set_certificate_ends(&self, at: Option<i64>) {
        self.certificate_ends.store(at.unwrap_or_default(), Relaxed);
    }

    /// When the certificate in use ends.
    pub(super) fn certificate_ends(&self) -> Option<i64> {
        Some(self.certificate_ends.load(Relaxed)).filter(|at| *at != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_methods_and_paths_are_few_lines() {
        let counts = Counts::default();
        for number in 0..100 {
            let method = format!("METHOD{number}").parse::<Method>().expect("a method");
            counts.answered(None, &method, StatusCode::NOT_FOUND);
        }
        counts.answered(Some("/overlays/{overlay}"), &Method::PUT, StatusCode::OK);
        let told: Vec<_> = counts
            .requests()
            .into_iter()
            .map(|told| (told.route, told.method, told.status, told.count))
            .collect();
        let expected =
            [("/overlays/{overlay}".to_owned(), "PUT", 200, 1), (NO_ROUTE.to_owned(), "other", 404, 100)];
        assert_eq!(told, expected);
    }
}
