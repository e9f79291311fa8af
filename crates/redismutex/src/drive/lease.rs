//! The lease of one guard, as everybody concerned sees it: the guard, the timer, the watchdog, those who
//! wait for its loss.

use super::telemetry;
use crate::redis::clock;
use crate::redis::origin::Origin;
use crate::redis::slot::lock;
use crate::rules::protocol::Names;
use crate::rules::protocol::request::Ask;
use crate::rules::renewal::{self, Replacing};
use crate::rules::{Moment, lease};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const HELD: u8 = 0;
/// Released, leaked or dropped: nobody asks any more.
const ENDED: u8 = 1;
/// Not ours any more, for good.
const LOST: u8 = 2;

pub(crate) struct Lease {
    names: Arc<Names>,
    deadline: AtomicU64,
    expiry: AtomicU64,
    phase: AtomicU8,
    /// When the timer will look at it next.
    watched_at: AtomicU64,
    hold_until: Option<Moment>,
    origin: Origin,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    replacing: Replacing,
    listeners: Vec<(u64, Waker)>,
    number: u64,
}

/// What to ask for, so that a lease lasts.
#[allow(unreachable_pub)] // named by `internal` where that is compiled
#[derive(Clone, Copy)]
pub struct Wanted {
    pub(crate) length: Duration,
    /// It replaces what is left, even where that is more.
    exact: bool,
    /// It reaches to where the lock has been held for long enough: nothing is left to renew.
    last: bool,
}

impl Wanted {
    pub(crate) fn ask(self, token: &Arc<str>) -> Ask {
        Ask::Extend { token: token.clone(), expiry: self.length, exact: self.exact }
    }
}

impl Lease {
    pub(crate) fn new(
        origin: Origin,
        names: Arc<Names>,
        deadline: Moment,
        expiry: Duration,
        hold_until: Option<Moment>,
    ) -> Self {
        let deadline = hold_until.map_or(deadline, |until| deadline.min(until));
        Self {
            names,
            deadline: AtomicU64::new(deadline.0),
            expiry: AtomicU64::new(nanos(expiry)),
            phase: AtomicU8::new(HELD),
            watched_at: AtomicU64::new(0),
            hold_until,
            origin,
            state: Mutex::default(),
        }
    }

    pub(crate) fn deadline(&self) -> Moment {
        Moment(self.deadline.load(Ordering::Acquire))
    }

    pub(crate) fn expiry(&self) -> Duration {
        Duration::from_nanos(self.expiry.load(Ordering::Acquire))
    }

    pub(super) fn watched_at(&self) -> Moment {
        Moment(self.watched_at.load(Ordering::Acquire))
    }

    pub(super) fn set_watched_at(&self, when: Moment) {
        self.watched_at.store(when.0, Ordering::Release);
    }

    pub(crate) fn is_held(&self) -> bool {
        self.phase.load(Ordering::Acquire) == HELD
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.phase.load(Ordering::Acquire) == LOST
    }

    /// Whether this is the process that acquired: a forked child holds nothing.
    pub(crate) fn is_of_this_process(&self) -> bool {
        self.origin.is_here()
    }

    /// Whether it is ours now, by the clock: no timer has to have run for that.
    pub(crate) fn is_valid(&self) -> bool {
        self.is_held() && clock::now() < self.deadline() && self.is_of_this_process()
    }

    pub(crate) fn remaining(&self) -> Duration {
        if self.is_valid() { clock::now().until(self.deadline()) } else { Duration::ZERO }
    }

    /// What a renewal is to ask for. `None`: it has been held for long enough.
    pub(crate) fn renewal(&self) -> Option<Wanted> {
        let (now, expiry) = (clock::now(), self.expiry());
        let length = renewal::wanted(expiry, self.hold_until, now)?;
        if length < expiry {
            // The last one before it has to be given up: the server is to keep it no longer either.
            return Some(Wanted { last: true, ..self.replace(length, now) });
        }
        Some(Wanted { length, exact: false, last: false })
    }

