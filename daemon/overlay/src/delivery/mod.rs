//! Who gets a message, what all its receivers share, and who is held back while a queue is full.

mod backlog;
mod bodies;
mod pressure;
mod routes;

pub(crate) use backlog::Backlog;
pub(crate) use bodies::Bodies;
pub(crate) use pressure::{Cause, Pressure};
pub(crate) use routes::{Local, Routes, TypeId};
