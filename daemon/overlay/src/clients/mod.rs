//! Local clients, whatever protocol they speak.

mod registry;

pub(crate) use registry::{ClientId, Protocol, Registry};
