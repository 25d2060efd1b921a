//! From the runtime's thread to an event loop.

use std::{
    collections::HashMap,
    io::{Read, Write},
    mem,
    os::{fd::AsRawFd, unix::net::UnixStream},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
};

use gossiperl_bindings::{Error, Kind, runtime};
use pyo3::{
    exceptions::PyRuntimeError,
    intern,
    prelude::*,
    types::{PyWeakrefMethods, PyWeakrefReference},
};
use tokio::task::AbortHandle;

use crate::{
    convert::raised,
    wait::{End, Outcome},
};

/// What one event loop awaits of all clients. The loop watches `fileno` and calls `drain` when there is something to read.
#[pyclass(frozen, module = "gossiperl._native")]
pub(crate) struct Bridge {
    /// The process it was made in.
    process: u32,
    /// Weak: what the loop watches would keep it alive otherwise.
    event_loop: Py<PyWeakrefReference>,
    reader: UnixStream,
    ended: Arc<Ended>,
    awaited: Mutex<HashMap<usize, Awaited>>,
    next: AtomicU64,
}

/// Operations that have ended and whose futures do not know it. Bounded by those that are awaited.
pub(crate) struct Ended {
    queue: Mutex<Vec<(Ticket, End)>>,
    writer: UnixStream,
}

/// Which future: where it lies, and a number, since another may lie there later.
#[derive(Clone, Copy)]
pub(crate) struct Ticket {
    place: usize,
    number: u64,
}

struct Awaited {
    number: u64,
    future: Py<PyAny>,
    /// Ends the operation when it is no longer awaited.
    _operation: Operation,
}

enum Operation {
    Task(AbortHandle),
    Wait(#[allow(dead_code, reason = "it lives as long as the wait")] Arc<()>),
}

impl Drop for Operation {
    fn drop(&mut self) {
        if let Operation::Task(task) = self {
            task.abort();
        }
    }
}

/// A future that waits for something to read.
pub(crate) struct Waiter {
    ended: Arc<Ended>,
    ticket: Ticket,
    alive: Weak<()>,
}

impl Waiter {
    pub(crate) fn is_alive(&self) -> bool {
        self.alive.strong_count() > 0
    }

    pub(crate) fn wake(&self) {
        self.ended.push(self.ticket, Ok(Outcome::Done));
    }
}

impl Ended {
    fn push(&self, ticket: Ticket, end: End) {
        let mut queue = lock(&self.queue);
        queue.push((ticket, end));
        if queue.len() == 1 {
            // Where it is full, or nobody reads it any more, there is nobody to wake.
            let _ = (&self.writer).write(&[1]);
        }
    }
}

#[pymethods]
impl Bridge {
    #[new]
    fn new(event_loop: &Bound<'_, PyAny>) -> PyResult<Self> {
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        writer.set_nonblocking(true)?;
        Ok(Bridge {
            process: std::process::id(),
            event_loop: PyWeakrefReference::new(event_loop)?.unbind(),
            reader,
            ended: Arc::new(Ended { queue: Mutex::default(), writer }),
            awaited: Mutex::default(),
            next: AtomicU64::new(0),
        })
    }

    /// What the loop watches.
    fn fileno(&self) -> i32 {
        self.reader.as_raw_fd()
    }

    /// Tells the futures of operations that have ended.
    fn drain(&self, py: Python<'_>) -> PyResult<()> {
        let mut bytes = [0; 16];
        while (&self.reader).read(&mut bytes).is_ok_and(|read| read == bytes.len()) {}
        let ended = mem::take(&mut *lock(&self.ended.queue));
        for (ticket, end) in ended {
            let Some(future) = self.taken(ticket) else { continue };
            let future = future.bind(py);
            if future.call_method0(intern!(py, "done"))?.is_truthy()? {
                continue;
            }
            match end.map(|outcome| outcome.into_python(py)) {
                Ok(Ok(value)) => future.call_method1(intern!(py, "set_result"), (value,))?,
                Ok(Err(error)) => future.call_method1(intern!(py, "set_exception"), (error,))?,
                Err(error) => future.call_method1(intern!(py, "set_exception"), (raised(py, &error),))?,
            };
        }
        Ok(())
    }

    /// Gives up the operation of a future that is no longer awaited.
    fn forget(&self, future: &Bound<'_, PyAny>) {
        let given_up = lock(&self.awaited).remove(&(future.as_ptr() as usize));
        drop(given_up);
    }
}

impl Bridge {
    /// An awaitable of the operation, which begins here and now: those begun one after the other are so for the daemon too.
    pub(crate) fn start<'py>(
        &self,
        py: Python<'py>,
        operation: impl Future<Output = End> + Send + 'static,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.own(py)?;
        let runtime = runtime().map_err(|error| raised(py, &error))?;
        let mut operation: Pin<Box<dyn Future<Output = End> + Send>> = Box::pin(operation);
        let first = {
            let _inside = runtime.enter();
            operation.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        };
        let future = self.future(py)?;
        if let Poll::Ready(end) = first {
            let value = end.map_err(|error| raised(py, &error))?.into_python(py)?;
            future.call_method1(intern!(py, "set_result"), (value,))?;
            return Ok(future);
        }
        let ticket = self.ticket(&future);
        let ended = Arc::clone(&self.ended);
        let task = runtime.spawn(async move { ended.push(ticket, operation.await) });
        self.hold(ticket, &future, Operation::Task(task.abort_handle()));
        Ok(future)
    }

    /// An awaitable that the waiter beside it ends.
    pub(crate) fn waiter<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Waiter)> {
        self.own(py)?;
        let future = self.future(py)?;
        let ticket = self.ticket(&future);
        let alive = Arc::new(());
        let waiter = Waiter { ended: Arc::clone(&self.ended), ticket, alive: Arc::downgrade(&alive) };
        self.hold(ticket, &future, Operation::Wait(alive));
        Ok((future, waiter))
    }

    fn future<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let event_loop = self.event_loop.bind(py).upgrade();
        let event_loop = event_loop.ok_or_else(|| PyRuntimeError::new_err("the event loop is gone"))?;
        event_loop.call_method0(intern!(py, "create_future"))
    }

    fn ticket(&self, future: &Bound<'_, PyAny>) -> Ticket {
        Ticket { place: future.as_ptr() as usize, number: self.next.fetch_add(1, Ordering::Relaxed) }
    }

    /// Its end cannot have come yet: `drain` runs in this thread.
    fn hold(&self, ticket: Ticket, future: &Bound<'_, PyAny>, operation: Operation) {
        let future = future.clone().unbind();
        let held = Awaited { number: ticket.number, future, _operation: operation };
        lock(&self.awaited).insert(ticket.place, held);
    }

    fn taken(&self, ticket: Ticket) -> Option<Py<PyAny>> {
        let mut awaited = lock(&self.awaited);
        if awaited.get(&ticket.place)?.number != ticket.number {
            return None;
        }
        awaited.remove(&ticket.place).map(|awaited| awaited.future)
    }

    fn own(&self, py: Python<'_>) -> PyResult<()> {
        if self.process == std::process::id() {
            return Ok(());
        }
        let message = "this event loop belongs to the parent process: run a new one after the fork";
        Err(raised(py, &Error::new(Kind::Forked, message)))
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        if self.process != std::process::id() {
            // The runtime that the operations belong to is the parent's.
            let awaited = self.awaited.get_mut().unwrap_or_else(PoisonError::into_inner);
            mem::forget(mem::take(awaited));
        }
    }
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics between two consistent states.
    held.lock().unwrap_or_else(PoisonError::into_inner)
}
