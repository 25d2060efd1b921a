//! What Prometheus scrapes: the text format, version 0.0.4.
//!
//! Names are `gossiperl_…`, in base units (seconds, bytes), counters end with `_total`; every one of an overlay has the label `overlay`. Other labels are
//! words of this program, so that there are some 350 lines for each overlay whatever its members are called. Descriptions of counters are those of their
//! fields. Nothing here is secret.

mod daemon;
mod names;
mod process;
mod write;

use std::fmt;

use prometheus_client::{
    collector::Collector, encoding::DescriptorEncoder, encoding::prometheus_text, registry::Registry,
};

use super::Written;
use crate::driver::Statistics;
pub use daemon::{Daemon, Requests};
pub use process::Process;

/// The content type of what [`render`] makes.
pub const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

/// The metrics of these overlays by name, how many beside them do not run, of this process, and of the InfluxDB writer and the daemon where there is something to tell
/// of them.
pub fn render(
    overlays: Vec<(String, Statistics)>,
    failed: usize,
    process: Process,
    influx: Option<Written>,
    daemon: Option<Daemon>,
) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(All { overlays, failed, process, influx, daemon }));
    let mut text = String::with_capacity(32 << 10);
    // Writing to a string does not fail.
    let _ = prometheus_text::encode(&mut text, &registry);
    text
}

#[derive(Debug)]
struct All {
    overlays: Vec<(String, Statistics)>,
    failed: usize,
    process: Process,
    influx: Option<Written>,
    daemon: Option<Daemon>,
}

impl Collector for All {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        names::of_program(&mut encoder, self.overlays.len(), self.failed)?;
        names::of_overlays(&mut encoder, &self.overlays)?;
        if let Some(influx) = &self.influx {
            names::of_writer(&mut encoder, influx)?;
        }
        if let Some(daemon) = &self.daemon {
            daemon.encode(&mut encoder)?;
        }
        self.process.encode(&mut encoder)
    }
}

#[cfg(test)]
mod tests;
