//! What Python sees: events, members, errors.

use gossiperl_bindings::{Error, Event, Member, MemberEvent, MemberKind, MemberState, MessageId, Name};
use pyo3::{
    prelude::*,
    sync::PyOnceLock,
    types::{PyBytes, PyList, PyString, PyTuple},
};

use crate::names::{self, text, texts};

/// A message. See `_native.pyi`.
#[pyclass(frozen, module = "gossiperl", name = "Delivery")]
pub(crate) struct Delivery {
    /// The event type that it was published with.
    #[pyo3(get, name = "type")]
    event_type: Py<PyString>,
    /// What was published, 0 to 60,000 bytes.
    #[pyo3(get)]
    payload: Py<PyBytes>,
    id: Id,
}

enum Id {
    Numbered { publisher: i64, sequence: i64 },
    Envelope(Box<[u8]>),
}

#[pymethods]
impl Delivery {
    #[classattr]
    #[pyo3(name = "__match_args__")]
    fn match_args() -> (&'static str, &'static str) {
        ("type", "payload")
    }

    /// One made by hand, for tests of what handles deliveries.
    #[new]
    #[pyo3(signature = (r#type, payload, id = None))]
    fn new(r#type: Py<PyString>, payload: Py<PyBytes>, id: Option<&Bound<'_, PyString>>) -> PyResult<Self> {
        let id = id.map(names::bytes).transpose()?.unwrap_or_default();
        Ok(Delivery { event_type: r#type, payload, id: Id::Envelope(id.into()) })
    }

    /// What makes it the same message: a subscriber gets each once.
    #[getter]
    fn id<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        match &self.id {
            Id::Numbered { publisher, sequence } => {
                Ok(PyString::new(py, &format!("{publisher:016x}-{sequence}")))
            }
            Id::Envelope(id) => text(py, id),
        }
    }

    /// The payload read as typed fields.
    fn digest<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        static DIGEST: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        DIGEST.import(py, "gossiperl._digest", "Digest")?.call_method1("decode", (self.payload.bind(py),))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let (event_type, payload) = (self.event_type.bind(py).repr()?, self.payload.bind(py).repr()?);
        Ok(format!("Delivery(type={event_type}, payload={payload}, id={})", self.id(py)?.repr()?))
    }
}

/// The events as a list.
pub(crate) fn events<'py>(py: Python<'py>, events: Vec<Event>) -> PyResult<Bound<'py, PyList>> {
    let mut last: Option<(Vec<u8>, Bound<'py, PyString>)> = None;
    let mut converted: Vec<Bound<'py, PyAny>> = Vec::with_capacity(events.len());
    for event in events {
        let Event::Delivery(delivery) = event else {
            converted.push(rare(py, event)?);
            continue;
        };
        let event_type = match &last {
            Some((name, text)) if name == delivery.event_type() => text.clone(),
            _ => {
                let text = text(py, delivery.event_type())?;
                last = Some((delivery.event_type().to_vec(), text.clone()));
                text
            }
        };
        let payload = PyBytes::new(py, delivery.payload());
        let id = match delivery.id() {
            MessageId::Numbered { publisher, sequence } => Id::Numbered { publisher, sequence },
            MessageId::Envelope(id) => Id::Envelope(id.as_ref().into()),
            _ => Id::Envelope(Box::default()),
        };
        let delivery = Delivery { event_type: event_type.unbind(), payload: payload.unbind(), id };
        converted.push(Bound::new(py, delivery)?.into_any());
    }
    PyList::new(py, converted)
}

/// An event that is no delivery.
fn rare(py: Python<'_>, event: Event) -> PyResult<Bound<'_, PyAny>> {
    let class = |name: &str| py.import("gossiperl._events")?.getattr(name);
    match event {
        Event::Connected { daemon, resumed } => class("Connected")?.call1((text(py, &daemon)?, resumed)),
        Event::Disconnected { reason } => class("Disconnected")?.call1((reason,)),
        Event::Subscribed { event_types } => class("Subscribed")?.call1((tuple(py, &event_types)?,)),
        Event::Unsubscribed { event_types } => class("Unsubscribed")?.call1((tuple(py, &event_types)?,)),
        Event::Member(MemberEvent { change, member, .. }) => {
            class("MemberChanged")?.call1((change.as_str(), python_member(py, &member)?))
        }
        Event::Failed(error) => class("Failed")?.call1((raised(py, &error).into_value(py),)),
        Event::Dropped { event_type, count } => {
            let event_type = event_type.map(|name| text(py, &name)).transpose()?;
            class("Dropped")?.call1((event_type, count))
        }
        Event::Paused { event_type } => class("Paused")?.call1((text(py, &event_type)?,)),
        Event::Resumed { event_type } => class("Resumed")?.call1((text(py, &event_type)?,)),
        // Those are converted by `events`.
        Event::Delivery(_) => Ok(py.None().into_bound(py)),
    }
}

fn tuple<'py>(py: Python<'py>, names: &[Name]) -> PyResult<Bound<'py, PyTuple>> {
    Ok(texts(py, names)?.to_tuple())
}

/// The members as a list.
pub(crate) fn members<'py>(py: Python<'py>, members: &[Member]) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for member in members {
        list.append(python_member(py, member)?)?;
    }
    Ok(list)
}

fn python_member<'py>(py: Python<'py>, member: &Member) -> PyResult<Bound<'py, PyAny>> {
    static MEMBER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let kind = match member.kind {
        MemberKind::Daemon => "daemon",
        MemberKind::Client => "client",
        _ => "unknown",
    };
    let state = match member.state {
        MemberState::Reachable => "reachable",
        MemberState::Quarantine => "quarantine",
        MemberState::Left => "left",
        _ => "unreachable",
    };
    let address = member.address.map(|address| (address.ip().to_string(), address.port()));
    let rack = member.rack.as_ref().map(|rack| text(py, rack)).transpose()?;
    MEMBER.import(py, "gossiperl._events", "Member")?.call1((
        text(py, &member.name)?,
        kind,
        state,
        address,
        rack,
        member.heartbeat,
    ))
}

/// The error as an exception of its kind's class.
pub(crate) fn raised(py: Python<'_>, error: &Error) -> PyErr {
    static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let made = MAKE
        .import(py, "gossiperl._errors", "error_of")
        .and_then(|make| make.call1((error.kind.as_str(), error.message.as_str(), error.option, error.code)));
    made.map_or_else(|error| error, PyErr::from_value)
}