    /// What an extension to `expiry` from now is to ask for. `None`: it has been held for long enough.
    pub(crate) fn extension(&self, expiry: Duration) -> Option<Wanted> {
        let now = clock::now();
        renewal::wanted(expiry, self.hold_until, now).map(|length| self.replace(length, now))
    }

    /// A shorter lease counts from now on, whether or not the answer comes.
    fn replace(&self, length: Duration, now: Moment) -> Wanted {
        let mut state = lock(&self.state);
        state.replacing.begins(length);
        self.deadline.fetch_min(lease::deadline(now, length).0, Ordering::AcqRel);
        Wanted { length, exact: true, last: false }
    }

    /// What was [`Wanted`] was answered; `surely` where it cannot run any more.
    pub(crate) fn answered(&self, wanted: Wanted, surely: bool) {
        if wanted.exact {
            lock(&self.state).replacing.ends(clock::now(), surely);
        }
    }

    /// A reply to a request first sent at `sent` proves that it lasts for what was wanted. Past its old deadline
    /// it is lost already, whatever a late reply says.
    pub(crate) fn proved(&self, sent: Moment, wanted: Wanted) {
        let state = lock(&self.state);
        if !self.is_held() {
            return;
        }
        if clock::now() >= self.deadline() {
            drop(state);
            return self.lose();
        }
        let deadline = lease::deadline(sent, state.replacing.proved(sent, wanted.length));
        let deadline = self.hold_until.map_or(deadline, |until| deadline.min(until));
        self.deadline.fetch_max(deadline.0, Ordering::AcqRel);
    }

    /// It has the length `expiry` from now on, as was proved.
    pub(crate) fn set_expiry(&self, expiry: Duration) {
        self.expiry.store(nanos(expiry), Ordering::Release);
    }

    /// When it is to be renewed, after what was wanted was proved.
    pub(crate) fn due_after(&self, wanted: Wanted) -> Moment {
        if wanted.last { self.deadline() } else { self.renewal_due() }
    }

    /// When it is to be renewed.
    pub(crate) fn renewal_due(&self) -> Moment {
        let deadline = self.deadline();
        let whole = renewal::first_due(deadline, self.expiry());
        let left = clock::now().until(deadline);
        // Proved for less than a whole expiry, it would be due at once, again and again.
        whole.max(renewal::first_due(deadline, left))
    }

    /// The timer says that the deadline is past. Gives the moment to look again where it is not.
    pub(super) fn run_out(&self) -> Option<Moment> {
        let deadline = self.deadline();
        if !self.is_held() {
            return None;
        }
        if clock::now() < deadline {
            return Some(deadline);
        }
        self.lose();
        None
    }

    /// It is not ours any more; everybody who waits for that is told.
    pub(crate) fn lose(&self) {
        let listeners = {
            let mut state = lock(&self.state);
            if self.phase.compare_exchange(HELD, LOST, Ordering::AcqRel, Ordering::Acquire).is_err()
            {
                return;
            }
            std::mem::take(&mut state.listeners)
        };
        listeners.into_iter().for_each(|(_, waker)| waker.wake());
        telemetry::lost(&self.names);
    }

    /// The guard is done with it: neither renewed nor reported lost from now on.
    pub(crate) fn end(&self) {
        let mut state = lock(&self.state);
        let ended =
            self.phase.compare_exchange(HELD, ENDED, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if ended {
            let listeners = std::mem::take(&mut state.listeners);
            drop(state);
            drop(listeners);
        }
    }
}

/// Completes once the lease is lost; never where it ended otherwise.
pub(crate) struct Loss {
    lease: Arc<Lease>,
    /// Under which its waker is kept.
    number: Option<u64>,
}

impl Loss {
    pub(crate) fn of(lease: &Arc<Lease>) -> Self {
        Self { lease: lease.clone(), number: None }
    }
}

impl Future for Loss {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let lease = self.lease.clone();
        let mut state = lock(&lease.state);
        if lease.is_lost() {
            return Poll::Ready(());
        }
        let known = state.listeners.iter_mut().find(|(number, _)| Some(*number) == self.number);
        match known {
            Some((_, waker)) => waker.clone_from(cx.waker()),
            None if lease.is_held() => {
                state.number += 1;
                self.number = Some(state.number);
                let number = state.number;
                state.listeners.push((number, cx.waker().clone()));
            }
            None => {}
        }
        Poll::Pending
    }
}

