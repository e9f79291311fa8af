//! Where pushed messages find the waiter they are for.

use super::origin::Origin;
use super::slot::lock;
use crate::rules::Moment;
use crate::rules::protocol::Push;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Waker};

/// What a waiter may find in its box.
#[derive(Clone, Debug)]
pub(crate) enum Mail {
    /// A grant, and when it was read.
    Push(Moment, Push),
    /// The connection broke: whatever was sent may be lost.
    Disconnected,
}

/// One waiter's box: a push is kept, a broken connection noted.
#[derive(Default)]
pub(crate) struct Mailbox(Mutex<Contents>);

#[derive(Default)]
struct Contents {
    push: Option<Mail>,
    disconnected: bool,
    waker: Option<Waker>,
}

impl Contents {
    fn has_grant(&self) -> bool {
        matches!(&self.push, Some(Mail::Push(_, push)) if !push.is_hint())
    }
}

impl Mailbox {
    fn put(&self, mail: Mail) {
        let mut contents = lock(&self.0);
        match &mail {
            Mail::Push(_, new) if new.is_hint() && contents.has_grant() => return,
            Mail::Push(..) => contents.push = Some(mail),
            Mail::Disconnected => contents.disconnected = true,
        }
        if let Some(waker) = contents.waker.take() {
            drop(contents);
            waker.wake();
        }
    }

    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<Mail> {
        let mut contents = lock(&self.0);
        // First: the message may have come over the new connection, from another server.
        if std::mem::take(&mut contents.disconnected) {
            return Poll::Ready(Mail::Disconnected);
        }
        if let Some(push) = contents.push.take() {
            return Poll::Ready(push);
        }
        contents.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// All waiters of one process, by their number.
pub(crate) struct Hub {
    origin: Origin,
    /// In order: those who are told together are told in a known one.
    boxes: Mutex<BTreeMap<u64, Arc<Mailbox>>>,
    next: AtomicU64,
    on_break: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            origin: Origin::here(),
            boxes: Mutex::default(),
            next: AtomicU64::default(),
            on_break: OnceLock::new(),
        }
    }
}

impl Hub {
    /// A number that no other waiter of this process has.
    pub(crate) fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// What is to be done when a connection breaks, beside telling those who wait. Settable once.
    pub(crate) fn on_break(&self, call: impl Fn() + Send + Sync + 'static) {
        let _ = self.on_break.set(Box::new(call));
    }

    pub(crate) fn open(self: &Arc<Self>, id: u64) -> Registered {
        let mailbox = Arc::new(Mailbox::default());
        lock(&self.boxes).insert(id, mailbox.clone());
        Registered { hub: self.clone(), id, mailbox }
    }

    /// Hands a message over; gives it back where nobody waits for it any more.
    pub(crate) fn deliver(&self, received: Moment, push: Push) -> Option<Push> {
        if push.is_for_all() {
            self.put_all(|| Mail::Push(received, push.clone()));
            return None;
        }
        let Some(mailbox) = lock(&self.boxes).get(&push.id).cloned() else {
            return Some(push);
        };
        mailbox.put(Mail::Push(received, push));
        None
    }

    /// Whether nobody waits.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.boxes).is_empty()
    }

    fn put_all(&self, mail: impl Fn() -> Mail) {
        let boxes: Vec<_> = lock(&self.boxes).values().cloned().collect();
        for mailbox in boxes {
            mailbox.put(mail());
        }
    }

    pub(crate) fn disconnected(&self) {
        self.put_all(|| Mail::Disconnected);
        if let Some(on_break) = self.on_break.get() {
            on_break();
        }
    }
}

/// A waiter's entry in the hub, gone when dropped.
pub(crate) struct Registered {
    hub: Arc<Hub>,
    id: u64,
    pub(crate) mailbox: Arc<Mailbox>,
}

impl Drop for Registered {
    fn drop(&mut self) {
        // In a forked child the hub may be locked by a thread that is not there.
        if self.hub.origin.is_here() {
            lock(&self.hub.boxes).remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::fence::Fence;
    use std::time::Duration;

    fn push(id: u64, fence: u64) -> Push {
        let (token, lock) = ("token".to_owned(), b"key".to_vec());
        Push { id, granted_us: 1, fence: Fence(fence), expiry: Duration::ZERO, token, lock }
    }

    fn look(place: &Registered) -> Poll<Mail> {
        place.mailbox.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_broken_connection_is_told_before_a_message() {
        let hub = Arc::new(Hub::default());
        let place = hub.open(1);
        hub.disconnected();
        assert_eq!(hub.deliver(Moment(0), push(1, 9)), None);
        assert!(matches!(look(&place), Poll::Ready(Mail::Disconnected)));
        assert!(matches!(look(&place), Poll::Ready(Mail::Push(..))));
        assert!(look(&place).is_pending());
    }

    #[test]
    fn a_hint_for_all_reaches_everybody_and_takes_no_grant_away() {
        let hub = Arc::new(Hub::default());
        let (granted, other) = (hub.open(1), hub.open(2));
        assert_eq!(hub.deliver(Moment(0), push(1, 9)), None);
        assert_eq!(hub.deliver(Moment(0), push(0, 0)), None);
        let Poll::Ready(Mail::Push(_, kept)) = look(&granted) else { panic!() };
        assert_eq!(kept.fence, Fence(9));
        assert!(matches!(look(&other), Poll::Ready(Mail::Push(..))));
    }
}
