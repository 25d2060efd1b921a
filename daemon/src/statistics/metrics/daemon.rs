//! Of the daemon as a whole: its management interface, its configuration, its log.

use std::{
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

use prometheus_client::encoding::DescriptorEncoder;

use super::write::{Labels, counter, gauge};

/// Requests of one route and method that were answered with one status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requests {
    /// The route's pattern.
    pub route: String,
    /// One of a few.
    pub method: &'static str,
    /// The answer's.
    pub status: u16,
    /// How many.
    pub count: u64,
}

/// What the daemon is and has done at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Daemon {
    /// Requests to the management interface.
    pub requests: Vec<Requests>,
    /// Of those the ones with wrong credentials.
    pub failed_logins: u64,
    /// Streams of events that are open.
    pub streams: u64,
    /// When the certificate in use ends, Unix time in seconds, where there is one.
    pub certificate_ends: Option<i64>,
    /// Whether the host is being drained, or was.
    pub draining: bool,
    /// Whether the configuration was taken over as a whole when it was last read, and when.
    pub reloaded: (bool, SystemTime),
    /// Lines left out of the log since nobody read those before them.
    pub lines_left_out: u64,
}

impl Daemon {
    pub(super) fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let statuses: Vec<String> = self.requests.iter().map(|of| of.status.to_string()).collect();
        let requests = self.requests.iter().zip(&statuses).map(|(of, status)| {
            (vec![("route", of.route.as_str()), ("method", of.method), ("status", status.as_str())], of.count)
        });
        let help = "Requests to the management interface by route, method and status";
        counter(encoder, "gossiperl_rest_requests", help, requests)?;
        let help = "Requests to the management interface with wrong credentials that were looked at";
        counter(encoder, "gossiperl_rest_failed_logins", help, one(self.failed_logins))?;
        gauge(encoder, "gossiperl_rest_streams", "Streams of events that are open", one(self.streams))?;
        if let Some(ends) = self.certificate_ends {
            let help = "Unix time at which the management interface's certificate ends";
            gauge(encoder, "gossiperl_rest_certificate_not_after_timestamp_seconds", help, one(ends))?;
        }
        let help = "1 while the host is drained, or is ending";
        gauge(encoder, "gossiperl_draining", help, one(u64::from(self.draining)))?;
        let (good, at) = self.reloaded;
        let help = "1 where the configuration was taken over as a whole when it was last read";
        gauge(encoder, "gossiperl_config_last_reload_successful", help, one(u64::from(good)))?;
        let at = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let help = "Unix time at which the configuration was last read";
        gauge(encoder, "gossiperl_config_last_reload_timestamp_seconds", help, one(at))?;
        let help = "Lines left out of the log since nobody read those before them";
        counter(encoder, "gossiperl_log_lines_left_out", help, one(self.lines_left_out))
    }
}

fn one<V>(value: V) -> [(Labels<'static>, V); 1] {
    [(Vec::new(), value)]
}
