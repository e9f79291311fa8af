//! One of the library's futures, run by a reactor for a coroutine.

use crate::asynchronous::AsyncGuard;
use crate::convert::HolderParts;
use crate::errors::{named, raised};
use crate::kept::Kept;
use crate::reactor::{Shared, Woken, lock};
use pyo3::prelude::*;
use redismutex::{Error, Guard, Key, RedisMutex};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

/// What an operation may give.
pub(crate) enum Outcome {
    Acquired(Guard),
    /// Busy, or simply done.
    Nothing,
    Holder(Option<HolderParts>),
    Flag(bool),
    /// The guard was released before.
    NotHeld(Key),
    Failed(Error),
}

pub(crate) type Work = Pin<Box<dyn Future<Output = Outcome> + Send>>;

pub(crate) struct Task {
    shared: Arc<Shared>,
    work: Mutex<Option<Work>>,
    outcome: Mutex<Option<Outcome>>,
    queued: AtomicBool,
    /// The loop's future that the coroutine awaits.
    awaited: Mutex<Option<Py<PyAny>>>,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::SeqCst) {
            let shared = self.shared.clone();
            shared.wake(Woken::Task(self));
        }
    }
}

impl Task {
    /// Goes on with it; tells whether it is done now.
    pub(crate) fn run(self: &Arc<Self>) -> bool {
        self.queued.store(false, Ordering::SeqCst);
        let mut work = lock(&self.work);
        let Some(future) = work.as_mut() else {
            return false;
        };
        let waker = Waker::from(self.clone());
        let Poll::Ready(outcome) = future.as_mut().poll(&mut Context::from_waker(&waker)) else {
            return false;
        };
        *lock(&self.outcome) = Some(outcome);
        let finished = work.take();
        drop(work);
        drop(finished);
        true
    }

    /// Completes the loop's future.
    pub(crate) fn tell(&self, py: Python<'_>) -> PyResult<()> {
        if let Some(awaited) = lock(&self.awaited).take() {
            let awaited = awaited.bind(py);
            if !awaited.call_method0("done")?.is_truthy()? {
                awaited.call_method1("set_result", (py.None(),))?;
            }
        }
        Ok(())
    }

    fn drop_all(&self) -> (Option<Work>, Option<Outcome>) {
        (lock(&self.work).take(), lock(&self.outcome).take())
    }
}

/// Begun with [`start`](Self::start), ended with [`result`](Self::result) or [`cancel`](Self::cancel).
#[pyclass(frozen, module = "redismutex._core")]
pub(crate) struct Operation {
    task: Arc<Task>,
    // The last field: see there.
    kept: Arc<Kept<RedisMutex>>,
}

#[pymethods]
impl Operation {
    /// Begins with the reactor's next turn, to be taken right after; `awaited` is completed when there is a
    /// result.
    fn start(&self, awaited: Py<PyAny>) {
        *lock(&self.task.awaited) = Some(awaited);
        self.task.queued.store(true, Ordering::SeqCst);
        self.task.shared.note(Woken::Task(self.task.clone()));
    }

    /// Gives up: what was brought about is given back.
    fn cancel(&self) {
        lock(&self.task.awaited).take();
        let dropped = self.task.drop_all();
        if self.kept.is_of_this_process() {
            drop(dropped);
        } else {
            // What it had locked in the parent process stays locked here.
            std::mem::forget(dropped);
        }
    }

    fn result(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match lock(&self.task.outcome).take() {
            Some(Outcome::Acquired(guard)) => {
                let guard = AsyncGuard::new(guard, self.task.shared.clone(), self.kept.clone());
                Ok(Bound::new(py, guard)?.into_any().unbind())
            }
            Some(Outcome::Holder(Some(holder))) => {
                Ok(holder.into_pyobject(py)?.into_any().unbind())
            }
            Some(Outcome::Flag(flag)) => Ok(flag.into_pyobject(py)?.to_owned().into_any().unbind()),
            Some(Outcome::Nothing | Outcome::Holder(None)) | None => Ok(py.None()),
            Some(Outcome::NotHeld(key)) => {
                let message = format!("{key:?} was released already");
                Err(named(py, "MutexUnlockError", message, Some(&key)))
            }
            Some(Outcome::Failed(error)) => Err(raised(py, &error)),
        }
    }
}

impl Operation {
    pub(crate) fn new(
        shared: &Arc<Shared>,
        kept: &Arc<Kept<RedisMutex>>,
        work: impl Future<Output = Outcome> + Send + 'static,
    ) -> Self {
        let task = Task {
            shared: shared.clone(),
            work: Mutex::new(Some(Box::pin(work))),
            outcome: Mutex::default(),
            queued: AtomicBool::new(false),
            awaited: Mutex::default(),
        };
        Self { task: Arc::new(task), kept: kept.clone() }
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        self.cancel();
    }
}
