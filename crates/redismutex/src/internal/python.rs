//! What the Python package needs of the two faces beyond what they show.
//!
//! Knows: how to wait so that a signal can end it, and how to look at a lease that another thread is
//! changing. Must not know: Python.

use crate::blocking::{Guard as BlockingGuard, RedisMutex as Blocking};
use crate::drive::acquire::Held;
use crate::drive::block_on::{Interrupt, block_on, park_until};
use crate::drive::lease::{Lease, Loss};
use crate::redis::clock;
use crate::{Error, Guard, Inspection, Key, RedisMutex, face};
use std::sync::Arc;
use std::time::Duration;

/// A look at a guard's lease, whoever has the guard at the moment.
#[derive(Clone)]
pub struct Lookout(Arc<Lease>);

impl Lookout {
    /// Of a guard of the blocking face.
    pub fn of(guard: &BlockingGuard) -> Self {
        Self(guard.0.lease().clone())
    }

    pub(crate) fn over(lease: Arc<Lease>) -> Self {
        Self(lease)
    }

    /// Of a guard of the async face.
    pub fn of_async(guard: &Guard) -> Self {
        Self(guard.0.lease().clone())
    }

    /// As [`Guard::is_valid`].
    pub fn is_valid(&self) -> bool {
        self.0.is_valid()
    }

    /// As [`Guard::remaining`].
    pub fn remaining(&self) -> Duration {
        self.0.remaining()
    }

    /// Whether it was held to its end, or taken away: not where it was released.
    pub fn is_lost(&self) -> bool {
        self.0.is_lost() || self.0.is_held() && !self.0.is_valid()
    }

    /// Waits for up to `patience` for the loss and tells whether it came.
    pub fn lost_within(&self, patience: Duration) -> bool {
        let until = clock::now() + patience;
        park_until(until, self.lost()).is_some()
    }

    /// As [`Guard::lost`].
    pub fn lost(&self) -> impl Future<Output = ()> + Send + 'static {
        Loss::of(&self.0)
    }
}

/// Acquires. Where there is an `interrupt` it is asked every 50 ms; `true` gives up, then `None`.
///
/// Settings are taken as they are: a block time beyond the expiry is the caller's to refuse.
pub fn acquire(
    mutex: &Blocking,
    key: &[u8],
    token: Option<&str>,
    interrupt: Interrupt<'_>,
) -> Option<Result<BlockingGuard, Error>> {
    let acquired = mutex.run_unless(interrupt, mutex.face().acquire_unchecked(key, token));
    acquired.map(|held| held.map(BlockingGuard))
}

/// [`acquire`] of the async face.
pub async fn acquire_async(
    mutex: &RedisMutex,
    key: &[u8],
    token: Option<&str>,
) -> Result<Guard, Error> {
    mutex.0.acquire_unchecked(key, token).await.map(Guard)
}

/// [`Blocking::inspect`], unless interrupted.
pub fn inspect(
    mutex: &Blocking,
    key: &[u8],
    interrupt: Interrupt<'_>,
) -> Option<Result<Inspection, Error>> {
    mutex.run_unless(interrupt, mutex.face().inspect(key))
}

/// [`Blocking::release_by_force`], unless interrupted.
pub fn release_by_force(
    mutex: &Blocking,
    key: &[u8],
    interrupt: Interrupt<'_>,
) -> Option<Result<bool, Error>> {
    mutex.run_unless(interrupt, mutex.face().release_by_force(key))
}

/// [`BlockingGuard::release`]; interrupted, it goes on in the background.
pub fn release(guard: BlockingGuard, interrupt: Interrupt<'_>) -> Option<Result<(), Error>> {
    let core = guard.0.claim.core().clone();
    block_on(&core.node, interrupt, face::give_back(guard.0))
}

/// [`BlockingGuard::extend`]; interrupted, the lease lasts for the old or for the new time.
pub fn extend(
    guard: &mut BlockingGuard,
    expiry: Duration,
    interrupt: Interrupt<'_>,
) -> Option<Result<(), Error>> {
    let core = guard.0.claim.core().clone();
    block_on(&core.node, interrupt, face::prolong(&mut guard.0, expiry))
}

/// Gives the lock back from the background: for a place that must do no I/O of its own.
pub fn drop_later(guard: BlockingGuard) {
    let Held { watch, claim, .. } = guard.0;
    // First: nothing may renew what is being given back.
    drop(watch);
    let core = claim.core().clone();
    core.give_back_later(claim.due().clone());
    claim.leak();
}

/// The error of one who asks for what is not his any more.
pub fn lost(key: &Key) -> Error {
    Error::lost(key)
}
