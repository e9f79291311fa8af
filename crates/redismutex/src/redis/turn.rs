//! Whose turn it is to read a connection that has no reader of its own.
//!
//! Threads that wait on one connection share it thus: one of them reads for all, the others are parked and
//! woken when their reply or message is there. Whoever stops waiting while nobody reads wakes the next, so
//! there is always a reader while anybody waits. With one thread there is no hand-over and no second thread
//! between the caller and the socket.

use super::slot::lock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Wake;
use std::thread::Thread;

/// Says that a thread has something to do.
pub(crate) struct Flag {
    raised: AtomicBool,
    thread: Thread,
}

impl Flag {
    /// A flag for the current thread.
    pub(crate) fn new() -> Arc<Self> {
        Self::of(std::thread::current())
    }

    /// A flag for that thread.
    pub(crate) fn of(thread: Thread) -> Arc<Self> {
        Arc::new(Self { raised: AtomicBool::new(false), thread })
    }

    pub(crate) fn is_raised(&self) -> bool {
        self.raised.load(Ordering::Acquire)
    }

    /// Takes the flag down; tells whether it was up.
    pub(crate) fn take(&self) -> bool {
        self.raised.swap(false, Ordering::AcqRel)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.raised.store(true, Ordering::Release);
        // A thread that raises its own flag, because it was reading, is not asleep.
        if self.thread.id() != std::thread::current().id() {
            self.thread.unpark();
        }
    }
}

#[derive(Default)]
struct State {
    taken: bool,
    parked: Vec<Arc<Flag>>,
}

/// The turn to read one connection.
#[derive(Default)]
pub(super) struct Turn(Mutex<State>);

impl Turn {
    /// Takes the turn, or lines up for it.
    pub(super) fn take(&self, me: &Arc<Flag>) -> bool {
        let mut state = lock(&self.0);
        if !state.taken {
            state.taken = true;
            return true;
        }
        if !state.parked.iter().any(|flag| Arc::ptr_eq(flag, me)) {
            state.parked.push(me.clone());
        }
        false
    }

    /// Gives the turn back.
    pub(super) fn give_back(&self) {
        lock(&self.0).taken = false;
    }

    /// Stops waiting. Where nobody reads now, the next in line is woken to do it.
    pub(super) fn leave(&self, me: &Arc<Flag>) {
        let mut state = lock(&self.0);
        state.parked.retain(|flag| !Arc::ptr_eq(flag, me));
        if !state.taken
            && let Some(next) = state.parked.pop()
        {
            drop(state);
            next.thread.unpark();
        }
    }

    /// Wakes everybody: the connection is dead.
    pub(super) fn wake_all(&self) {
        let parked = std::mem::take(&mut lock(&self.0).parked);
        parked.iter().for_each(|flag| flag.thread.unpark());
    }
}
