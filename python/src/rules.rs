//! The rules, for acquisitions through the user's own client.
//!
//! Knows: how Python's replies and exceptions are to be read. Must not know: any client; Python runs the
//! calls.

use crate::convert::{HolderParts, KeyBytes, Seconds, holder_parts};
use crate::errors::raised;
use crate::signals::Process;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt, PyList, PyString, PyTuple};
use redismutex::internal::Reply;
use redismutex::internal::python::Lookout;
use redismutex::internal::rules::{self, Answer, Lasting, Step, Trouble, Wish};
use std::sync::{Mutex, MutexGuard, PoisonError};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A script to be run.
#[pyclass(frozen, module = "redismutex._core")]
pub(crate) struct Call(rules::Call);

#[pymethods]
impl Call {
    #[getter]
    fn name(&self) -> &'static str {
        self.0.name
    }

    #[getter]
    fn script(&self) -> &'static str {
        self.0.script
    }

    #[getter]
    fn keys<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyBytes>> {
        self.0.keys.iter().map(|key| PyBytes::new(py, key)).collect()
    }

    #[getter]
    fn args<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyBytes>> {
        self.0.args.iter().map(|arg| PyBytes::new(py, arg)).collect()
    }
}

/// What came of a call: a reply, or `("refused" | "not sent" | "silence", words)`.
pub(crate) struct Told(Answer);

impl<'py> FromPyObject<'_, 'py> for Told {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let Ok(trouble) = value.cast::<PyTuple>() else {
            return Ok(Self(Ok(reply(&value)?)));
        };
        let (kind, words): (String, String) = trouble.extract()?;
        Ok(Self(Err(match &*kind {
            "refused" => Trouble::Refused(words),
            "not sent" => Trouble::NotSent(words),
            _ => Trouble::Silence(words),
        })))
    }
}

fn reply(value: &Bound<'_, PyAny>) -> PyResult<Reply> {
    if value.is_none() {
        return Ok(Reply::Nil);
    }
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(Reply::Bytes(bytes.as_bytes().to_vec()));
    }
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(Reply::Bytes(text.to_cow()?.into_owned().into_bytes()));
    }
    if value.cast::<PyInt>().is_ok() {
        return Ok(Reply::Int(value.extract()?));
    }
    if let Ok(list) = value.cast::<PyList>() {
        return list.iter().map(|item| reply(&item)).collect::<PyResult<_>>().map(Reply::List);
    }
    Err(PyTypeError::new_err(format!("no reply of a server: {}", value.get_type().name()?)))
}

/// The clock that the rules go by, in nanoseconds.
#[pyfunction]
pub(crate) fn now() -> u64 {
    rules::now()
}

/// An acquisition on its way.
#[pyclass(frozen, module = "redismutex._core")]
pub(crate) struct Acquiring(Mutex<rules::Acquiring>);

#[pymethods]
impl Acquiring {
    #[new]
    #[allow(clippy::too_many_arguments, reason = "one for each setting, given by name")]
    fn new(
        py: Python<'_>,
        key: KeyBytes,
        token: &str,
        block_time: Seconds,
        delay: Seconds,
        expiry: Seconds,
        max_hold: Option<Seconds>,
        label: &str,
        queues: bool,
    ) -> PyResult<Self> {
        let wish = Wish {
            key: &key.0,
            token,
            block_time: block_time.0,
            delay: delay.0,
            expiry: expiry.0,
            max_hold: max_hold.map(|longest| longest.0),
            label,
        };
        let acquiring = rules::Acquiring::new(&wish, queues);
        acquiring.map(|acquiring| Self(Mutex::new(acquiring))).map_err(|error| raised(py, &error))
    }

    /// What to do: run a `Call`, wait for some seconds, or be glad of a `Tenure`.
    fn step(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let step = lock(&self.0).step();
        Ok(match step.map_err(|error| raised(py, &error))? {
            Step::Call(call) => Bound::new(py, Call(call))?.into_any().unbind(),
            Step::Wait(wait) => wait.as_secs_f64().into_pyobject(py)?.into_any().unbind(),
            Step::Granted(tenure) => Bound::new(py, Tenure::new(tenure))?.into_any().unbind(),
        })
    }

    fn answered(&self, sent: u64, answer: Told) {
        lock(&self.0).answered(sent, answer.0);
    }

    fn without_queue(&self) {
        lock(&self.0).without_queue();
    }

