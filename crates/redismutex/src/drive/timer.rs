//! Things that have to happen at a moment, whatever else goes on: the end of a wait, the end of a lease.
//!
//! One thread of its own, started at the first need, that never does anything slow: so a blocked executor
//! or a silent server cannot delay the news of a lost lock.

use super::lease::Lease;
use crate::redis::clock;
use crate::redis::slot::lock;
use crate::rules::Moment;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Poll, Waker};

/// When, and a number to tell those of the same moment apart.
pub(crate) type Entry = (Moment, u64);

enum Alarm {
    Wake(Waker),
    Deadline(Arc<Lease>),
}

#[derive(Default)]
struct State {
    alarms: BTreeMap<Entry, Alarm>,
    number: u64,
    /// When the thread will look by itself; `None` while it is awake or not started.
    sleeps_until: Option<Moment>,
    running: bool,
    stopped: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    bell: Condvar,
}

#[derive(Default)]
pub(crate) struct Timer(Arc<Shared>);

impl Timer {
    /// Starts the thread where it does not run yet.
    pub(crate) fn start(&self) -> io::Result<()> {
        let mut state = lock(&self.0.state);
        if !state.running {
            let shared = self.0.clone();
            std::thread::Builder::new()
                .name("redismutex-timer".into())
                .spawn(move || shared.run())?;
            state.running = true;
        }
        Ok(())
    }

    fn wake_at(&self, when: Moment, waker: Waker) -> Entry {
        self.insert(when, Alarm::Wake(waker))
    }

    /// Tells the lease when its deadline is past, wherever renewal may have moved it by then.
    pub(crate) fn watch(&self, lease: &Arc<Lease>) -> Entry {
        let when = lease.deadline();
        lease.set_watched_at(when);
        self.insert(when, Alarm::Deadline(lease.clone()))
    }

    fn insert(&self, when: Moment, alarm: Alarm) -> Entry {
        let mut state = lock(&self.0.state);
        state.number += 1;
        let entry = (when, state.number);
        state.alarms.insert(entry, alarm);
        if state.sleeps_until.is_some_and(|until| when < until) {
            state.sleeps_until = None;
            self.0.bell.notify_one();
        }
        entry
    }

    pub(crate) fn remove(&self, entry: Entry) {
        let alarm = lock(&self.0.state).alarms.remove(&entry);
        drop(alarm);
    }

    pub(crate) fn unwatch(&self, lease: &Lease, entry: Entry) {
        let mut state = lock(&self.0.state);
        // The thread moves the entry along when it finds that the lease was renewed.
        let entry = (lease.watched_at(), entry.1);
        let alarm = state.alarms.remove(&entry);
        drop(state);
        drop(alarm);
    }

    pub(crate) fn stop(&self) {
        lock(&self.0.state).stopped = true;
        self.0.bell.notify_all();
    }
}

impl State {
    fn watch(&mut self, when: Moment, number: u64, lease: Arc<Lease>) {
        lease.set_watched_at(when);
        self.alarms.insert((when, number), Alarm::Deadline(lease));
    }
}

impl Shared {
    fn run(&self) {
        let mut state = lock(&self.state);
        while !state.stopped {
            let now = clock::now();
            match state.alarms.first_key_value() {
                Some((&(when, number), _)) if when <= now => {
                    let Some((_, alarm)) = state.alarms.pop_first() else {
                        continue;
                    };
                    match alarm {
                        Alarm::Deadline(lease) if lease.deadline() > now && lease.is_held() => {
                            state.watch(lease.deadline(), number, lease);
                        }
                        Alarm::Deadline(lease) => {
                            drop(state);
                            let again = lease.run_out();
                            state = lock(&self.state);
                            if let Some(when) = again {
                                state.watch(when, number, lease);
                            }
                        }
                        Alarm::Wake(waker) => {
                            drop(state);
                            waker.wake();
                            state = lock(&self.state);
                        }
                    }
                }
                next => {
                    let until = next.map_or(Moment::NEVER, |(&(when, _), _)| when);
                    state.sleeps_until = Some(until);
                    let pause = now.until(until).min(LONGEST_NAP);
                    state = self
                        .bell
                        .wait_timeout(state, pause)
                        .map_or_else(|e| e.into_inner().0, |woken| woken.0);
                    state.sleeps_until = None;
                }
            }
        }
    }
}

/// The clock of condition variables and of parked threads stands still while the machine sleeps: look now and then.
pub(super) const LONGEST_NAP: std::time::Duration = std::time::Duration::from_secs(5);

thread_local! {
    /// On a thread that reads the connection itself: when its future wants to be polled again.
    static NEXT_POLL: Cell<Moment> = const { Cell::new(Moment::NEVER) };
}

/// How a future waits for a moment.
#[derive(Clone)]
pub(crate) enum Alarms {
    /// The thread that polls it knows by itself ([`super::block_on`]).
    Own,
    /// The timer's thread wakes it.
    Timer(Arc<Timer>),
}

/// Forgets what the last poll wanted.
pub(super) fn reset_next_poll() {
    NEXT_POLL.set(Moment::NEVER);
}

/// When the last poll wants to be repeated.
pub(super) fn next_poll() -> Moment {
    NEXT_POLL.get()
}

/// A registered wish to be woken, given up when dropped.
struct Wish<'a> {
    timer: &'a Timer,
    entry: Entry,
}

impl Drop for Wish<'_> {
    fn drop(&mut self) {
        self.timer.remove(self.entry);
    }
}

impl Alarms {
    /// What `future` gives, or `None` where it has not by `until`.
    pub(crate) async fn within<T>(
        &self,
        until: Moment,
        future: impl Future<Output = T>,
    ) -> Option<T> {
        let mut future = pin!(future);
        let mut wish: Option<(Waker, Wish<'_>)> = None;
        poll_fn(|cx| {
            if let Poll::Ready(value) = future.as_mut().poll(cx) {
                return Poll::Ready(Some(value));
            }
            if clock::now() >= until {
                return Poll::Ready(None);
            }
            match self {
                Self::Own => NEXT_POLL.set(NEXT_POLL.get().min(until)),
                Self::Timer(timer) => {
                    if wish.as_ref().is_none_or(|(waker, _)| !waker.will_wake(cx.waker())) {
                        let entry = timer.wake_at(until, cx.waker().clone());
                        wish = Some((cx.waker().clone(), Wish { timer, entry }));
                    }
                }
            }
            Poll::Pending
        })
        .await
    }

    pub(crate) async fn sleep_until(&self, until: Moment) {
        self.within(until, std::future::pending::<()>()).await;
    }
}
