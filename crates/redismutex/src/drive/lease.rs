//! The lease of one guard, as everybody concerned sees it: the guard, the timer, the watchdog, those who
//! wait for its loss.

use crate::redis::clock;
use crate::redis::slot::lock;
use crate::rules::Moment;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const HELD: u8 = 0;
/// Released, leaked or dropped: nobody asks any more.
const ENDED: u8 = 1;
/// Not ours any more, for good.
const LOST: u8 = 2;

pub(crate) struct Lease {
    deadline: AtomicU64,
    expiry: AtomicU64,
    phase: AtomicU8,
    /// When the timer will look at it next.
    watched_at: AtomicU64,
    hold_until: Option<Moment>,
    process: u32,
    listeners: Mutex<Vec<Waker>>,
}

impl Lease {
    pub(crate) fn new(deadline: Moment, expiry: Duration, hold_until: Option<Moment>) -> Self {
        let deadline = hold_until.map_or(deadline, |until| deadline.min(until));
        Self {
            deadline: AtomicU64::new(deadline.0),
            expiry: AtomicU64::new(nanos(expiry)),
            phase: AtomicU8::new(HELD),
            watched_at: AtomicU64::new(0),
            hold_until,
            process: std::process::id(),
            listeners: Mutex::default(),
        }
    }

    pub(crate) fn deadline(&self) -> Moment {
        Moment(self.deadline.load(Ordering::Acquire))
    }

    pub(crate) fn expiry(&self) -> Duration {
        Duration::from_nanos(self.expiry.load(Ordering::Acquire))
    }

    pub(crate) fn set_expiry(&self, expiry: Duration) {
        self.expiry.store(nanos(expiry), Ordering::Release);
    }

    pub(crate) fn hold_until(&self) -> Option<Moment> {
        self.hold_until
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
        self.process == std::process::id()
    }

    /// Whether it is ours now, by the clock: no timer has to have run for that.
    pub(crate) fn is_valid(&self) -> bool {
        self.is_held() && clock::now() < self.deadline() && self.is_of_this_process()
    }

    pub(crate) fn remaining(&self) -> Duration {
        if self.is_valid() { clock::now().until(self.deadline()) } else { Duration::ZERO }
    }

    /// A reply proves that it lasts until `deadline`. Past its old deadline it is lost already, whatever a
    /// late reply says.
    pub(crate) fn prolong(&self, deadline: Moment) {
        let listeners = lock(&self.listeners);
        if !self.is_held() {
            return;
        }
        if clock::now() >= self.deadline() {
            drop(listeners);
            return self.lose();
        }
        let deadline = self.hold_until.map_or(deadline, |until| deadline.min(until));
        self.deadline.store(deadline.0, Ordering::Release);
    }

    /// The server may soon end it earlier. Tells whether that is earlier than it was.
    pub(crate) fn shorten(&self, deadline: Moment) -> bool {
        let _listeners = lock(&self.listeners);
        self.deadline.fetch_min(deadline.0, Ordering::AcqRel) > deadline.0
    }

    /// The timer says that the deadline is past.
    pub(super) fn run_out(&self) {
        if clock::now() >= self.deadline() {
            self.lose();
        }
    }

    /// It is not ours any more; everybody who waits for that is told.
    pub(crate) fn lose(&self) {
        let listeners = {
            let mut listeners = lock(&self.listeners);
            if self.phase.compare_exchange(HELD, LOST, Ordering::AcqRel, Ordering::Acquire).is_err()
            {
                return;
            }
            std::mem::take(&mut *listeners)
        };
        listeners.into_iter().for_each(Waker::wake);
    }

    /// The guard is done with it: neither renewed nor reported lost from now on. Tells whether it was held.
    pub(crate) fn end(&self) -> bool {
        let _listeners = lock(&self.listeners);
        self.phase.compare_exchange(HELD, ENDED, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Ready once it is lost.
    pub(crate) fn poll_lost(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut listeners = lock(&self.listeners);
        if self.is_lost() {
            return Poll::Ready(());
        }
        if !listeners.iter().any(|waker| waker.will_wake(cx.waker())) {
            listeners.push(cx.waker().clone());
        }
        Poll::Pending
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_renewal_does_not_revive_a_lease() {
        let lease = Lease::new(clock::now(), Duration::from_secs(1), None);
        lease.prolong(clock::now() + Duration::from_secs(10));
        assert!(lease.is_lost() && !lease.is_valid());
    }

    #[test]
    fn is_valid_reads_the_clock_and_waits_for_no_timer() {
        let lease = Lease::new(clock::now(), Duration::from_secs(1), None);
        assert!(lease.is_held() && !lease.is_valid());
        assert_eq!(lease.remaining(), Duration::ZERO);
    }

    #[test]
    fn what_was_released_is_not_reported_lost() {
        let lease = Lease::new(clock::now() + Duration::from_secs(9), Duration::from_secs(9), None);
        assert!(lease.end());
        lease.lose();
        assert!(!lease.is_lost() && !lease.is_valid());
    }

    #[test]
    fn the_local_deadline_never_reaches_past_max_hold() {
        let hold_until = clock::now() + Duration::from_secs(1);
        let lease = Lease::new(
            hold_until + Duration::from_secs(9),
            Duration::from_secs(9),
            Some(hold_until),
        );
        assert_eq!(lease.deadline(), hold_until);
        lease.prolong(hold_until + Duration::from_secs(9));
        assert_eq!(lease.deadline(), hold_until);
    }
}
