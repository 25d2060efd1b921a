//! Who gets a message, and who is held back while a queue is full.

mod backlog;
mod pressure;
mod routes;

pub(crate) use backlog::Backlog;
pub(crate) use pressure::{Cause, Pressure};
pub(crate) use routes::{Local, Routes, TypeId};
