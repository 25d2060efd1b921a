//! Completions of operations, for languages that are never called from here.
//!
//! A language starts an operation under a token of its own choice and goes on. A thread of its own waits here, takes many completions in one crossing, and completes its futures. Nothing
//! but that thread runs the language's code, and no thread of ours is ever known to its virtual machine.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use tokio::task::AbortHandle;

use crate::{Error, Kind, runtime};

/// What operations came to, in the order in which they did. It holds one completion at most for each operation that was started.
pub struct Completions<T> {
    state: Mutex<State<T>>,
    some: Condvar,
}

/// One operation has come to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion<T> {
    /// The one it was started under.
    pub token: i64,
    /// What came of it.
    pub outcome: Result<T, Error>,
}

struct State<T> {
    under_way: HashMap<i64, UnderWay>,
    done: VecDeque<Completion<T>>,
    /// Operations started so far.
    started: u64,
    ended: bool,
}

struct UnderWay {
    /// Tells it from earlier operations of the same token.
    number: u64,
    /// `None` while its first step is taken.
    task: Option<AbortHandle>,
}

impl<T> Default for Completions<T> {
    fn default() -> Self {
        let state = State { under_way: HashMap::new(), done: VecDeque::new(), started: 0, ended: false };
        Completions { state: Mutex::new(state), some: Condvar::new() }
    }
}

impl<T> Completions<T> {
    /// Most operations that are under way, or complete and not taken.
    pub const MOST: usize = MOST;
}

impl<T: Send + 'static> Completions<T> {
    /// Starts an operation. It completes exactly once, even where it panics or cannot be started.
    ///
    /// Its first step is taken here and now, so that messages published one after the other are sent in this order.
    pub fn start(
        self: &Arc<Self>,
        token: i64,
        operation: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) {
        if let Err(error) = self.try_start(token, operation) {
            self.complete(&mut self.lock(), Completion { token, outcome: Err(error) });
        }
    }

    /// As [`start`](Self::start), and bounded: where it cannot be started, it does not complete.
    ///
    /// # Errors
    ///
    /// [`Kind::Busy`] where [`MOST`](Self::MOST) are under way or not taken, [`Kind::Argument`] for a token under way, [`Kind::Closed`] after [`end`](Self::end), [`Kind::System`].
    pub fn try_start(
        self: &Arc<Self>,
        token: i64,
        operation: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<(), Error> {
        let runtime = runtime()?;
        let mut slot = Slot { number: self.note(token)?, token, completions: Arc::clone(self) };
        let mut operation = Box::pin(operation);
        let begun = {
            let _inside = runtime.enter();
            operation.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        };
        if let Poll::Ready(outcome) = begun {
            slot.fill(outcome);
            return Ok(());
        }
        let number = slot.number;
        let task = runtime.spawn(async move { slot.fill(operation.await) });
        match self.lock().under_way.get_mut(&token) {
            Some(noted) if noted.number == number => noted.task = Some(task.abort_handle()),
            // It is complete, or was cancelled.
            _ => task.abort(),
        }
        Ok(())
    }

    /// Breaks off an operation, wherever it is: what was published may still be delivered. True: its completion will not come. False: it has come, or waits to be taken.
    pub fn cancel(&self, token: i64) -> bool {
        let removed = self.lock().under_way.remove(&token);
        let found = removed.is_some();
        if let Some(task) = removed.and_then(|noted| noted.task) {
            task.abort();
        }
        found
    }

    /// Breaks off all operations that are under way; none of them completes.
    pub fn cancel_all(&self) {
        let under_way = std::mem::take(&mut self.lock().under_way);
        for task in under_way.into_values().filter_map(|noted| noted.task) {
            task.abort();
        }
    }

    /// Waits for completions and takes at most `max` (at least 1) of them. Empty when `timeout` is over; `None` after [`end`](Self::end), once everything has been taken. Several
    /// threads at once share them. It blocks the calling thread, which must not be one of the runtime's.
    pub fn wait(&self, max: usize, timeout: Option<Duration>) -> Option<Vec<Completion<T>>> {
        // A time beyond what a clock can hold is no limit.
        let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut state = self.lock();
        while state.done.is_empty() {
            if state.ended {
                return None;
            }
            state = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                None => self.some.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return Some(Vec::new()),
                Some(left) => self.some.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
        let count = state.done.len().min(max.max(1));
        Some(state.done.drain(..count).collect())
    }

    /// Lets those who wait go once there is nothing left, now and for ever.
    pub fn end(&self) {
        self.lock().ended = true;
        self.some.notify_all();
    }

    /// Notes an operation under way, and gives its number.
    fn note(&self, token: i64) -> Result<u64, Error> {
        let mut state = self.lock();
        if state.ended {
            return Err(Error::new(Kind::Closed, "the completion queue is closed: make a new one"));
        }
        if state.under_way.len() + state.done.len() >= MOST {
            let message = format!("{MOST} operations are under way: wait for some of them");
            return Err(Error::new(Kind::Busy, message));
        }
        if state.under_way.contains_key(&token) {
            let message = format!("token {token} is under way already: give another");
            return Err(Error::new(Kind::Argument, message));
        }
        state.started += 1;
        let number = state.started;
        state.under_way.insert(token, UnderWay { number, task: None });
        Ok(number)
    }
}

impl<T> Completions<T> {
    fn complete(&self, state: &mut State<T>, completion: Completion<T>) {
        state.done.push_back(completion);
        self.some.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing panics between two consistent states.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Completes its operation, when it is dropped at the latest.
struct Slot<T> {
    completions: Arc<Completions<T>>,
    token: i64,
    number: u64,
}

impl<T> Slot<T> {
    fn fill(&mut self, outcome: Result<T, Error>) {
        let mut state = self.completions.lock();
        // One that was cancelled does not complete.
        if state.under_way.get(&self.token).is_some_and(|noted| noted.number == self.number) {
            state.under_way.remove(&self.token);
            self.completions.complete(&mut state, Completion { token: self.token, outcome });
        }
    }
}

impl<T> Drop for Slot<T> {
    fn drop(&mut self) {
        self.fill(Err(Error::new(Kind::System, "the operation was broken off: make a new client")));
    }
}

const MOST: usize = 65_536;
