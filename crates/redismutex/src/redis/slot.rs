//! A place where one reply will be put.

use crate::rules::Moment;
use crate::rules::protocol::{Fault, Item};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// A mutex whose data stays sound whatever panics while it is held: nothing here is half changed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a node said.
pub(crate) type Answer = Result<Item, Fault>;

enum State {
    Waiting(Option<Waker>),
    Done(Answer),
    Taken,
}

/// Filled by whoever reads the connection, emptied by whoever asked.
pub(crate) struct Slot {
    state: Mutex<State>,
    /// When the answer was read; before that, never.
    read: AtomicU64,
}

impl Slot {
    pub(crate) fn new() -> Arc<Self> {
        let (state, read) = (Mutex::new(State::Waiting(None)), AtomicU64::new(Moment::NEVER.0));
        Arc::new(Self { state, read })
    }

    pub(crate) fn read_at(&self) -> Moment {
        Moment(self.read.load(Ordering::Acquire))
    }

    /// The answer was read at that moment, or it is known since then that there will be none.
    pub(crate) fn fill(&self, answer: Answer, read: Moment) {
        self.read.store(read.0, Ordering::Release);
        let before = std::mem::replace(&mut *lock(&self.state), State::Done(answer));
        if let State::Waiting(Some(waker)) = before {
            waker.wake();
        }
    }
}

/// The reply to come. Dropping it leaves the reply to be thrown away when it comes.
pub(crate) struct Reply(pub(crate) Arc<Slot>);

impl Future for Reply {
    type Output = Answer;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        let mut state = lock(&self.0.state);
        match &mut *state {
            State::Waiting(waker) => {
                match waker {
                    Some(waker) => waker.clone_from(cx.waker()),
                    None => *waker = Some(cx.waker().clone()),
                }
                Poll::Pending
            }
            State::Done(_) => match std::mem::replace(&mut *state, State::Taken) {
                State::Done(answer) => Poll::Ready(answer),
                _ => Poll::Pending,
            },
            State::Taken => Poll::Pending,
        }
    }
}
