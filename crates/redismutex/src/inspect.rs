//! Looking at a lock from outside.

use crate::Fence;
use crate::rules::protocol::Inspection as Reply;
use std::fmt;
use std::time::{Duration, SystemTime};

/// Who holds a lock. Already out of date when you read it: for people and logs, not for decisions.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// The owner token under the key.
    pub value: String,
    /// How long the lease lasts yet, unless it is renewed; `None` where the key has no expiry.
    pub remaining: Option<Duration>,
    /// The fencing token of the grant; `None` where the holder is not a redismutex.
    pub fence: Option<Fence>,
    /// What the holder said of itself.
    pub label: Option<String>,
    /// When it was granted, by the server's clock; `None` where the holder is not a redismutex.
    pub since: Option<SystemTime>,
}

/// One who waits for a lock.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Waiting {
    /// The owner token it would hold the lock by.
    pub value: String,
    /// What it said of itself.
    pub label: Option<String>,
    /// When it first asked, by the server's clock.
    pub since: SystemTime,
    /// It cannot be told that it is its turn, and asks every `delay`.
    pub polls: bool,
}

/// A lock as it stood when the server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inspection {
    /// Who holds it.
    pub holder: Option<Holder>,
    /// How many wait.
    pub waiting: u64,
    /// The first of them, in order.
    pub waiters: Vec<Waiting>,
    /// The server's clock; this machine's where scripts are denied.
    pub server_time: SystemTime,
}

// Without the owner tokens: whoever reads one in a log could release the lock.

impl fmt::Debug for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { value: _, remaining, fence, label, since } = self;
        let mut shown = f.debug_struct("Holder");
        shown.field("remaining", remaining).field("fence", fence);
        shown.field("label", label).field("since", since).finish_non_exhaustive()
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { value: _, label, since, polls } = self;
        let mut shown = f.debug_struct("Waiting");
        shown.field("label", label).field("since", since).field("polls", polls);
        shown.finish_non_exhaustive()
    }
}

impl Inspection {
    pub(crate) fn of(reply: Reply) -> Self {
        let Reply { server_us, token, left, grant, waiting, waiters } = reply;
        let holder = token.map(|token| Holder {
            value: String::from_utf8_lossy(&token).into_owned(),
            remaining: left,
            fence: grant.as_ref().map(|grant| grant.fence),
            since: grant.as_ref().map(|grant| at(grant.fence.0)),
            label: grant.and_then(|grant| some(grant.label)),
        });
        let waiters = waiters.into_iter().map(|(waiter, ticket)| Waiting {
            value: waiter.token,
            label: some(waiter.label),
            since: at(ticket),
            polls: waiter.channel.is_none(),
        });
        let server_time = if server_us == 0 { SystemTime::now() } else { at(server_us) };
        Self { holder, waiting, waiters: waiters.collect(), server_time }
    }
}

fn some(label: String) -> Option<String> {
    (!label.is_empty()).then_some(label)
}

fn at(server_us: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(server_us)
}
