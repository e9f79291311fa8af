//! The last owner of a connection, and letting go of things where nobody waits.
//!
//! Giving back a lock or closing a connection may wait for the server, and Python drops things wherever it
//! happens to be: so a thread of its own does it. The end of the process waits for these threads, but not for
//! long.

use crate::signals::Process;
use pyo3::prelude::*;
use redismutex::blocking::Guard;
use redismutex::internal::python as internal;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

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
        later(move || drop(mutex));
    }
}

/// Gives back a lock that was thrown away. What cannot be given back soon goes on in the library's background.
pub(crate) fn give_back_later(guard: Guard) {
    if Leaving::threads() >= MOST {
        return internal::drop_later(guard);
    }
    later(move || {
        let until = Instant::now() + SOON;
        let _ = internal::release(guard, Some(&mut || Instant::now() >= until));
    });
}

/// Threads that give back; beyond that the end of the process knows nothing of them.
const MOST: u64 = 64;
const SOON: Duration = Duration::from_millis(500);

fn later(leave: impl FnOnce() + Send + 'static) {
    let leaving = Leaving::begun();
    let leave = move || {
        leave();
        drop(leaving);
    };
    // Where the system gives no thread, what it was about is dropped here and now.
    let _ = thread::Builder::new().name("redismutex-leave".into()).spawn(leave);
    if ENDING.load(Ordering::SeqCst) {
        // Nobody waits for the thread later; and it may want the interpreter.
        Python::attach(|py| py.detach(wait_for_the_threads));
    }
}

/// How many threads are at it, below the number of the process that has them: a forked child has none. One
/// word instead of a lock, which may be held in the moment of a fork.
static LEAVING: AtomicU64 = AtomicU64::new(0);

struct Leaving;

impl Leaving {
    fn begun() -> Self {
        Self::count(|threads| threads + 1);
        Self
    }

    fn threads() -> u64 {
        Self::in_this_process(LEAVING.load(Ordering::SeqCst))
    }

    fn count(change: impl Fn(u64) -> u64) {
        let counted = |word| Some(Self::process() | change(Self::in_this_process(word)));
        let _ = LEAVING.fetch_update(Ordering::SeqCst, Ordering::SeqCst, counted);
    }

    fn in_this_process(word: u64) -> u64 {
        let threads = word & u64::from(u32::MAX);
        if word == Self::process() | threads { threads } else { 0 }
    }

    fn process() -> u64 {
        u64::from(std::process::id()) << 32
    }
}

impl Drop for Leaving {
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

/// The process ends: waits, but not for long, for what was thrown away, and has what is thrown away from now on
/// waited for in the same way.
#[pyfunction]
pub(crate) fn settle(py: Python<'_>) {
    ENDING.store(true, Ordering::SeqCst);
    py.detach(wait_for_the_threads);
}

/// By looking: a lock to wait on could be held for ever in a forked child.
fn wait_for_the_threads() {
    while Leaving::threads() > 0 {
        let left = PATIENCE.load(Ordering::SeqCst);
        if left == 0 {
            return;
        }
        PATIENCE.store(left.saturating_sub(LOOK), Ordering::SeqCst);
        thread::sleep(Duration::from_millis(LOOK.into()));
    }
}