    /// What undoes it: a call, whether to run it until the end, and that end.
    fn undo(&self) -> Option<(Call, bool, u64)> {
        lock(&self.0).undo().map(|undo| (Call(undo.call), undo.again, undo.until))
    }
}

/// What a call asks for, so that a lock lasts.
#[pyclass(frozen, module = "redismutex._core")]
pub(crate) struct Wanted(rules::Wanted);

/// A lock that is held for a time.
#[pyclass(frozen, module = "redismutex._core")]
pub(crate) struct Tenure {
    tenure: rules::Tenure,
    lookout: Lookout,
    process: Process,
}

#[pymethods]
impl Tenure {
    #[getter]
    fn fence(&self) -> Option<u64> {
        self.tenure.fence().map(u64::from)
    }

    fn remaining(&self) -> f64 {
        self.lookout.remaining().as_secs_f64()
    }

    fn is_valid(&self) -> bool {
        self.lookout.is_valid()
    }

    fn is_lost(&self) -> bool {
        !self.process.is_this() || self.lookout.is_lost()
    }

    fn first_due(&self) -> f64 {
        self.tenure.first_due().as_secs_f64()
    }

    /// The call that lets it last and what it asks for; `None`: there is nothing to be prolonged.
    fn extend(&self, py: Python<'_>, expiry: Option<Seconds>) -> PyResult<Option<(Call, Wanted)>> {
        let wanted = self.tenure.extend(expiry.map(|expiry| expiry.0));
        let wanted = wanted.map_err(|error| raised(py, &error))?;
        Ok(wanted.map(|(call, wanted)| (Call(call), Wanted(wanted))))
    }

    /// What came of it: `("yes", seconds to the next)`, `("lost", 0)` or `("again", seconds)`.
    fn extended(
        &self,
        py: Python<'_>,
        sent: u64,
        wanted: &Wanted,
        expiry: Option<Seconds>,
        answer: Told,
    ) -> PyResult<(&'static str, f64)> {
        match self.tenure.extended(sent, wanted.0, expiry.map(|expiry| expiry.0), answer.0) {
            Lasting::Yes(next) => Ok(("yes", next.as_secs_f64())),
            Lasting::Lost => Ok(("lost", 0.0)),
            Lasting::Again(pause) => Ok(("again", pause.as_secs_f64())),
            Lasting::Refused(error) => Err(raised(py, &error)),
        }
    }

    fn release(&self) -> Releasing {
        Releasing(Mutex::new(self.tenure.release()))
    }

    fn leak(&self) {
        self.tenure.leak();
    }
}

impl Tenure {
    fn new(tenure: rules::Tenure) -> Self {
        Self { lookout: tenure.lookout(), tenure, process: Process::this() }
    }
}

/// A lock on its way back.
#[pyclass(frozen, module = "redismutex._core")]
pub(crate) struct Releasing(Mutex<rules::Releasing>);

#[pymethods]
impl Releasing {
    fn call(&self) -> Call {
        Call(lock(&self.0).call())
    }

    #[getter]
    fn until(&self) -> u64 {
        lock(&self.0).until()
    }

    /// `None`: it is done. Else run it again after so many seconds.
    fn answered(&self, py: Python<'_>, answer: Told) -> PyResult<Option<f64>> {
        let answered = lock(&self.0).answered(answer.0);
        Ok(answered.map_err(|error| raised(py, &error))?.map(|pause| pause.as_secs_f64()))
    }
}

/// What looks at the lock of `key`.
#[pyfunction]
pub(crate) fn inspect(py: Python<'_>, key: KeyBytes) -> PyResult<Call> {
    rules::inspect(&key.0).map(Call).map_err(|error| raised(py, &error))
}

/// Who holds it, by what `inspect` saw.
#[pyfunction]
pub(crate) fn inspected(
    py: Python<'_>,
    key: KeyBytes,
    answer: Told,
) -> PyResult<Option<HolderParts>> {
    let inspection = rules::inspected(&key.0, answer.0).map_err(|error| raised(py, &error))?;
    Ok(inspection.holder.map(holder_parts))
}

/// What gives back the lock that stands under `token`.
#[pyfunction]
pub(crate) fn release(py: Python<'_>, key: KeyBytes, token: &str) -> PyResult<Call> {
    rules::release(&key.0, token).map(Call).map_err(|error| raised(py, &error))
}

/// Whether `release` found it there.
#[pyfunction]
pub(crate) fn released(py: Python<'_>, key: KeyBytes, answer: Told) -> PyResult<bool> {
    rules::released(&key.0, answer.0).map_err(|error| raised(py, &error))
}