impl Drop for Loss {
    fn drop(&mut self) {
        if let Some(mine) = self.number
            && self.lease.is_of_this_process()
        {
            let mut state = lock(&self.lease.state);
            let at = state.listeners.iter().position(|(number, _)| *number == mine);
            let listener = at.map(|at| state.listeners.swap_remove(at));
            drop(state);
            drop(listener);
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn lease(left: Duration, expiry: Duration, hold_until: Option<Moment>) -> Arc<Lease> {
        let names = Arc::new(Names::of(b"key").unwrap());
        Arc::new(Lease::new(Origin::here(), names, clock::now() + left, expiry, hold_until))
    }

    fn whole(length: Duration) -> Wanted {
        Wanted { length, exact: false, last: false }
    }

    #[test]
    fn a_late_renewal_does_not_revive_a_lease() {
        let lease = lease(Duration::ZERO, SECOND, None);
        lease.proved(clock::now(), whole(SECOND * 10));
        assert!(lease.is_lost() && !lease.is_valid());
    }

    #[test]
    fn is_valid_reads_the_clock_and_waits_for_no_timer() {
        let lease = lease(Duration::ZERO, SECOND, None);
        assert!(lease.is_held() && !lease.is_valid());
        assert_eq!(lease.remaining(), Duration::ZERO);
    }

    #[test]
    fn what_was_released_is_not_reported_lost() {
        let lease = lease(SECOND * 9, SECOND * 9, None);
        lease.end();
        lease.lose();
        assert!(!lease.is_lost() && !lease.is_valid());
    }

    #[test]
    fn the_local_deadline_never_reaches_past_max_hold() {
        let hold_until = clock::now() + SECOND;
        let lease = lease(SECOND * 9, SECOND * 9, Some(hold_until));
        assert_eq!(lease.deadline(), hold_until);
        lease.proved(clock::now(), whole(SECOND * 9));
        assert_eq!(lease.deadline(), hold_until);
    }

    #[test]
    fn a_renewed_lease_counts_from_the_sending() {
        let lease = lease(SECOND, SECOND * 6, None);
        let sent = clock::now();
        std::thread::sleep(Duration::from_millis(5));
        lease.proved(sent, whole(SECOND * 6));
        assert_eq!(lease.deadline(), crate::rules::lease::deadline(sent, SECOND * 6));
    }

    #[test]
    fn a_renewal_that_was_under_way_does_not_undo_an_extension() {
        let lease = lease(SECOND * 5, SECOND * 7, None);
        let before = clock::now();
        let renewal = lease.renewal().unwrap();
        let longer = lease.extension(SECOND * 60).unwrap();
        lease.answered(longer, true);
        lease.proved(before, longer);
        let deadline = lease.deadline();
        lease.proved(before, renewal);
        assert_eq!(lease.deadline(), deadline, "the shorter one's answer came last");

        let shorter = lease.extension(SECOND * 2).unwrap();
        lease.proved(before, renewal);
        assert!(lease.remaining() <= SECOND * 2, "it may run before the shorter one does");
        lease.answered(shorter, true);
        lease.proved(before, renewal);
        assert!(lease.remaining() <= SECOND * 2, "it may have run before the shorter one did");
    }

    #[test]
    fn a_lost_watch_that_is_given_up_leaves_nothing_behind() {
        let lease = lease(SECOND * 9, SECOND * 9, None);
        for _ in 0..10 {
            let mut loss = Loss::of(&lease);
            let mut cx = Context::from_waker(Waker::noop());
            assert!(Pin::new(&mut loss).poll(&mut cx).is_pending());
            assert!(Pin::new(&mut loss).poll(&mut cx).is_pending());
            assert_eq!(lock(&lease.state).listeners.len(), 1);
        }
        assert!(lock(&lease.state).listeners.is_empty());
    }
}
