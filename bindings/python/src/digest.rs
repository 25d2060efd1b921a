//! Digests of typed fields.

use gossiperl_bindings::{CustomDigest, Error, Kind, MAX_PAYLOAD, Value};
use pyo3::{
    exceptions::{PyOverflowError, PyTypeError},
    prelude::*,
    sync::PyOnceLock,
    types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyMapping, PyString, PyTuple},
};

use crate::{convert::raised, names};

/// Fields by id as the payload of a message.
#[pyfunction]
pub(crate) fn encode<'py>(py: Python<'py>, fields: &Bound<'py, PyMapping>) -> PyResult<Bound<'py, PyBytes>> {
    written(fields).map(|payload| PyBytes::new(py, &payload))
}

/// As [`encode`], for Rust.
pub(crate) fn written(fields: &Bound<'_, PyMapping>) -> PyResult<Vec<u8>> {
    let py = fields.py();
    let items: Bound<'_, PyList> = fields.items()?;
    let mut digest = CustomDigest::new();
    for item in items {
        let (id, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item.cast_into::<PyTuple>()?.extract()?;
        if !id.is_instance_of::<PyInt>() || id.is_instance_of::<PyBool>() {
            return Err(PyTypeError::new_err(format!(
                "the ids of a digest's fields are int, not {}",
                id.get_type().name()?
            )));
        }
        let id: i16 =
            id.extract().map_err(|cause| wrong(py, cause, &format!("the field id {id} of the digest")))?;
        digest.set(id, value_of(id, &value)?);
    }
    if digest.encoded_len() > MAX_PAYLOAD {
        let message =
            format!("the digest takes {} bytes: a message holds {MAX_PAYLOAD} at most", digest.encoded_len());
        return Err(raised(py, &Error::new(Kind::Argument, message)));
    }
    let mut payload = Vec::with_capacity(digest.encoded_len());
    digest.write(&mut payload);
    Ok(payload)
}

/// The fields of a payload, by rising id.
#[pyfunction]
pub(crate) fn decode<'py>(payload: &Bound<'py, PyBytes>) -> PyResult<Bound<'py, PyDict>> {
    let py = payload.py();
    let digest = CustomDigest::read(payload.as_bytes()).map_err(|error| {
        raised(py, &Error::new(Kind::Argument, format!("the payload is no digest: {error}")))
    })?;
    let kinds = Kinds::of(py)?;
    let fields = PyDict::new(py);
    for (id, value) in digest.fields() {
        match value {
            Value::Bool(value) => fields.set_item(id, value)?,
            Value::Byte(value) => fields.set_item(id, kinds.i8.bind(py).call1((value,))?)?,
            Value::I16(value) => fields.set_item(id, kinds.i16.bind(py).call1((value,))?)?,
            Value::I32(value) => fields.set_item(id, kinds.i32.bind(py).call1((value,))?)?,
            Value::I64(value) => fields.set_item(id, kinds.i64.bind(py).call1((value,))?)?,
            Value::Double(value) => fields.set_item(id, kinds.double.bind(py).call1((value,))?)?,
            Value::String(value) => {
                fields.set_item(id, kinds.string.bind(py).call1((PyBytes::new(py, value),))?)?;
            }
        }
    }
    Ok(fields)
}

fn value_of(id: i16, value: &Bound<'_, PyAny>) -> PyResult<Value> {
    let py = value.py();
    if let Ok(value) = value.cast::<PyBool>() {
        return Ok(Value::Bool(value.is_true()));
    }
    if value.is_instance_of::<PyInt>() {
        let kinds = Kinds::of(py)?;
        let is = |kind: &Py<PyAny>| value.is_instance(kind.bind(py));
        let converted = if is(&kinds.i8)? {
            value.extract().map(Value::Byte)
        } else if is(&kinds.i16)? {
            value.extract().map(Value::I16)
        } else if is(&kinds.i32)? {
            value.extract().map(Value::I32)
        } else {
            value.extract().map(Value::I64)
        };
        return converted.map_err(|cause| wrong(py, cause, &format!("{value} in field {id} of the digest")));
    }
    if let Ok(value) = value.cast::<PyFloat>() {
        return Ok(Value::Double(value.value()));
    }
    if let Ok(value) = value.cast::<PyString>() {
        return names::bytes(value).map(Value::String);
    }
    if let Ok(value) = value.cast::<PyBytes>() {
        return Ok(Value::String(value.as_bytes().to_vec()));
    }
    Err(PyTypeError::new_err(format!(
        "field {id} of the digest is {}: give bool, int, I8, I16, I32, I64, float, str or bytes",
        value.get_type().name()?
    )))
}

/// A number that its kind does not hold.
fn wrong(py: Python<'_>, cause: PyErr, what: &str) -> PyErr {
    if !cause.is_instance_of::<PyOverflowError>(py) {
        return cause;
    }
    let error = raised(py, &Error::new(Kind::Argument, format!("{what} is out of its range")));
    error.set_cause(py, Some(cause));
    error
}

/// The classes of the kinds, from `gossiperl._digest`.
struct Kinds {
    i8: Py<PyAny>,
    i16: Py<PyAny>,
    i32: Py<PyAny>,
    i64: Py<PyAny>,
    double: Py<PyAny>,
    string: Py<PyAny>,
}

impl Kinds {
    fn of(py: Python<'_>) -> PyResult<&'static Kinds> {
        static KINDS: PyOnceLock<Kinds> = PyOnceLock::new();
        KINDS.get_or_try_init(py, || {
            let module = py.import("gossiperl._digest")?;
            let class = |name: &str| module.getattr(name).map(Bound::unbind);
            Ok(Kinds {
                i8: class("I8")?,
                i16: class("I16")?,
                i32: class("I32")?,
                i64: class("I64")?,
                double: class("Double")?,
                string: class("String")?,
            })
        })
    }
}
