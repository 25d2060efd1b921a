//! Answers on their way from the client's thread to Node's.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use gossiperl_bindings::{Error, Kind};
use napi::{
    Status,
    bindgen_prelude::Function,
    threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode},
};

use crate::value::Js;

/// Calls `listener([number, error, value, number, error, value, …])` on Node's thread; weak, for it is JavaScript that knows what is to keep the process alive.
type Wakeup = ThreadsafeFunction<(), (), Vec<Js>, Status, false, true>;

/// One client's answers. As many can wait as JavaScript has asked for.
#[derive(Clone)]
pub(crate) struct Answers {
    waiting: Arc<Mutex<Vec<Js>>>,
    wakeup: Arc<Wakeup>,
}

impl Answers {
    /// Those that go to this listener.
    pub(crate) fn new(listener: &Function<'_, Vec<Js>, ()>) -> napi::Result<Self> {
        let waiting: Arc<Mutex<Vec<Js>>> = Arc::default();
        let taken = Arc::clone(&waiting);
        let wakeup = listener
            .build_threadsafe_function::<()>()
            .callee_handled::<false>()
            .weak::<true>()
            .build_callback(move |_| Ok(mem::take(&mut *lock(&taken))))?;
        Ok(Answers { waiting, wakeup: Arc::new(wakeup) })
    }

    /// The answer to what JavaScript asked under this number.
    pub(crate) fn to(&self, number: u32) -> Answer {
        Answer { answers: self.clone(), number, given: false }
    }

    fn put(&self, number: u32, result: Result<Js, Error>) {
        let (error, value) = match result {
            Ok(value) => (Js::Null, value),
            Err(error) => (Js::error(error), Js::Undefined),
        };
        let first = {
            let mut waiting = lock(&self.waiting);
            waiting.extend([Js::Number(f64::from(number)), error, value]);
            waiting.len() == 3
        };
        if first {
            // Where Node's side has ended it goes nowhere.
            self.wakeup.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }
}

/// An answer to be given once. Dropped without, it says that it was broken off, so that nobody waits for ever.
pub(crate) struct Answer {
    answers: Answers,
    number: u32,
    given: bool,
}

impl Answer {
    pub(crate) fn give(mut self, result: Result<Js, Error>) {
        self.given = true;
        self.answers.put(self.number, result);
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if !self.given {
            let broken = "the operation was broken off: make a new client";
            self.answers.put(self.number, Err(Error::new(Kind::System, broken)));
        }
    }
}

fn lock(waiting: &Mutex<Vec<Js>>) -> MutexGuard<'_, Vec<Js>> {
    // Nothing panics between two consistent states.
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}
