//! The blocking mutex and its guard.

use crate::convert::{HolderParts, KeyBytes, Seconds, holder_parts};
use crate::errors::{forked, named, raised};
use crate::kept::{Kept, give_back_later};
use crate::server::{Server, Settings, set, told};
use crate::signals::interruptible;
use pyo3::prelude::*;
use redismutex::blocking;
use redismutex::internal::python as internal;
use redismutex::{Error, Key};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

/// A connection and settings.
#[pyclass(frozen, weakref, module = "redismutex._core")]
pub(crate) struct Mutex {
    // Before `kept`, which is to be the last.
    mutex: blocking::RedisMutex,
    kept: Arc<Kept<blocking::RedisMutex>>,
}

#[pymethods]
impl Mutex {
    #[new]
    fn new(py: Python<'_>, server: Server) -> PyResult<Self> {
        let built = told!(server, blocking::RedisMutex::builder).build();
        let mutex = built.map_err(|error| raised(py, &error))?;
        Ok(Self { kept: Arc::new(Kept::new(mutex.clone())), mutex })
    }

    /// The same connection with these settings.
    fn configured(&self, py: Python<'_>, settings: Settings) -> PyResult<Self> {
        let mutex = set!(self.mutex(py)?.clone(), settings);
        Ok(Self { mutex, kept: self.kept.clone() })
    }

    #[pyo3(signature = (key, token=None))]
    fn acquire(&self, py: Python<'_>, key: KeyBytes, token: Option<String>) -> PyResult<Guard> {
        let mutex = self.mutex(py)?;
        interruptible(py, |look| internal::acquire(mutex, &key.0, token.as_deref(), look))?
            .map(|guard| self.guard(guard))
            .map_err(|error| raised(py, &error))
    }

    #[pyo3(signature = (key, token=None))]
    fn try_acquire(
        &self,
        py: Python<'_>,
        key: KeyBytes,
        token: Option<String>,
    ) -> PyResult<Option<Guard>> {
        let once = self.mutex(py)?.clone().with_block_time(Duration::ZERO);
        match interruptible(py, |look| internal::acquire(&once, &key.0, token.as_deref(), look))? {
            Ok(guard) => Ok(Some(self.guard(guard))),
            Err(Error::BlockTimeExceeded { .. }) => Ok(None),
            Err(error) => Err(raised(py, &error)),
        }
    }

    fn holder(&self, py: Python<'_>, key: KeyBytes) -> PyResult<Option<HolderParts>> {
        let mutex = self.mutex(py)?;
        interruptible(py, |look| internal::inspect(mutex, &key.0, look))?
            .map(|seen| seen.holder.map(holder_parts))
            .map_err(|error| raised(py, &error))
    }

    fn release_by_force(&self, py: Python<'_>, key: KeyBytes) -> PyResult<bool> {
        let mutex = self.mutex(py)?;
        interruptible(py, |look| internal::release_by_force(mutex, &key.0, look))?
            .map_err(|error| raised(py, &error))
    }
}

impl Mutex {
    fn mutex(&self, py: Python<'_>) -> PyResult<&blocking::RedisMutex> {
        if self.kept.is_of_this_process() { Ok(&self.mutex) } else { Err(forked(py)) }
    }

    fn guard(&self, guard: blocking::Guard) -> Guard {
        Guard::new(guard, self.kept.clone())
    }
}

/// A lock that is held. Dropped, it is given back by the background.
#[pyclass(frozen, module = "redismutex._core")]
pub(crate) struct Guard {
    /// Taken out for as long as something is done with it.
    held: StdMutex<Option<blocking::Guard>>,
    lookout: internal::Lookout,
    key: Key,
    value: String,
    fence: Option<u64>,
    // The last field: see there.
    kept: Arc<Kept<blocking::RedisMutex>>,
}

#[pymethods]
impl Guard {
    #[getter]
    fn value(&self) -> &str {
        &self.value
    }

    #[getter]
    fn fence(&self) -> Option<u64> {
        self.fence
    }

    fn remaining(&self) -> f64 {
        self.lookout.remaining().as_secs_f64()
    }

    fn is_valid(&self) -> bool {
        self.lookout.is_valid()
    }

    fn is_lost(&self) -> bool {
        !self.kept.is_of_this_process() || self.lookout.is_lost()
    }

    /// Waits for up to so many seconds for the loss; tells whether it came.
    fn lost_within(&self, py: Python<'_>, seconds: Seconds) -> PyResult<bool> {
        let lookout = &self.lookout;
        py.check_signals()?;
        Ok(self.is_lost() || py.detach(|| lookout.lost_within(seconds.0)))
    }

    fn extend(&self, py: Python<'_>, expiry: Seconds) -> PyResult<()> {
        self.check(py)?;
        interruptible(py, |look| {
            // Others who want to do something with it wait here, not in the interpreter.
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            match held.as_mut() {
                Some(guard) => internal::extend(guard, expiry.0, look).map(Some),
                None => Some(None),
            }
        })?
        .unwrap_or_else(|| Err(internal::lost(&self.key)))
        .map_err(|error| raised(py, &error))
    }

    fn release(&self, py: Python<'_>) -> PyResult<()> {
        self.check(py)?;
        let released = interruptible(py, |look| {
            let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).take();
            held.map_or(Some(None), |guard| internal::release(guard, look).map(Some))
        })?;
        match released {
            Some(outcome) => outcome.map_err(|error| raised(py, &error)),
            None => Err(named(
                py,
                "MutexUnlockError",
                format!("{:?} was released already", self.key),
                Some(&self.key),
            )),
        }
    }

    fn leak(&self, py: Python<'_>) {
        if self.kept.is_of_this_process() {
            let held =
                py.detach(|| self.held.lock().unwrap_or_else(PoisonError::into_inner).take());
            if let Some(guard) = held {
                guard.leak();
            }
        }
    }
}

impl Guard {
    fn new(guard: blocking::Guard, kept: Arc<Kept<blocking::RedisMutex>>) -> Self {
        Self {
            lookout: internal::Lookout::of(&guard),
            kept,
            key: guard.key().clone(),
            value: guard.value().to_owned(),
            fence: guard.fence().map(u64::from),
            held: StdMutex::new(Some(guard)),
        }
    }

    /// Before any lock: in a forked child it may be held by a thread that is not there.
    fn check(&self, py: Python<'_>) -> PyResult<()> {
        if self.kept.is_of_this_process() {
            Ok(())
        } else {
            Err(raised(py, &internal::lost(&self.key)))
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let held = self.held.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        match held {
            Some(guard) if self.kept.is_of_this_process() => give_back_later(guard),
            inherited => std::mem::forget(inherited),
        }
    }
}
