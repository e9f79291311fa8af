//! The last owner of a connection, and how it lets go of it.
//!
//! Closing a connection may wait for the server, and Python drops things wherever it happens to be: so a
//! thread of its own closes it. The end of the interpreter waits for these threads, but not for long.

use crate::signals::Process;
use pyo3::prelude::*;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// A mutex of either face. Whatever else holds on to its connection has to be dropped before it.
pub(crate) struct Kept<M: Send + 'static> {
    mutex: Option<M>,
    process: Process,
}

impl<M: Send> Kept<M> {
    pub(crate) fn new(mutex: M) -> Self {
        Self { mutex: Some(mutex), process: Process::this() }
    }

    /// Whether this is the process that made it: a forked child must not use it.
    pub(crate) fn is_of_this_process(&self) -> bool {
        self.process.is_this()
    }
}

impl<M: Send> Drop for Kept<M> {
    fn drop(&mut self) {
        let mutex = self.mutex.take();
        if !self.process.is_this() {
            // Its threads are not here, and what they locked stays locked.
            return std::mem::forget(mutex);
        }
        close_later(mutex);
        if ENDING.load(Ordering::SeqCst) {
            // Nobody waits for the thread later; and it may want the interpreter.
            Python::attach(|py| py.detach(wait_for_the_closed));
        }
    }
}

fn close_later<T: Send + 'static>(thing: T) {
    let closing = Closing::begun();
    let close = move || {
        drop(thing);
        drop(closing);
    };
    // Where the system gives no thread, it is closed here and now.
    let _ = thread::Builder::new().name("redismutex-close".into()).spawn(close);
}

/// How many threads are at it, below the number of the process that has them: a forked child has none. One
/// word instead of a lock, which may be held in the moment of a fork.
static CLOSING: AtomicU64 = AtomicU64::new(0);

struct Closing;

impl Closing {
    fn begun() -> Self {
        Self::count(|threads| threads + 1);
        Self
    }

    fn is_any() -> bool {
        Self::threads(CLOSING.load(Ordering::SeqCst)) > 0
    }

    fn count(change: impl Fn(u64) -> u64) {
        let counted = |word| Some(Self::process() | change(Self::threads(word)));
        let _ = CLOSING.fetch_update(Ordering::SeqCst, Ordering::SeqCst, counted);
    }

    fn threads(word: u64) -> u64 {
        let threads = word & u64::from(u32::MAX);
        if word == Self::process() | threads { threads } else { 0 }
    }

    fn process() -> u64 {
        u64::from(std::process::id()) << 32
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        Self::count(|threads| threads.saturating_sub(1));
    }
}

/// The interpreter ends: what is dropped from now on is waited for at once.
static ENDING: AtomicBool = AtomicBool::new(false);
/// Milliseconds that the end may still be held up, all in all; a little more than closing one connection to a
/// server that is silent takes.
static PATIENCE: AtomicU32 = AtomicU32::new(2000);
const LOOK: u32 = 1;

/// Has the end of the interpreter wait for what was dropped before.
pub(crate) fn wait_at_exit(py: Python<'_>) -> PyResult<()> {
    let end = wrap_pyfunction!(end, py)?;
    py.import("atexit")?.call_method1("register", (end,)).map(drop)
}

#[pyfunction]
fn end(py: Python<'_>) {
    ENDING.store(true, Ordering::SeqCst);
    py.detach(wait_for_the_closed);
}

/// By looking: a lock to wait on could be held for ever in a forked child.
fn wait_for_the_closed() {
    while Closing::is_any() {
        let left = PATIENCE.load(Ordering::SeqCst);
        if left == 0 {
            return;
        }
        PATIENCE.store(left.saturating_sub(LOOK), Ordering::SeqCst);
        thread::sleep(Duration::from_millis(LOOK.into()));
    }
}
