//! A connection as Python's code of the package uses it.
//!
//! What waits takes a bridge: with one it gives an awaitable of that event loop, without it waits in the calling thread.

use std::{
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use gossiperl_bindings::{Connection as Core, Error, Kind, Name, State};
use pyo3::{
    exceptions::PyTypeError,
    prelude::*,
    types::{PyByteArray, PyBytes, PyList, PyMapping, PyMemoryView, PyString, PyTuple},
};

use crate::{
    bridge::Bridge,
    convert::{events, raised},
    digest::written,
    inbox::Inbox,
    names::{bytes, name, text},
    wait::{Outcome, run},
};

/// An open connection.
#[pyclass(frozen, module = "gossiperl._native")]
pub(crate) struct Connection {
    process: u32,
    inbox: Arc<Inbox>,
}

impl Connection {
    pub(crate) fn new(core: Core) -> Self {
        Connection { process: std::process::id(), inbox: Arc::new(Inbox::new(core)) }
    }

    fn core(&self, py: Python<'_>) -> PyResult<&Core> {
        self.own(py)?;
        Ok(&self.inbox.connection)
    }

    /// Locks that a child process inherits may be held for ever: nothing of the connection is touched there.
    fn own(&self, py: Python<'_>) -> PyResult<()> {
        if self.process == std::process::id() {
            return Ok(());
        }
        let message = "this client belongs to the parent process: make a new one after the fork";
        Err(raised(py, &Error::new(Kind::Forked, message)))
    }

    fn run<'py, F: Future<Output = Result<Outcome, Error>> + Send + 'static>(
        &self,
        py: Python<'py>,
        bridge: Option<&Bound<'py, Bridge>>,
        operation: impl FnOnce(Arc<Inbox>) -> F,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.own(py)?;
        run(py, bridge, operation(Arc::clone(&self.inbox)))
    }
}

#[pymethods]
impl Connection {
    /// `connecting`, `connected` or `closed`, and the daemon's name.
    fn state<'py>(&self, py: Python<'py>) -> PyResult<(&'static str, Option<Bound<'py, PyString>>)> {
        let state = self.core(py)?.state();
        let daemon = match &state {
            State::Connected(daemon) => Some(text(py, daemon)?),
            _ => None,
        };
        Ok((state.name(), daemon))
    }

    fn subscribe<'py>(
        &self,
        py: Python<'py>,
        bridge: Option<&Bound<'py, Bridge>>,
        event_types: &Bound<'py, PyTuple>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let event_types = names(event_types)?;
        self.run(py, bridge, |inbox| async move {
            inbox.connection.subscribe(event_types).await.map(|()| Outcome::Done)
        })
    }

    fn unsubscribe<'py>(
        &self,
        py: Python<'py>,
        bridge: Option<&Bound<'py, Bridge>>,
        event_types: &Bound<'py, PyTuple>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let event_types = names(event_types)?;
        self.run(py, bridge, |inbox| async move {
            inbox.connection.unsubscribe(event_types).await.map(|()| Outcome::Done)
        })
    }

    fn subscriptions<'py>(
        &self,
        py: Python<'py>,
        bridge: Option<&Bound<'py, Bridge>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.run(
            py,
            bridge,
            |inbox| async move { Ok(Outcome::Names(inbox.connection.subscriptions().await)) },
        )
    }

    fn publish<'py>(
        &self,
        py: Python<'py>,
        bridge: Option<&Bound<'py, Bridge>>,
        event_type: &Bound<'py, PyString>,
        message: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (event_type, payload) = (name(event_type)?, payload(message, <[u8]>::to_vec)?);
        self.run(py, bridge, |inbox| async move {
            inbox.connection.publish(event_type, &payload).await.map(|()| Outcome::Done)
        })
    }

    fn send<'py>(
        &self,
        py: Python<'py>,
        bridge: Option<&Bound<'py, Bridge>>,
        event_type: &Bound<'py, PyString>,
        message: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (event_type, payload) = (name(event_type)?, payload(message, <[u8]>::to_vec)?);
        self.run(py, bridge, |inbox| async move {
            inbox.connection.send(event_type, &payload).await.map(|()| Outcome::Done)
        })
    }

    /// As `send` for many of one type, in order.
    fn send_all<'py>(
        &self,
        py: Python<'py>,
        bridge: Option<&Bound<'py, Bridge>>,
        event_type: &Bound<'py, PyString>,
        messages: &Bound<'py, PyList>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let event_type = name(event_type)?;
        let messages = messages
            .iter()
            .map(|message| Ok((event_type.clone(), payload(&message, <[u8]>::to_vec)?)))
            .collect::<PyResult<Vec<_>>>()?;
        self.run(py, bridge, |inbox| async move {
            inbox.connection.send_all(messages).await.map(|()| Outcome::Done)
        })
    }

    /// As `send`, now; false where there is no room now.
    fn offer(
        &self,
        py: Python<'_>,
        event_type: &Bound<'_, PyString>,
        message: &Bound<'_, PyAny>,
    ) -> PyResult<bool> {
        match self.tried(py, event_type, message)? {
            Ok(()) => Ok(true),
            Err(error) if error.kind == Kind::Busy => Ok(false),
            Err(error) => Err(raised(py, &error)),
        }
    }

    /// As `send`, now or with the error `busy`.
    fn try_send(
        &self,
        py: Python<'_>,
        event_type: &Bound<'_, PyString>,
        message: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        self.tried(py, event_type, message)?.map_err(|error| raised(py, &error))
    }

    fn flush<'py>(
        &self,
        py: Python<'py>,
        bridge: Option<&Bound<'py, Bridge>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.run(py, bridge, |inbox| async move { inbox.connection.flush().await.map(|()| Outcome::Done) })
    }

    fn members<'py>(
        &self,
        py: Python<'py>,
        bridge: Option<&Bound<'py, Bridge>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.run(py, bridge, |inbox| async move { inbox.connection.members().await.map(Outcome::Members) })
    }

    fn watch_members<'py>(
        &self,
        py: Python<'py>,
        bridge: Option<&Bound<'py, Bridge>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.run(
            py,
            bridge,
            |inbox| async move { inbox.connection.watch_members().await.map(Outcome::Members) },
        )
    }

    fn drain<'py>(
        &self,
        py: Python<'py>,
        bridge: Option<&Bound<'py, Bridge>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.run(py, bridge, |inbox| async move { inbox.connection.drain().await.map(|()| Outcome::Done) })
    }

    fn close<'py>(
        &self,
        py: Python<'py>,
        bridge: Option<&Bound<'py, Bridge>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.run(py, bridge, |inbox| async move { inbox.connection.close().await.map(|()| Outcome::Done) })
    }

    fn add_key(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> PyResult<()> {
        let core = self.core(py)?;
        let added = if let Ok(text) = key.cast::<PyString>() {
            core.add_key(&zeroize::Zeroizing::new(bytes(text)?))
        } else {
            core.add_key(key.cast::<PyBytes>()?.as_bytes())
        };
        added.map_err(|error| raised(py, &error))
    }

    /// At most `max` of the events there are, perhaps none; `None`: there will be no more.
    fn take<'py>(&self, py: Python<'py>, max: usize) -> PyResult<Option<Bound<'py, PyList>>> {
        self.own(py)?;
        let taken = self.inbox.take(max).map_err(|error| raised(py, &error))?;
        taken.map(|taken| events(py, taken)).transpose()
    }

    /// An awaitable that ends once `take` has something to give.
    fn readable<'py>(&self, py: Python<'py>, bridge: &Bound<'py, Bridge>) -> PyResult<Bound<'py, PyAny>> {
        self.own(py)?;
        let (future, waiter) = bridge.get().waiter(py)?;
        self.inbox.wake(waiter).map_err(|error| raised(py, &error))?;
        Ok(future)
    }

    /// Waits in this thread until `take` has something to give, or for so many seconds; says whether it has.
    #[pyo3(signature = (timeout = None))]
    fn wait_readable(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        self.own(py)?;
        let until = timeout
            .and_then(|timeout| Duration::try_from_secs_f64(timeout.max(0.0)).ok())
            .and_then(|timeout| Instant::now().checked_add(timeout));
        let wait = self.inbox.thread().map_err(|error| raised(py, &error))?;
        loop {
            if py.detach(|| wait.wait(until)) {
                return Ok(true);
            }
            py.check_signals()?;
            if until.is_some_and(|until| until <= Instant::now()) {
                return Ok(false);
            }
        }
    }
}

