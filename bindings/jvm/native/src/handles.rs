//! The clients that Java holds, by number.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
};

use gossiperl_bindings::{Connection, Error, Kind, Name};
use tokio::sync::Mutex as Turn;

/// A client, and what keeps its sends in order.
pub(crate) struct Held {
    pub(crate) connection: Connection,
    /// Sends that wait for room. While there are any, all others wait behind them.
    waiting: AtomicUsize,
    turn: Turn<()>,
}

impl Held {
    /// Hands a message over if there is room and none waits before it; [`Kind::Busy`] where it has to be sent in turn.
    pub(crate) fn send_now(&self, event_type: Name, payload: &[u8]) -> Result<(), Error> {
        if self.waiting.load(Ordering::Acquire) > 0 {
            return Err(Error::new(Kind::Busy, "messages wait for room: wait for those, or send it in turn"));
        }
        self.connection.try_send(event_type, payload)
    }

    /// From now on no message overtakes the one that is about to be sent in turn.
    pub(crate) fn take_turn(self: Arc<Self>) -> Waiting {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        Waiting { held: self }
    }
}

/// One message that waits for room, counted as long as it does.
pub(crate) struct Waiting {
    held: Arc<Held>,
}

impl Waiting {
    /// Hands it over as soon as there is room, after those that took their turn before it.
    pub(crate) async fn send(self, event_type: Name, payload: &[u8]) -> Result<(), Error> {
        let _turn = self.held.turn.lock().await;
        self.held.connection.send(event_type, payload).await
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.held.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

/// All clients of this copy of the library; as many as Java has made and not let go of.
static HELD: Mutex<Option<HashMap<i64, Arc<Held>>>> = Mutex::new(None);
static NEXT: AtomicI64 = AtomicI64::new(1);

/// Keeps a client under a number that was never used before.
pub(crate) fn keep(connection: Connection) -> i64 {
    let handle = NEXT.fetch_add(1, Ordering::Relaxed);
    let held = Held { connection, waiting: AtomicUsize::new(0), turn: Turn::new(()) };
    lock().get_or_insert_default().insert(handle, Arc::new(held));
    handle
}

/// The client of this number.
///
/// # Errors
///
/// [`Kind::Closed`]: it was freed, or never was.
pub(crate) fn find(handle: i64) -> Result<Arc<Held>, Error> {
    let found = lock().as_ref().and_then(|held| held.get(&handle).cloned());
    found.ok_or_else(|| Error::new(Kind::Closed, "the client is closed: make a new one"))
}

/// Lets a client go; it closes in the background once its operations are done. Does nothing where it is gone already.
pub(crate) fn free(handle: i64) {
    // Dropped outside the lock.
    let freed = lock().as_mut().and_then(|held| held.remove(&handle));
    drop(freed);
}

fn lock() -> MutexGuard<'static, Option<HashMap<i64, Arc<Held>>>> {
    // Nothing panics between two consistent states.
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}
