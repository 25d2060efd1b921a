//! The one runtime of a process, for all of its connections.

use std::sync::{Mutex, PoisonError};

use tokio::runtime::{Builder, Handle, Runtime};

use crate::{Error, Kind};

/// The process's runtime, and the process that started it.
static RUNTIME: Mutex<Option<(u32, Runtime)>> = Mutex::new(None);

/// The runtime that all connections of this process are on: one thread, named `gossiperl`. It is started by the first call, and again by the first in a child process.
///
/// # Errors
///
/// [`Kind::System`]: the system gives no thread.
pub fn runtime() -> Result<Handle, Error> {
    let mut held = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    let own = std::process::id();
    if let Some((owner, runtime)) = &*held
        && *owner == own
    {
        return Ok(runtime.handle().clone());
    }
    // One thread seals and opens more than a language takes; more of them would only wake each other.
    let started = Builder::new_multi_thread().worker_threads(1).thread_name("gossiperl").enable_all().build();
    let started = started
        .map_err(|error| Error::new(Kind::System, format!("cannot start the client's thread: {error}")))?;
    let handle = started.handle().clone();
    if let Some((_, parents)) = held.replace((own, started)) {
        // Its threads are the parent's: shutting it down would wait for them for ever.
        std::mem::forget(parents);
    }
    Ok(handle)
}