impl Connection {
    fn tried(
        &self,
        py: Python<'_>,
        event_type: &Bound<'_, PyString>,
        message: &Bound<'_, PyAny>,
    ) -> PyResult<Result<(), Error>> {
        let core = self.core(py)?;
        let event_type = name(event_type)?;
        payload(message, |payload| core.try_send(event_type, payload))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.process == std::process::id() {
            self.inbox.stop();
        } else {
            mem::forget(Arc::clone(&self.inbox));
        }
    }
}

fn names(event_types: &Bound<'_, PyTuple>) -> PyResult<Vec<Name>> {
    event_types.iter().map(|event_type| name(event_type.cast::<PyString>()?)).collect()
}

/// Uses the bytes of a message: of bytes, of what is like them, or of a digest's fields.
fn payload<T>(message: &Bound<'_, PyAny>, using: impl FnOnce(&[u8]) -> T) -> PyResult<T> {
    if let Ok(bytes) = message.cast::<PyBytes>() {
        return Ok(using(bytes.as_bytes()));
    }
    if let Ok(bytes) = message.cast::<PyByteArray>() {
        return Ok(using(&bytes.to_vec()));
    }
    if message.is_instance_of::<PyMemoryView>() {
        let bytes = message.call_method0("tobytes")?;
        return Ok(using(bytes.cast::<PyBytes>()?.as_bytes()));
    }
    if let Ok(fields) = message.cast::<PyMapping>() {
        return Ok(using(&written(fields)?));
    }
    let found = message.get_type().name()?;
    Err(PyTypeError::new_err(format!(
        "a message is bytes, or a digest's fields as a mapping of ids to values, not {found}"
    )))
}
