//! The same mutex without `.await`: no runtime, and no thread between the caller and the socket.
//!
//! Threads that wait share one connection and take turns at reading it.
//!
//! ```no_run
//! use redismutex::blocking::RedisMutex;
//!
//! let mutex = RedisMutex::connect("redis://localhost:6379/1")?;
//! let guard = mutex.acquire("YOUR-MUTEX-KEY")?;
//! println!("{} {:?}", guard.key(), guard.fence());
//! guard.release()?;
//! # Ok::<(), redismutex::Error>(())
//! ```

use crate::builder::{Plan, builder_settings};
use crate::drive::acquire::Held;
use crate::drive::block_on::{Interrupt, block_on, park_until};
use crate::drive::lease::Loss;
use crate::face::{self, Face};
use crate::guard::guard_looks;
use crate::mutex::mutex_settings;
use crate::redis::clock;
use crate::redis::node::Reader;
use crate::{Error, Fence, Holder, Inspection, Key};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Settings of a blocking [`RedisMutex`] in the making.
#[derive(Debug)]
#[must_use = "a builder does nothing until it connects"]
pub struct Builder(Plan);

impl Builder {
    builder_settings!();

    /// Connects.
    ///
    /// # Errors
    /// As [`crate::Builder::connect`].
    pub fn connect(self) -> Result<RedisMutex, Error> {
        let mutex = self.build()?;
        let face = mutex.0.clone();
        mutex.run(face.connected())?;
        Ok(mutex)
    }

    /// Checks the settings without connecting yet: the first acquisition does.
    ///
    /// # Errors
    /// As [`crate::Builder::build`].
    pub fn build(self) -> Result<RedisMutex, Error> {
        Ok(RedisMutex(self.0.build(Reader::Led)?))
    }
}

/// A distributed mutex: a connection and settings. Cheap to clone; has no state of any lock.
///
/// See [`crate::RedisMutex`] for what each method promises: these do the same, and block.
#[derive(Clone)]
pub struct RedisMutex(Face);

impl RedisMutex {
    mutex_settings!();

    /// Connects with the default settings: `block_time` 5 s, `delay` 0.5 s, `expiry` 7 s, renewal on.
    ///
    /// # Errors
    /// As [`crate::Builder::connect`].
    pub fn connect(url: impl Into<String>) -> Result<Self, Error> {
        Self::builder(url).connect()
    }

    /// Begins with the default settings.
    pub fn builder(url: impl Into<String>) -> Builder {
        Builder(Plan::new(url.into()))
    }

    /// Acquires the lock of `key`, waiting in line for up to `block_time`.
    ///
    /// # Errors
    /// As [`crate::RedisMutex::acquire`].
    pub fn acquire(&self, key: impl AsRef<[u8]>) -> Result<Guard, Error> {
        self.run(self.0.acquire(key.as_ref(), None)).map(Guard)
    }

    /// Acquires the lock of `key` if it is free: `None` if it is busy.
    ///
    /// # Errors
    /// As [`crate::RedisMutex::try_acquire`].
    pub fn try_acquire(&self, key: impl AsRef<[u8]>) -> Result<Option<Guard>, Error> {
        Ok(self.run(self.0.try_acquire(key.as_ref(), None))?.map(Guard))
    }

    /// Acquires the lock, runs `work`, releases. Nothing can stop `work` when the lock is lost meanwhile: it is
    /// handed the guard, to look at [`Guard::is_valid`] before each step that matters.
    ///
    /// # Errors
    /// As for [`acquire`](Self::acquire). [`Error::Lost`] if the lock was not ours any more when `work` ended; then its
    /// value is dropped. A server that does not answer the release takes no value away.
    pub fn with<T>(
        &self,
        key: impl AsRef<[u8]>,
        work: impl FnOnce(&Guard) -> T,
    ) -> Result<T, Error> {
        let guard = self.acquire(key)?;
        let value = work(&guard);
        guard.release_after_work().map(|()| value)
    }

    /// Who holds the lock of `key`, for people and logs.
    ///
    /// # Errors
    /// As [`crate::RedisMutex::holder`].
    pub fn holder(&self, key: impl AsRef<[u8]>) -> Result<Option<Holder>, Error> {
        Ok(self.inspect(key)?.holder)
    }

    /// Who holds the lock of `key` and who waits for it, for people and logs.
    ///
    /// # Errors
    /// As [`crate::RedisMutex::holder`].
    pub fn inspect(&self, key: impl AsRef<[u8]>) -> Result<Inspection, Error> {
        self.run(self.0.inspect(key.as_ref()))
    }

    /// Releases the lock of `key` whoever holds it. Tells whether anybody held it.
    ///
    /// # Errors
    /// As [`crate::RedisMutex::release_by_force`].
    pub fn release_by_force(&self, key: impl AsRef<[u8]>) -> Result<bool, Error> {
        self.run(self.0.release_by_force(key.as_ref()))
    }

    fn run<T>(&self, future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.run_unless(None, future).unwrap_or_else(|| Err(Error::config("it was interrupted")))
    }

    pub(crate) fn run_unless<T>(
        &self,
        interrupt: Interrupt<'_>,
        future: impl Future<Output = T>,
    ) -> Option<T> {
        block_on(&self.0.core.node, interrupt, future)
    }

    pub(crate) fn face(&self) -> &Face {
        &self.0
    }
}

impl fmt::Debug for RedisMutex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisMutex({})", self.0.core.node.address())
    }
}

/// A lock that is yours until you release it, drop this, or lose it.
///
/// See [`crate::Guard`] for what each method promises: these do the same, and block.
#[must_use = "if unused the lock is given back at once"]
pub struct Guard(pub(crate) Held);

impl Guard {
    guard_looks!();

    /// Blocks until the lock is lost. For a thread that has nothing else to do; [`is_valid`](Self::is_valid)
    /// tells without blocking, [`lost_within`](Self::lost_within) gives up.
    pub fn lost(&self) {
        while !self.lost_within(Duration::from_secs(3600)) {}
    }

    /// Waits for up to `patience` and tells whether the lock was lost.
    pub fn lost_within(&self, patience: Duration) -> bool {
        let until = clock::now() + patience;
        park_until(until, Loss::of(self.0.lease())).is_some()
    }

    /// Lets the lease last for `expiry` from now: replaces what was left, never adds to it.
    ///
    /// # Errors
    /// As [`crate::Guard::extend`].
    pub fn extend(&mut self, expiry: Duration) -> Result<(), Error> {
        let core = self.0.claim.core().clone();
        finished(block_on(&core.node, None, face::prolong(&mut self.0, expiry)))
    }

    /// Gives the lock back; the next waiter has it when this returns.
    ///
    /// # Errors
    /// As [`crate::Guard::release`].
    pub fn release(self) -> Result<(), Error> {
        let core = self.0.claim.core().clone();
        finished(block_on(&core.node, None, face::give_back(self.0)))
    }

    pub(crate) fn release_after_work(self) -> Result<(), Error> {
        let core = self.0.claim.core().clone();
        finished(block_on(&core.node, None, face::give_back_after_work(self.0)))
    }

    /// Forgets the guard: the lock stays taken until its expiry, without renewal.
    pub fn leak(self) {
        face::leak(self.0);
    }
}

fn finished(outcome: Option<Result<(), Error>>) -> Result<(), Error> {
    outcome.unwrap_or(Ok(()))
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
