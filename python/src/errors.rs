//! The library's errors as the exceptions of `redismutex.errors`.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyModule, PyString};
use redismutex::{Error, Key};

static ERRORS: PyOnceLock<Py<PyModule>> = PyOnceLock::new();

/// An exception of that name, with a message and the key that it is about.
pub(crate) fn named(py: Python<'_>, name: &str, message: String, key: Option<&Key>) -> PyErr {
    make(py, name, message, key).map_or_else(|error| error, PyErr::from_value)
}

fn make<'py>(
    py: Python<'py>,
    name: &str,
    message: String,
    key: Option<&Key>,
) -> PyResult<Bound<'py, PyAny>> {
    let module =
        ERRORS.get_or_try_init(py, || Ok::<_, PyErr>(py.import("redismutex.errors")?.unbind()))?;
    module.bind(py).getattr(name)?.call1((message, key.map(|key| shown(py, key))))
}

/// The exception for an error of the library.
pub(crate) fn raised(py: Python<'_>, error: &Error) -> PyErr {
    let name = match error {
        Error::BlockTimeExceeded { .. } => "BlockTimeExceedError",
        Error::Lost { .. } => "LockLost",
        Error::Unavailable { .. } => "_unavailable",
        _ => "MutexConfigError",
    };
    named(py, name, error.to_string(), error.key())
}

/// What was made before a fork is of no use in the child.
pub(crate) fn forked(py: Python<'_>) -> PyErr {
    named(py, "_Forked", "made before a fork, in the parent process".to_owned(), None)
}

/// As text where it is text.
fn shown<'py>(py: Python<'py>, key: &Key) -> Bound<'py, PyAny> {
    match std::str::from_utf8(key.as_bytes()) {
        Ok(text) => PyString::new(py, text).into_any(),
        Err(_) => PyBytes::new(py, key.as_bytes()).into_any(),
    }
}
