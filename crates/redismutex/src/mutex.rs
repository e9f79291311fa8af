//! The async face.

use crate::builder::{Builder, Plan};
use crate::face::{self, Face};
use crate::{Error, Guard, Holder, Inspection};
use std::fmt;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

/// What both faces can be told for one call site.
macro_rules! mutex_settings {
    () => {
        /// This mutex with another `block_time`: the longest time that `acquire` waits. No I/O.
        #[must_use]
        pub fn with_block_time(self, block_time: Duration) -> Self {
            Self(self.0.changed(|settings| settings.block_time = block_time))
        }

        /// This mutex with another `delay`: how often to ask where push is not to be had. No I/O.
        #[must_use]
        pub fn with_delay(self, delay: Duration) -> Self {
            Self(self.0.changed(|settings| settings.delay = Some(delay)))
        }

        /// This mutex with another `expiry`: how long a grant lasts on the server. No I/O.
        #[must_use]
        pub fn with_expiry(self, expiry: Duration) -> Self {
            Self(self.0.changed(|settings| settings.expiry = expiry))
        }

        /// This mutex with or without renewal. No I/O.
        #[must_use]
        pub fn with_renew(self, renew: bool) -> Self {
            Self(self.0.changed(|settings| settings.renew = renew))
        }

        /// This mutex with another longest time to hold, or with none. No I/O.
        #[must_use]
        pub fn with_max_hold(self, max_hold: impl Into<Option<Duration>>) -> Self {
            Self(self.0.changed(|settings| settings.max_hold = max_hold.into()))
        }

        /// This mutex with another label. No I/O.
        #[must_use]
        pub fn with_label(self, label: impl Into<String>) -> Self {
            Self(self.0.changed(|settings| settings.label = label.into().into()))
        }
    };
}
#[cfg(feature = "blocking")]
pub(crate) use mutex_settings;

/// A distributed mutex: a connection and settings. Cheap to clone; has no state of any lock.
///
/// Clones share one connection, however many keys, waiters and guards there are.
#[derive(Clone)]
pub struct RedisMutex(pub(crate) Face);

impl RedisMutex {
    mutex_settings!();

    /// Connects with the default settings: `block_time` 5 s, `delay` 0.5 s, `expiry` 7 s, renewal on.
    ///
    /// # Errors
    /// As [`Builder::connect`].
    pub async fn connect(url: impl Into<String>) -> Result<Self, Error> {
        Self::builder(url).connect().await
    }

    /// Begins with the default settings.
    pub fn builder(url: impl Into<String>) -> Builder {
        Builder(Plan::new(url.into()))
    }

    /// Acquires the lock of `key`, waiting in line for up to `block_time`.
    ///
    /// Those who wait get it in the order in which they came.
    ///
    /// # Errors
    /// [`Error::BlockTimeExceeded`] if someone else had it all the time; [`Error::Unavailable`] if the server
    /// did not answer; [`Error::Config`] for settings, a key or permissions that do not do.
    ///
    /// # Cancel safety
    /// Dropped early, it gives back what it has brought about: no key and no place in the queue stays.
    pub async fn acquire(&self, key: impl AsRef<[u8]>) -> Result<Guard, Error> {
        self.0.acquire(key.as_ref(), None).await.map(Guard)
    }

    /// Acquires the lock of `key` if it is free: `None` if it is busy. Does not overtake those who wait.
    ///
    /// # Errors
    /// [`Error::Unavailable`] and [`Error::Config`] as for [`acquire`](Self::acquire).
    ///
    /// # Cancel safety
    /// As for [`acquire`](Self::acquire).
    pub async fn try_acquire(&self, key: impl AsRef<[u8]>) -> Result<Option<Guard>, Error> {
        Ok(self.0.try_acquire(key.as_ref(), None).await?.map(Guard))
    }

    /// Acquires the lock, runs `work` until it is done or the lock is lost, releases.
    ///
    /// # Errors
    /// As for [`acquire`](Self::acquire). [`Error::Lost`] if the lock was lost: then `work` was dropped at its
    /// next await, or had ended already and its value is dropped. A server that does not answer the release takes
    /// no value away: `work` was done under the lock, and the background goes on giving it back.
    ///
    /// # Cancel safety
    /// Dropped early, it drops `work` and gives the lock back.
    pub async fn with<T, W>(&self, key: impl AsRef<[u8]>, work: W) -> Result<T, Error>
    where
        W: AsyncFnOnce() -> T,
    {
        let guard = self.acquire(key).await?;
        match until_lost(&guard, work()).await {
            Some(value) => face::give_back_after_work(guard.0).await.map(|()| value),
            None => Err(Error::lost(guard.key())),
        }
    }

    /// Who holds the lock of `key`, for people and logs.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the server did not answer; [`Error::Config`] if it does not let us look.
    pub async fn holder(&self, key: impl AsRef<[u8]>) -> Result<Option<Holder>, Error> {
        Ok(self.inspect(key).await?.holder)
    }

    /// Who holds the lock of `key` and who waits for it, for people and logs.
    ///
    /// # Errors
    /// As for [`holder`](Self::holder).
    pub async fn inspect(&self, key: impl AsRef<[u8]>) -> Result<Inspection, Error> {
        self.0.inspect(key.as_ref()).await
    }

    /// Releases the lock of `key` whoever holds it; the next in line gets it. Tells whether anybody held it.
    ///
    /// The holder learns of it at its next renewal, or by its fence being refused. For emergencies.
    ///
    /// # Errors
    /// As for [`holder`](Self::holder).
    pub async fn release_by_force(&self, key: impl AsRef<[u8]>) -> Result<bool, Error> {
        self.0.release_by_force(key.as_ref()).await
    }
}

/// What `work` gives, or `None` where the lock is lost first.
pub(crate) async fn until_lost<T>(guard: &Guard, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    let mut lost = pin!(guard.lost());
    std::future::poll_fn(|cx| {
        // Looked at first: work that goes on after a loss may do harm.
        if lost.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        work.as_mut().poll(cx).map(Some)
    })
    .await
}

impl fmt::Debug for RedisMutex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisMutex({})", self.0.core.node.address())
    }
}
