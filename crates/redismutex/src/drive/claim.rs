//! A claim to a lock: made before anything is sent, and the one way by which whatever it brought about is
//! undone.

use super::core::Core;
use crate::redis::clock;
use crate::rules::Moment;
use crate::rules::protocol::request::Ask;
use crate::rules::protocol::{Names, Request};
use std::sync::Arc;
use std::time::Duration;

/// What to give back: enough to say it to a server.
#[derive(Clone)]
pub(crate) struct Due {
    pub(crate) names: Arc<Names>,
    pub(crate) token: Arc<str>,
    pub(crate) entry: Option<Arc<[u8]>>,
    /// After this moment the server has forgotten it by itself.
    pub(crate) until: Moment,
    /// A request may still be under way that undoes a single giving back.
    pub(crate) again: bool,
}

impl Due {
    pub(crate) fn request(&self) -> Request {
        let Self { names, token, entry, .. } = self;
        let ask = Ask::Release { token: token.clone(), entry: entry.clone() };
        Request { names: names.clone(), ask }
    }
}

/// Gives everything back when dropped, unless disarmed.
pub(crate) struct Claim {
    core: Arc<Core>,
    due: Due,
    /// The longest lease that was asked for.
    lasts: Duration,
    /// Whether something was sent that may have taken the lock or a place in the queue.
    armed: bool,
}

/// Longer than a lease lasts on the server, by its grain.
pub(crate) const PAST_LEASE: Duration = Duration::from_millis(500);

impl Claim {
    pub(crate) fn new(core: Arc<Core>, names: Arc<Names>, token: Arc<str>) -> Self {
        let due = Due { names, token, entry: None, until: Moment(0), again: false };
        Self { core, due, lasts: Duration::ZERO, armed: false }
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    pub(crate) fn names(&self) -> &Arc<Names> {
        &self.due.names
    }

    pub(crate) fn token(&self) -> &Arc<str> {
        &self.due.token
    }

    /// What to give back, from now on.
    pub(crate) fn due(&self) -> Due {
        Due { until: clock::now() + self.lasts + PAST_LEASE, ..self.due.clone() }
    }

    /// Something is about to be sent that may bring a lease of `expiry`.
    pub(crate) fn sending(&mut self, entry: Option<Arc<[u8]>>, expiry: Duration) {
        self.armed = true;
        self.lasts = self.lasts.max(expiry);
        self.due.entry = entry.or(self.due.entry.take());
    }

    /// It is not known what became of something that was sent.
    pub(crate) fn doubt(&mut self) {
        self.due.again = true;
    }

    /// The queue entry is gone: the grant took it out.
    pub(crate) fn granted(&mut self) {
        if !self.due.again {
            self.due.entry = None;
        }
    }

    /// Nothing is left to give back, unless something unanswered may still be under way.
    pub(crate) fn settled(mut self) {
        if self.due.again {
            self.core.give_back_later(self.due());
        }
        self.armed = false;
    }

    /// Nobody is to give anything back: the lease runs out by itself.
    pub(crate) fn leak(mut self) {
        self.armed = false;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.armed {
            self.core.give_back(self.due());
        }
    }
}
