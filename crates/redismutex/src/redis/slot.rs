//! A place where one reply will be put.

use crate::rules::protocol::{Fault, Item};
use std::future::Future;
use std::pin::Pin;
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
pub(crate) struct Slot(Mutex<State>);

impl Slot {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State::Waiting(None))))
    }

    pub(crate) fn fill(&self, answer: Answer) {
        let before = std::mem::replace(&mut *lock(&self.0), State::Done(answer));
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
        let mut state = lock(&self.0.0);
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
