//! Running an operation to its end: on the event loop, or in the calling thread.

use std::{pin::pin, time::Duration};

use gossiperl_bindings::{Connection as Core, Error, Member, Name, runtime};
use pyo3::prelude::*;

use crate::{
    bridge::Bridge,
    connection::Connection,
    convert::{members, raised},
    names::texts,
};

/// What an operation gives.
pub(crate) enum Outcome {
    Done,
    Connected(Box<Core>),
    Members(Vec<Member>),
    Names(Vec<Name>),
}

impl Outcome {
    pub(crate) fn into_python(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        Ok(match self {
            Outcome::Done => py.None().into_bound(py),
            Outcome::Connected(core) => Bound::new(py, Connection::new(*core))?.into_any(),
            Outcome::Members(list) => members(py, &list)?.into_any(),
            Outcome::Names(names) => texts(py, &names)?.into_any(),
        })
    }
}

/// How an operation ends.
pub(crate) type End = Result<Outcome, Error>;

/// An awaitable of the operation where there is a bridge to an event loop; its outcome, waited for here, where there is none.
pub(crate) fn run<'py>(
    py: Python<'py>,
    bridge: Option<&Bound<'py, Bridge>>,
    operation: impl Future<Output = End> + Send + 'static,
) -> PyResult<Bound<'py, PyAny>> {
    match bridge {
        Some(bridge) => bridge.get().start(py, operation),
        None => block(py, operation)?.map_err(|error| raised(py, &error))?.into_python(py),
    }
}

/// Waits in this thread, with the interpreter released; signals are looked after in between.
fn block<T: Send>(py: Python<'_>, operation: impl Future<Output = T> + Send) -> PyResult<T> {
    let runtime = runtime().map_err(|error| raised(py, &error))?;
    let mut operation = pin!(operation);
    loop {
        let ended =
            py.detach(|| runtime.block_on(async { tokio::time::timeout(SIGNALS, operation.as_mut()).await }));
        match ended {
            Ok(ended) => return Ok(ended),
            Err(_) => py.check_signals()?,
        }
    }
}

/// How long a signal such as Ctrl-C may wait to be looked after.
pub(crate) const SIGNALS: Duration = Duration::from_millis(50);
