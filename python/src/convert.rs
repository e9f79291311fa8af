//! Between Python's values and the library's.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use redismutex::Holder;
use std::time::{Duration, SystemTime};

/// A key: `str` or `bytes`.
pub(crate) struct KeyBytes(pub(crate) Vec<u8>);

impl<'py> FromPyObject<'_, 'py> for KeyBytes {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(text) = value.cast::<PyString>() {
            return Ok(Self(text.to_cow()?.into_owned().into_bytes()));
        }
        if let Ok(bytes) = value.cast::<PyBytes>() {
            return Ok(Self(bytes.as_bytes().to_vec()));
        }
        Err(PyTypeError::new_err(format!(
            "a key is str or bytes, not {}",
            value.get_type().name()?
        )))
    }
}

/// A time in seconds.
#[derive(Clone, Copy)]
pub(crate) struct Seconds(pub(crate) Duration);

impl<'py> FromPyObject<'_, 'py> for Seconds {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let seconds: f64 = value.extract()?;
        Duration::try_from_secs_f64(seconds)
            .map(Self)
            .map_err(|error| PyValueError::new_err(format!("{seconds} seconds: {error}")))
    }
}

/// What one is told of a holder: value, remaining, fence, label, since.
pub(crate) type HolderParts = (String, Option<f64>, Option<u64>, Option<String>, Option<f64>);

pub(crate) fn holder_parts(holder: Holder) -> HolderParts {
    let since = holder.since.and_then(|since| since.duration_since(SystemTime::UNIX_EPOCH).ok());
    (
        holder.value,
        holder.remaining.map(|left| left.as_secs_f64()),
        holder.fence.map(u64::from),
        holder.label,
        since.map(|since| since.as_secs_f64()),
    )
}
