//! Statistics of all overlays: kept for a day, answered by window, read by Prometheus, written to InfluxDB.
//!
//! The overlays count ([`gossiperl_overlay::Snapshot`]); here it is only looked at what they have counted. A [`Collector`] is told which overlays
//! there are, asks each every 2 s, and keeps what it needs for the windows of protocol 1's REST interface. It renders the metrics
//! that Prometheus scrapes ([`Collector::metrics`]). A [`Writer`] sends the same figures to an InfluxDB.
//!
//! An overlay is asked like it is asked for anything else, by a command that it answers between two turns; whatever happens here, and however
//! slow a server is, costs it no more than that.

mod answer;
mod collector;
mod influx;
pub mod metrics;
mod packed;
mod series;
mod window;

pub use collector::{Answer, Collector};
pub use influx::{Counts, Writer, Written};
pub use metrics::Requests;
pub use window::{NoWindow, Window};
