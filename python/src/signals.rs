//! Waiting so that Ctrl-C is heard, and knowing whether this is still the process that began.

use pyo3::prelude::*;
use std::cell::Cell;

thread_local! {
    /// For which process it was found out, and whether this is its main thread.
    static IS_MAIN: Cell<(u32, bool)> = const { Cell::new((0, false)) };
}

/// Whether this thread is the one that Python runs signal handlers on.
fn is_main_thread(py: Python<'_>) -> PyResult<bool> {
    let process = std::process::id();
    let (known_for, is_main) = IS_MAIN.get();
    if known_for == process {
        return Ok(is_main);
    }
    let threading = py.import("threading")?;
    let is_main =
        threading.call_method0("current_thread")?.is(&threading.call_method0("main_thread")?);
    IS_MAIN.set((process, is_main));
    Ok(is_main)
}

/// Runs `wait` without the interpreter; where a signal handler raises meanwhile, that is the error.
///
/// `wait` is handed what it should ask now and then whether to give up, and returns `None` if it did.
pub(crate) fn interruptible<T: Send>(
    py: Python<'_>,
    wait: impl FnOnce(Option<&mut dyn FnMut() -> bool>) -> Option<T> + Send,
) -> PyResult<T> {
    let mut raised = None;
    let outcome = if is_main_thread(py)? {
        py.detach(|| {
            let mut look = || {
                raised = Python::attach(|py| py.check_signals()).err();
                raised.is_some()
            };
            wait(Some(&mut look))
        })
    } else {
        py.detach(|| wait(None))
    };
    match (raised, outcome) {
        // What was brought about by then is dropped, hence given back.
        (Some(error), _) => Err(error),
        (None, Some(value)) => Ok(value),
        (None, None) => {
            Err(pyo3::exceptions::PyInterruptedError::new_err("the wait was interrupted"))
        }
    }
}

/// The process in which something was made: a forked child must not use it.
#[derive(Clone, Copy)]
pub(crate) struct Process(u32);

impl Process {
    pub(crate) fn this() -> Self {
        Self(std::process::id())
    }

    pub(crate) fn is_this(self) -> bool {
        self.0 == std::process::id()
    }
}
