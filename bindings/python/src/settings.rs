//! Options from Python.

use gossiperl_bindings::{Connection as Core, Error, Kind, Settings as CoreSettings};
use pyo3::{
    prelude::*,
    types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyString},
};
use zeroize::Zeroizing;

use crate::{
    bridge::Bridge,
    connection::Connection,
    convert::raised,
    names,
    wait::{Outcome, run},
};

/// The options of a client, by name.
#[pyclass(frozen, module = "gossiperl._native")]
pub(crate) struct Settings {
    settings: CoreSettings,
}

#[pymethods]
impl Settings {
    /// From a `dict` with all options; `None` stands for the default.
    #[new]
    fn new(options: &Bound<'_, PyDict>) -> PyResult<Self> {
        let py = options.py();
        let given = Given { options };
        let required = |option| wrong(py, option, &format!("{option} is missing"), None);
        let port = given.number("port")?.ok_or_else(|| required("port"))?;
        let name = given.bytes("name")?.ok_or_else(|| required("name"))?;
        let key = given.bytes("key")?.ok_or_else(|| required("key"))?;
        let mut settings = CoreSettings::new(port, name.as_slice(), key.as_slice());
        settings.overlay = given.text("overlay")?;
        settings.secret = given.bytes("secret")?.unwrap_or_default();
        settings.additional_keys = given.list("additional_keys")?;
        settings.protocol = given.number("protocol")?;
        settings.address = given.text("address")?;
        settings.connect_timeout = given.seconds("connect_timeout")?;
        settings.close_timeout = given.seconds("close_timeout")?;
        settings.publish_window = given.number("publish_window")?;
        settings.publish_window_bytes = given.number("publish_window_bytes")?;
        settings.delivery_buffer = given.number("delivery_buffer")?;
        settings.delivery_buffer_bytes = given.number("delivery_buffer_bytes")?;
        settings.slow_policy = given.text("slow_policy")?;
        Ok(Settings { settings })
    }

    /// A connection, once it has a session.
    fn connect<'py>(
        &self,
        py: Python<'py>,
        bridge: Option<&Bound<'py, Bridge>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let settings = self.settings.clone();
        run(py, bridge, async move { Core::connect(&settings).await.map(Box::new).map(Outcome::Connected) })
    }

    /// A connection, at once.
    fn start(&self, py: Python<'_>) -> PyResult<Connection> {
        Core::start(&self.settings).map(Connection::new).map_err(|error| raised(py, &error))
    }
}

struct Given<'a, 'py> {
    options: &'a Bound<'py, PyDict>,
}

impl<'py> Given<'_, 'py> {
    fn value(&self, option: &'static str) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(self.options.get_item(option)?.filter(|value| !value.is_none()))
    }

    fn number(&self, option: &'static str) -> PyResult<Option<i64>> {
        let Some(value) = self.value(option)? else { return Ok(None) };
        if !value.is_instance_of::<PyInt>() || value.is_instance_of::<PyBool>() {
            return Err(other(option, &value, "an int"));
        }
        value.extract().map(Some).map_err(|cause| {
            wrong(value.py(), option, &format!("{option} is {value}: that is out of its range"), Some(cause))
        })
    }

    fn seconds(&self, option: &'static str) -> PyResult<Option<f64>> {
        let Some(value) = self.value(option)? else { return Ok(None) };
        let number = value.is_instance_of::<PyInt>() || value.is_instance_of::<PyFloat>();
        if !number || value.is_instance_of::<PyBool>() {
            return Err(other(option, &value, "seconds, an int or a float"));
        }
        value
            .extract()
            .map(Some)
            .map_err(|cause| wrong(value.py(), option, &format!("{option} is out of its range"), Some(cause)))
    }

    fn text(&self, option: &'static str) -> PyResult<Option<String>> {
        let Some(value) = self.value(option)? else { return Ok(None) };
        let text = value.cast::<PyString>().map_err(|_| other(option, &value, "a str"))?;
        // A lone surrogate is a wrong address or policy, and of an overlay's name only shown.
        Ok(Some(text.to_string_lossy().into_owned()))
    }

    fn bytes(&self, option: &'static str) -> PyResult<Option<Zeroizing<Vec<u8>>>> {
        self.value(option)?.map(|value| bytes_of(option, &value)).transpose()
    }

    fn list(&self, option: &'static str) -> PyResult<Vec<Zeroizing<Vec<u8>>>> {
        let Some(value) = self.value(option)? else { return Ok(Vec::new()) };
        if value.is_instance_of::<PyString>() || value.is_instance_of::<PyBytes>() {
            return Err(other(option, &value, "a sequence of str or bytes"));
        }
        let items = value.try_iter().map_err(|_| other(option, &value, "a sequence of str or bytes"))?;
        items.map(|item| bytes_of(option, &item?)).collect()
    }
}

fn bytes_of(option: &'static str, value: &Bound<'_, PyAny>) -> PyResult<Zeroizing<Vec<u8>>> {
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(Zeroizing::new(bytes.as_bytes().to_vec()));
    }
    let text = value.cast::<PyString>().map_err(|_| other(option, value, "a str or bytes"))?;
    names::bytes(text).map(Zeroizing::new).map_err(|cause| {
        let message = format!("{option} has a lone surrogate that stands for no byte");
        wrong(value.py(), option, &message, Some(cause))
    })
}

/// An option of another type. Its value is not shown: it may be a secret.
fn other(option: &'static str, value: &Bound<'_, PyAny>, wanted: &str) -> PyErr {
    let found = value.get_type().name().map_or_else(|_| String::new(), |name| name.to_string());
    let cause = pyo3::exceptions::PyTypeError::new_err(format!("{found} is not {wanted}"));
    wrong(value.py(), option, &format!("{option} is of type {found}: give {wanted}"), Some(cause))
}

fn wrong(py: Python<'_>, option: &'static str, message: &str, cause: Option<PyErr>) -> PyErr {
    let error = Error {
        option: Some(option),
        ..Error::new(Kind::Option, format!("wrong option {option}: {message}"))
    };
    let error = raised(py, &error);
    error.set_cause(py, cause);
    error
}
