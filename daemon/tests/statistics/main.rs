//! Statistics, held against what clients counted; as Prometheus reads them, and as InfluxDB keeps them. The overlays run in this process, on
//! loopback; Debian's `prometheus` and `influxd` are started by the tests, in temporary folders.

#![allow(clippy::expect_used, clippy::panic, reason = "a test stops at what it did not expect")]

mod agreement;
mod dashboard;
mod hostile;
mod influxdb;
mod legacy;
mod prometheus;
mod server;
mod support;
