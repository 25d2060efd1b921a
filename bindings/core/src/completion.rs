//! Completions of operations, for languages that are never called from here.
//!
//! A language starts an operation under a token of its own choice and goes on. A thread of its own waits here, takes many completions in one crossing, and completes its futures. Nothing
//! but that thread runs the language's code, and no thread of ours is ever known to its virtual machine.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

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
    done: VecDeque<Completion<T>>,
    ended: bool,
}

impl<T> Default for Completions<T> {
    fn default() -> Self {
        let state = Mutex::new(State { done: VecDeque::new(), ended: false });
        Completions { state, some: Condvar::new() }
    }
}

impl<T: Send + 'static> Completions<T> {
    /// Starts an operation. It completes exactly once, even where it panics.
    pub fn start(
        self: &Arc<Self>,
        token: i64,
        operation: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) {
        let slot = Slot { completions: Arc::clone(self), token, outcome: None };
        match runtime() {
            Ok(runtime) => {
                runtime.spawn(async move { slot.fill(operation.await) });
            }
            Err(error) => slot.fill(Err(error)),
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

    fn complete(&self, completion: Completion<T>) {
        self.lock().done.push_back(completion);
        self.some.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing panics between two consistent states.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Completes its operation when it is dropped.
struct Slot<T: Send + 'static> {
    completions: Arc<Completions<T>>,
    token: i64,
    outcome: Option<Result<T, Error>>,
}

impl<T: Send + 'static> Slot<T> {
    fn fill(mut self, outcome: Result<T, Error>) {
        self.outcome = Some(outcome);
    }
}

impl<T: Send + 'static> Drop for Slot<T> {
    fn drop(&mut self) {
        let broken = || Err(Error::new(Kind::System, "the operation was broken off: make a new client"));
        let outcome = self.outcome.take().unwrap_or_else(broken);
        self.completions.complete(Completion { token: self.token, outcome });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Option<Duration> = Some(Duration::from_secs(20));

    fn tokens<T>(taken: Option<Vec<Completion<T>>>) -> Vec<i64> {
        taken.expect("not ended").iter().map(|completion| completion.token).collect()
    }

    #[test]
    fn completions_come_in_batches_with_what_came_of_each() {
        let completions = Arc::new(Completions::default());
        for token in 0..5 {
            let error = || Error::new(Kind::Busy, "odd");
            completions
                .start(token, async move { if token % 2 == 0 { Ok(token * 10) } else { Err(error()) } });
        }
        let mut taken = Vec::new();
        while taken.len() < 5 {
            let batch = completions.wait(2, LONG).expect("not ended");
            assert!((1..=2).contains(&batch.len()));
            taken.extend(batch);
        }
        taken.sort_by_key(|completion| completion.token);
        let outcomes: Vec<_> =
            taken.into_iter().map(|completion| completion.outcome.map_err(|error| error.kind)).collect();
        assert_eq!(outcomes, [Ok(0), Err(Kind::Busy), Ok(20), Err(Kind::Busy), Ok(40)]);
        assert!(tokens(completions.wait(1, Some(Duration::ZERO))).is_empty());
    }

    #[test]
    fn an_operation_that_panics_completes_as_well() {
        let completions = Arc::new(Completions::<()>::default());
        #[allow(clippy::panic)]
        completions.start(7, async { panic!("on purpose") });
        let taken = completions.wait(8, LONG).expect("not ended");
        assert_eq!(
            (taken[0].token, taken[0].outcome.clone().map_err(|error| error.kind)),
            (7, Err(Kind::System))
        );
    }

    #[test]
    fn the_end_is_told_to_all_who_wait_after_what_is_left() {
        let completions = Arc::new(Completions::<()>::default());
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                let completions = Arc::clone(&completions);
                std::thread::spawn(move || {
                    let mut taken = Vec::new();
                    while let Some(batch) = completions.wait(1, None) {
                        taken.extend(batch.iter().map(|completion| completion.token));
                    }
                    taken
                })
            })
            .collect();
        let slot = Slot { completions: Arc::clone(&completions), token: 3, outcome: Some(Ok(())) };
        drop(slot);
        completions.end();
        let taken: Vec<i64> = waiting.into_iter().flat_map(|thread| thread.join().expect("ours")).collect();
        assert_eq!(taken, [3]);
        assert!(completions.wait(1, None).is_none());
    }
}
