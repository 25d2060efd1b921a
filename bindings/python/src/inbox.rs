//! Events on their way to Python.

use std::{
    collections::VecDeque,
    future::Future,
    pin::pin,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use gossiperl_bindings::{Connection, Error, Event, runtime};
use tokio::task::AbortHandle;

use crate::{bridge::Waiter, wait::SIGNALS};

/// A connection with the events that were read from it and that nobody has taken. There are [`MOST`] of them at most: more are read when these are taken.
pub(crate) struct Inbox {
    pub(crate) connection: Connection,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    ready: VecDeque<Event>,
    /// Reads the next events, for those who wait.
    reading: Option<AbortHandle>,
    waiting: Vec<Waiting>,
    /// Nothing follows what is ready.
    ended: bool,
}

enum Waiting {
    Future(Waiter),
    Thread(Weak<Signal>),
}

/// Wakes a thread.
#[derive(Default)]
struct Signal {
    given: Mutex<bool>,
    some: Condvar,
}

/// What a thread waits by.
pub(crate) struct ThreadWait(Option<Arc<Signal>>);

impl Inbox {
    pub(crate) fn new(connection: Connection) -> Self {
        Inbox { connection, held: Mutex::default() }
    }

    /// At most `max` of the events there are; `None`: there will be no more.
    pub(crate) fn take(&self, max: usize) -> Result<Option<Vec<Event>>, Error> {
        let max = max.clamp(1, MOST);
        let mut held = self.lock();
        if held.ready.is_empty() && !held.ended && held.reading.is_none() {
            match self.now(max)? {
                Some(Some(events)) => return Ok(Some(events)),
                Some(None) => held.ended = true,
                None => {}
            }
        }
        if held.ready.is_empty() && held.ended {
            return Ok(None);
        }
        let count = held.ready.len().min(max);
        Ok(Some(held.ready.drain(..count).collect()))
    }

    /// What the connection gives without waiting; `None` where it would wait.
    fn now(&self, max: usize) -> Result<Option<Option<Vec<Event>>>, Error> {
        let next = pin!(self.connection.next_events(max, None));
        match next.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(events) => events.map(Some),
            Poll::Pending => Ok(None),
        }
    }

    /// Ends the waiter's future once there is something to take.
    pub(crate) fn wake(self: &Arc<Self>, waiter: Waiter) -> Result<(), Error> {
        let mut held = self.lock();
        if held.is_readable() {
            waiter.wake();
            return Ok(());
        }
        self.add(&mut held, Waiting::Future(waiter))
    }

    /// What the calling thread then waits by until there is something to take.
    pub(crate) fn thread(self: &Arc<Self>) -> Result<ThreadWait, Error> {
        let mut held = self.lock();
        if held.is_readable() {
            return Ok(ThreadWait(None));
        }
        let signal = Arc::new(Signal::default());
        self.add(&mut held, Waiting::Thread(Arc::downgrade(&signal)))?;
        Ok(ThreadWait(Some(signal)))
    }

    fn add(self: &Arc<Self>, held: &mut Held, waiting: Waiting) -> Result<(), Error> {
        // Those that were given up since the last.
        held.waiting.retain(Waiting::is_alive);
        if held.reading.is_none() {
            let inbox = Arc::clone(self);
            held.reading = Some(runtime()?.spawn(async move { inbox.read().await }).abort_handle());
        }
        held.waiting.push(waiting);
        Ok(())
    }

    async fn read(&self) {
        let events = self.connection.next_events(MOST, None).await;
        let mut held = self.lock();
        held.reading = None;
        match events {
            Ok(Some(events)) => held.ready.extend(events),
            Ok(None) | Err(_) => held.ended = true,
        }
        for waiting in held.waiting.drain(..) {
            waiting.wake();
        }
    }

    /// Ends what reads for those who wait. It would keep the connection open.
    pub(crate) fn stop(&self) {
        if let Some(reading) = self.lock().reading.take() {
            reading.abort();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // Nothing panics between two consistent states.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn is_readable(&self) -> bool {
        !self.ready.is_empty() || self.ended
    }
}

impl Waiting {
    fn is_alive(&self) -> bool {
        match self {
            Waiting::Future(waiter) => waiter.is_alive(),
            Waiting::Thread(signal) => signal.strong_count() > 0,
        }
    }

    fn wake(self) {
        match self {
            Waiting::Future(waiter) => waiter.wake(),
            Waiting::Thread(signal) => {
                if let Some(signal) = signal.upgrade() {
                    *signal.given.lock().unwrap_or_else(PoisonError::into_inner) = true;
                    signal.some.notify_all();
                }
            }
        }
    }
}

impl ThreadWait {
    /// Waits until there is something or the time is over, but no longer than signals may wait; says whether there is something.
    pub(crate) fn wait(&self, until: Option<Instant>) -> bool {
        let Some(signal) = &self.0 else { return true };
        let left =
            until.map_or(SIGNALS, |until| until.saturating_duration_since(Instant::now()).min(SIGNALS));
        let given = signal.given.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = signal.some.wait_timeout_while(given, left.max(Duration::ZERO), |given| !*given);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Events that are read at a time.
pub(crate) const MOST: usize = 4_096;
