//! The mutex of one event loop, and its guard.

use crate::convert::{KeyBytes, Seconds, holder_parts};
use crate::errors::{forked, raised};
use crate::kept::Kept;
use crate::operation::{Operation, Outcome};
use crate::place::Place;
use crate::reactor::{Reactor, Shared, Woken};
use crate::server::{Server, Settings, set, told};
use pyo3::prelude::*;
use redismutex::internal::{build_driven, python as internal};
use redismutex::{Error, Key, RedisMutex};
use std::sync::Arc;
use std::time::Duration;

/// A connection that an event loop reads, and settings.
#[pyclass(frozen, weakref, module = "redismutex._core")]
pub(crate) struct AsyncMutex {
    // Before `kept`, which is to be the last.
    mutex: RedisMutex,
    shared: Arc<Shared>,
    kept: Arc<Kept<RedisMutex>>,
}

#[pymethods]
impl AsyncMutex {
    #[new]
    fn new(py: Python<'_>, reactor: &Reactor, server: Server) -> PyResult<Self> {
        let shared = reactor.shared.clone();
        let opened = shared.clone();
        let builder = told!(server, RedisMutex::builder);
        let built = build_driven(builder, move |connection| opened.wake(Woken::Opened(connection)));
        let mutex = built.map_err(|error| raised(py, &error))?;
        Ok(Self { kept: Arc::new(Kept::new(mutex.clone())), mutex, shared })
    }

    /// The same connection with these settings.
    fn configured(&self, py: Python<'_>, settings: Settings) -> PyResult<Self> {
        let mutex = set!(self.mutex(py)?.clone(), settings);
        Ok(Self { mutex, shared: self.shared.clone(), kept: self.kept.clone() })
    }

    #[pyo3(signature = (key, token=None))]
    fn acquire(&self, py: Python<'_>, key: KeyBytes, token: Option<String>) -> PyResult<Operation> {
        let mutex = self.mutex(py)?.clone();
        Ok(Operation::new(&self.shared, &self.kept, async move {
            match internal::acquire_async(&mutex, &key.0, token.as_deref()).await {
                Ok(guard) => Outcome::Acquired(guard),
                Err(error) => Outcome::Failed(error),
            }
        }))
    }

    #[pyo3(signature = (key, token=None))]
    fn try_acquire(
        &self,
        py: Python<'_>,
        key: KeyBytes,
        token: Option<String>,
    ) -> PyResult<Operation> {
        let once = self.mutex(py)?.clone().with_block_time(Duration::ZERO);
        Ok(Operation::new(&self.shared, &self.kept, async move {
            match internal::acquire_async(&once, &key.0, token.as_deref()).await {
                Ok(guard) => Outcome::Acquired(guard),
                Err(Error::BlockTimeExceeded { .. }) => Outcome::Nothing,
                Err(error) => Outcome::Failed(error),
            }
        }))
    }

    fn holder(&self, py: Python<'_>, key: KeyBytes) -> PyResult<Operation> {
        let mutex = self.mutex(py)?.clone();
        Ok(Operation::new(&self.shared, &self.kept, async move {
            match mutex.holder(&key.0).await {
                Ok(holder) => Outcome::Holder(holder.map(holder_parts)),
                Err(error) => Outcome::Failed(error),
            }
        }))
    }

    fn release_by_force(&self, py: Python<'_>, key: KeyBytes) -> PyResult<Operation> {
        let mutex = self.mutex(py)?.clone();
        Ok(Operation::new(&self.shared, &self.kept, async move {
            mutex.release_by_force(&key.0).await.map_or_else(Outcome::Failed, Outcome::Flag)
        }))
    }
}

impl AsyncMutex {
    fn mutex(&self, py: Python<'_>) -> PyResult<&RedisMutex> {
        if self.kept.is_of_this_process() { Ok(&self.mutex) } else { Err(forked(py)) }
    }
}

/// A lock that is held. Dropped, it is given back; the socket is never waited for.
#[pyclass(frozen, module = "redismutex._core")]
pub(crate) struct AsyncGuard {
    place: Place,
    shared: Arc<Shared>,
    lookout: internal::Lookout,
    key: Key,
    value: String,
    fence: Option<u64>,
    // The last field: see there.
    kept: Arc<Kept<RedisMutex>>,
}

#[pymethods]
impl AsyncGuard {
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

    /// Completes when the lock is lost.
    fn lost(&self) -> Operation {
        let lost = self.lookout.lost();
        Operation::new(&self.shared, &self.kept, async move {
            lost.await;
            Outcome::Nothing
        })
    }

    fn extend(&self, py: Python<'_>, expiry: Seconds) -> PyResult<Operation> {
        self.check(py)?;
        let (place, key) = (self.place.clone(), self.key.clone());
        Ok(Operation::new(&self.shared, &self.kept, async move {
            let Some(mut loan) = place.borrow().await else {
                return Outcome::NotHeld(key);
            };
            match loan.unless_ended(async |guard| guard.extend(expiry.0).await).await {
                Some(Ok(())) => Outcome::Nothing,
                Some(Err(error)) => Outcome::Failed(error),
                None => Outcome::NotHeld(key),
            }
        }))
    }

    fn release(&self, py: Python<'_>) -> PyResult<Operation> {
        self.check(py)?;
        let (place, key) = (self.place.clone(), self.key.clone());
        Ok(Operation::new(&self.shared, &self.kept, async move {
            match place.take().await {
                Some(guard) => match guard.release().await {
                    Ok(()) => Outcome::Nothing,
                    Err(error) => Outcome::Failed(error),
                },
                None => Outcome::NotHeld(key),
            }
        }))
    }

    fn leak(&self) {
        if self.kept.is_of_this_process() {
            self.place.leak();
        }
    }
}

impl AsyncGuard {
    pub(crate) fn new(
        guard: redismutex::Guard,
        shared: Arc<Shared>,
        kept: Arc<Kept<RedisMutex>>,
    ) -> Self {
        Self {
            shared,
            lookout: internal::Lookout::of_async(&guard),
            key: guard.key().clone(),
            value: guard.value().to_owned(),
            fence: guard.fence().map(u64::from),
            place: Place::of(guard),
            kept,
        }
    }

    fn check(&self, py: Python<'_>) -> PyResult<()> {
        if self.kept.is_of_this_process() {
            Ok(())
        } else {
            Err(raised(py, &internal::lost(&self.key)))
        }
    }
}

impl Drop for AsyncGuard {
    fn drop(&mut self) {
        if !self.kept.is_of_this_process() {
            self.place.forget();
        }
    }
}
