//! Names: bytes on the wire, `str` in Python, after PEP 383 both ways.

use gossiperl_bindings::{Error, Kind, Name};
use pyo3::{
    exceptions::PyUnicodeError,
    prelude::*,
    types::{PyBytes, PyList, PyString},
};

use crate::convert::raised;

/// The bytes as text; one that is not UTF-8 is a lone surrogate.
pub(crate) fn text<'py>(py: Python<'py>, name: &[u8]) -> PyResult<Bound<'py, PyString>> {
    match std::str::from_utf8(name) {
        Ok(text) => Ok(PyString::new(py, text)),
        Err(_) => {
            let bytes = PyBytes::new(py, name);
            PyString::from_encoded_object(bytes.as_any(), Some(c"utf-8"), Some(c"surrogateescape"))
        }
    }
}

/// A list of texts.
pub(crate) fn texts<'py>(py: Python<'py>, names: &[Name]) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for name in names {
        list.append(text(py, name)?)?;
    }
    Ok(list)
}

/// The name that a text stands for.
pub(crate) fn name(text: &Bound<'_, PyString>) -> PyResult<Name> {
    bytes(text).map(Name::from)
}

/// The bytes that a text stands for.
pub(crate) fn bytes(text: &Bound<'_, PyString>) -> PyResult<Vec<u8>> {
    if let Ok(text) = text.to_cow() {
        return Ok(text.into_owned().into_bytes());
    }
    let py = text.py();
    match text.call_method1("encode", ("utf-8", "surrogateescape")) {
        Ok(encoded) => Ok(encoded.cast::<PyBytes>()?.as_bytes().to_vec()),
        Err(cause) if cause.is_instance_of::<PyUnicodeError>(py) => {
            let message = "a name with a lone surrogate that stands for no byte: only U+DC80 to U+DCFF do";
            let error = raised(py, &Error::new(Kind::Argument, message));
            error.set_cause(py, Some(cause));
            Err(error)
        }
        Err(other) => Err(other),
    }
}
