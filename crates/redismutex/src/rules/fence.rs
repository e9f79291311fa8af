//! Fencing tokens.

use std::fmt;

/// A fencing token: a number that grows with every grant of a key.
///
/// Hand it to the store that the lock protects, and let the store refuse a write whose fence is lower
/// than the highest it has seen: then a holder that was paused past its lease can do no harm.
///
/// The server makes it as the greater of *the last fence of this key plus one* and *its own time in
/// microseconds*, so it keeps growing across restarts, data loss and failover as long as server clocks
/// differ by less than the time between two grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fence(pub u64);

impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Fence> for u64 {
    fn from(fence: Fence) -> Self {
        fence.0
    }
}
