//! The guard of the async face.

use crate::drive::acquire::Held;
use crate::drive::lease::Loss;
use crate::{Error, Fence, Key, face};
use std::fmt;
use std::future::Future;
use std::time::Duration;

/// What both faces' guards can say without asking a server.
macro_rules! guard_looks {
    () => {
        /// The key that is locked.
        pub fn key(&self) -> &Key {
            &self.0.claim.names().lock
        }

        /// The owner token that stands under the key. Proves ownership: not for logs.
        pub fn value(&self) -> &str {
            self.0.claim.token()
        }

        /// The fencing token of this grant; `None` on a server on which scripts may not be run.
        pub fn fence(&self) -> Option<Fence> {
            self.0.fence
        }

        /// How long the lease surely lasts yet; zero once it has ended.
        ///
        /// Counted from before the request that got it was sent, less one part in a hundred for clocks that
        /// differ, so the server ends it no earlier.
        pub fn remaining(&self) -> Duration {
            self.0.lease().remaining()
        }

        /// Whether the lock is surely ours now. Reads the clock, asks nobody: it is right at once after
        /// the process was paused, too. `false` in a forked child.
        ///
        /// What you do *after* asking may happen later than you think; where that must not be, hand
        /// [`fence`](Self::fence) to the store you write to.
        pub fn is_valid(&self) -> bool {
            self.0.lease().is_valid()
        }
    };
}
#[cfg(feature = "blocking")]
pub(crate) use guard_looks;

/// A lock that is yours until you release it, drop this, or lose it.
///
/// Dropping a guard gives the lock back without waiting for the answer: the request is with the system when
/// `drop` returns, and what goes wrong is tried again in the background until the lease has ended.
/// [`release`](Self::release) is the way to know.
#[must_use = "if unused the lock is given back at once"]
pub struct Guard(pub(crate) Held);

impl Guard {
    guard_looks!();

    /// Completes when the lock is lost, before the server can grant it to another: at the deadline if
    /// renewal cannot reach the server, at once if renewal finds the key gone or foreign.
    ///
    /// The future owns what it needs: it may outlive the guard, and then never completes.
    ///
    /// # Cancel safety
    /// It may be dropped and called again at will.
    pub fn lost(&self) -> impl Future<Output = ()> + Send + 'static {
        Loss::of(self.0.lease())
    }

    /// Lets the lease last for `expiry` from now: replaces what was left, never adds to it. Renewal goes on
    /// with the new expiry. Where `max_hold` ends before that, the lease ends then:
    /// [`remaining`](Self::remaining) tells.
    ///
    /// # Errors
    /// [`Error::Lost`] if it was not ours any more; it is never taken anew. [`Error::Config`] for an expiry
    /// under 10 ms or beyond ten years. A server that does not answer is asked again until the lease ends.
    ///
    /// # Cancel safety
    /// Dropped early, the lease may last for the new or for the old time; [`remaining`](Self::remaining)
    /// promises no more than the shorter.
    pub async fn extend(&mut self, expiry: Duration) -> Result<(), Error> {
        face::prolong(&mut self.0, expiry).await
    }

    /// Gives the lock back; the next waiter has it when this returns.
    ///
    /// # Errors
    /// [`Error::Lost`] if it was not ours any more. [`Error::Unavailable`] if the server did not answer for two
    /// seconds, [`Error::Config`] if it does not let this user release; then the background goes on until the lease
    /// has ended.
    ///
    /// # Cancel safety
    /// Dropped early, it goes on in the background.
    pub async fn release(self) -> Result<(), Error> {
        face::give_back(self.0).await
    }

    /// Forgets the guard: the lock stays taken until its expiry, without renewal.
    pub fn leak(self) {
        face::leak(self.0);
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Guard");
        shown
            .field("key", self.key())
            .field("fence", &self.fence())
            .field("remaining", &self.remaining());
        shown.finish_non_exhaustive()
    }
}
