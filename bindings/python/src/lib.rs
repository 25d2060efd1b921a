//! The native part of the Python package `gossiperl`, the module `gossiperl._native`: what Python's own code there is made of, and nothing for applications.
//!
//! - **Waiting.** An operation is a future of the runtime that all clients of the process share. In asyncio a [`Bridge`] carries its end to the event loop: the runtime's thread
//!   queues it and writes a byte to a socket that the loop watches, one for however many have ended. That thread never needs the interpreter, so Python code that
//!   computes cannot keep a session from answering its daemon, and an interpreter that ends has no thread of ours to wait for. Without an event loop the calling thread waits,
//!   with the interpreter released.
//! - **Events** wait in an [`Inbox`](inbox::Inbox), from which Python takes as many as there are with one call. Waiting only says that there is something, so a wait that is given up loses nothing.
//! - **Forks.** What a child process inherits belongs to threads that it has not got. It is refused there, and never dropped: its locks may be held for ever.

mod bridge;
mod connection;
mod convert;
mod digest;
mod inbox;
mod names;
mod settings;
mod wait;

use pyo3::prelude::*;

/// What the package is made of.
#[pymodule]
mod _native {
    #[pymodule_export]
    use super::{
        bridge::Bridge,
        connection::Connection,
        convert::Delivery,
        digest::{decode, encode},
        settings::Settings,
    };
}
