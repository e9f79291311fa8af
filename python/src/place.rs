//! Where the guard of an event loop is: at its place, lent to one who extends it, or gone for good.
//!
//! Knows who comes first: an end calls back what is lent. Must not know what an extension or a release does.

use crate::reactor::lock;
use redismutex::Guard;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

#[derive(Default)]
struct Inside {
    guard: Option<Guard>,
    end: Option<End>,
    /// Those who wait for the guard, or have it and listen for its end.
    waiting: Vec<Waker>,
}

/// What becomes of the guard.
#[derive(Clone, Copy)]
enum End {
    /// Somebody waits to release it.
    Release,
    Leak,
    /// Nobody waits for it any more: it is given back by its drop.
    Drop,
}

impl Inside {
    fn wait(&mut self, cx: &Context<'_>) {
        if !self.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            self.waiting.push(cx.waker().clone());
        }
    }
}

#[derive(Clone)]
pub(crate) struct Place(Arc<Mutex<Inside>>);

impl Place {
    pub(crate) fn of(guard: Guard) -> Self {
        Self(Arc::new(Mutex::new(Inside { guard: Some(guard), ..Inside::default() })))
    }

    /// The guard, once nobody else has it, until the loan is dropped. `None`: it was released or leaked.
    pub(crate) async fn borrow(&self) -> Option<Loan> {
        let guard = poll_fn(|cx| {
            let mut inside = lock(&self.0);
            if inside.end.is_some() {
                return Poll::Ready(None);
            }
            if inside.guard.is_none() {
                inside.wait(cx);
                return Poll::Pending;
            }
            Poll::Ready(inside.guard.take())
        });
        let guard = guard.await?;
        Some(Loan { place: self.clone(), guard: Some(guard) })
    }

    /// The guard, to be released. `None`: it was released or leaked before.
    pub(crate) async fn take(&self) -> Option<Guard> {
        self.end(End::Release)?;
        let taking = Taking(self);
        let guard = poll_fn(|cx| {
            let mut inside = lock(&self.0);
            inside.wait(cx);
            inside.guard.take().map_or(Poll::Pending, Poll::Ready)
        });
        let guard = guard.await;
        std::mem::forget(taking);
        Some(guard)
    }

    pub(crate) fn leak(&self) {
        if self.end(End::Leak).is_some() {
            self.settle(End::Leak);
        }
    }

    /// For a forked child: nothing may be done with it.
    pub(crate) fn forget(&self) {
        std::mem::forget(self.0.clone());
    }

    /// Decides its end, if that is not decided yet, and tells those who have it or wait for it.
    fn end(&self, end: End) -> Option<()> {
        let mut inside = lock(&self.0);
        if inside.end.is_some() {
            return None;
        }
        inside.end = Some(end);
        let waiting = std::mem::take(&mut inside.waiting);
        drop(inside);
        waiting.into_iter().for_each(Waker::wake);
        Some(())
    }

    /// Brings the guard to the end that does not wait for anybody, where it is here.
    fn settle(&self, end: End) {
        let guard = lock(&self.0).guard.take();
        match (guard, end) {
            (Some(guard), End::Leak) => guard.leak(),
            (guard, _) => drop(guard),
        }
    }

    fn put_back(&self, guard: Guard) {
        let mut inside = lock(&self.0);
        inside.guard = Some(guard);
        let (end, waiting) = (inside.end, std::mem::take(&mut inside.waiting));
        drop(inside);
        waiting.into_iter().for_each(Waker::wake);
        if let Some(end @ (End::Leak | End::Drop)) = end {
            self.settle(end);
        }
    }
}

/// One who waits to release the guard; dropped before it came, the guard is given back without him.
struct Taking<'a>(&'a Place);

impl Drop for Taking<'_> {
    fn drop(&mut self) {
        lock(&self.0.0).end = Some(End::Drop);
        self.0.settle(End::Drop);
    }
}

/// A guard while something is done with it; put back however that ends.
pub(crate) struct Loan {
    place: Place,
    guard: Option<Guard>,
}

impl Loan {
    /// What `work` gives; `None` where the guard was called back before.
    pub(crate) async fn unless_ended<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Guard) -> T,
    ) -> Option<T> {
        let Self { place, guard } = self;
        let mut work = pin!(work(guard.as_mut()?));
        poll_fn(|cx| {
            let mut inside = lock(&place.0);
            if inside.end.is_some() {
                return Poll::Ready(None);
            }
            inside.wait(cx);
            drop(inside);
            work.as_mut().poll(cx).map(Some)
        })
        .await
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        if let Some(guard) = self.guard.take() {
            self.place.put_back(guard);
        }
    }
}
