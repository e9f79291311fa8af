//! For the macro, the command line and the Python package only: no promise is made about it.

use crate::face::give_back_after_work;
use crate::mutex::until_lost;
use crate::{Error, RedisMutex};

/// What `#[with_redismutex]` makes of an async function.
pub async fn guarded<T, E>(
    mutex: &RedisMutex,
    key: impl AsRef<[u8]>,
    body: impl Future<Output = Result<T, E>>,
) -> Result<T, E>
where
    E: From<Error>,
{
    let guard = mutex.acquire(key).await?;
    match until_lost(&guard, body).await {
        // The body's own error comes before whatever the release has to say.
        Some(Err(error)) => {
            drop(guard.release().await);
            Err(error)
        }
        Some(Ok(value)) => give_back_after_work(guard.0).await.map(|()| value).map_err(E::from),
        None => Err(Error::lost(guard.key()).into()),
    }
}

/// What `#[with_redismutex]` makes of a sync function.
#[cfg(feature = "blocking")]
pub fn guarded_blocking<T, E>(
    mutex: &crate::blocking::RedisMutex,
    key: impl AsRef<[u8]>,
    body: impl FnOnce() -> Result<T, E>,
) -> Result<T, E>
where
    E: From<Error>,
{
    let guard = mutex.acquire(key)?;
    match body() {
        Err(error) => {
            drop(guard.release());
            Err(error)
        }
        Ok(value) => guard.release_after_work().map(|()| value).map_err(E::from),
    }
}

#[cfg(feature = "blocking")]
pub use sisters::*;

#[cfg(feature = "blocking")]
pub mod python;
#[cfg(feature = "blocking")]
pub mod rules;

/// What the command line and the Python package need beyond the public face.
#[cfg(feature = "blocking")]
mod sisters {
    use crate::blocking::{Guard as BlockingGuard, RedisMutex as Blocking};
    use crate::drive::block_on::park_until;
    use crate::drive::lease::{Lease, Loss};
    use crate::redis::link::Link;
    use crate::redis::node::Reader;
    use crate::rules::Moment;
    use crate::rules::protocol::{Item, keys};
    use crate::{Builder, Error, Guard, Key, RedisMutex};
    use std::os::fd::BorrowedFd;
    use std::sync::Arc;
    use std::task::{Context, Waker};

    /// One value of a server's reply.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum Reply {
        /// No value.
        Nil,
        /// An integer.
        Int(i64),
        /// A string.
        Bytes(Vec<u8>),
        /// An array.
        List(Vec<Reply>),
    }

    impl From<Item> for Reply {
        fn from(item: Item) -> Self {
            match item {
                Item::Nil => Self::Nil,
                Item::Int(number) => Self::Int(number),
                Item::Bytes(bytes) => Self::Bytes(bytes),
                Item::List(items) => Self::List(items.into_iter().map(Self::from).collect()),
            }
        }
    }

    /// Acquires, looking every 50 ms whether `interrupt` says to stop: then `None`, and nothing is left behind.
    pub fn acquire_unless(
        mutex: &Blocking,
        key: &[u8],
        token: Option<&str>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Option<Result<BlockingGuard, Error>> {
        let acquired = mutex.run_unless(Some(interrupt), mutex.face().acquire(key, token));
        acquired.map(|acquired| acquired.map(BlockingGuard))
    }

    /// Tries once, with an owner token of one's own.
    pub fn try_acquire_as(
        mutex: &Blocking,
        key: &[u8],
        token: Option<&str>,
    ) -> Result<Option<BlockingGuard>, Error> {
        let tried = mutex.run_unless(None, mutex.face().try_acquire(key, token));
        Ok(tried.transpose()?.flatten().map(BlockingGuard))
    }

    /// [`RedisMutex::acquire`] with an owner token of one's own.
    pub async fn acquire_as(
        mutex: &RedisMutex,
        key: &[u8],
        token: Option<&str>,
    ) -> Result<Guard, Error> {
        mutex.0.acquire(key, token).await.map(Guard)
    }

    /// [`RedisMutex::try_acquire`] with an owner token of one's own.
    pub async fn try_acquire_async_as(
        mutex: &RedisMutex,
        key: &[u8],
        token: Option<&str>,
    ) -> Result<Option<Guard>, Error> {
        Ok(mutex.0.try_acquire(key, token).await?.map(Guard))
    }

    /// The lease of a guard, for a thread that waits for its loss: the guard can be released all the same.
    pub struct LeaseWatch(Arc<Lease>);

    impl LeaseWatch {
        /// Watches the lease of `guard`.
        pub fn of(guard: &BlockingGuard) -> Self {
            Self(guard.0.lease().clone())
        }

        /// Blocks until the lease is lost; for ever where the guard was released first.
        pub fn lost(&self) {
            park_until(Moment::NEVER, Loss::of(&self.0));
        }
    }

    /// One plain command to the server.
    pub fn command(mutex: &Blocking, words: &[&[u8]]) -> Result<Reply, Error> {
        let answer = mutex.run_unless(None, mutex.face().core.node.command(words));
        match answer {
            Some(Ok(item)) => Ok(item.into()),
            Some(Err(fault)) => Err(Error::of_fault(None, fault)),
            None => Ok(Reply::Nil),
        }
    }

    /// Releases the lock of `key` by force if it is held by this owner token. Tells whether it was.
    pub fn release_of(mutex: &Blocking, key: &[u8], token: &str) -> Result<bool, Error> {
        let released = mutex.run_unless(None, mutex.face().release_of(key, token));
        released.unwrap_or(Ok(false))
    }

    /// The key of the lock whose record of the last grant is named `grant`.
    pub fn key_of_grant(grant: &[u8]) -> Option<Key> {
        keys::key_of(grant)
    }

    /// The server's address, without a password.
    pub fn address(mutex: &Blocking) -> String {
        mutex.face().core.node.address().to_string()
    }

    /// A connection of the async face that something outside reads.
    #[derive(Clone)]
    pub struct Connection(Arc<Link>);

    impl Connection {
        /// The socket to be watched.
        pub fn fd(&self) -> BorrowedFd<'_> {
            self.0.socket()
        }

        /// Reads what is there; to be called whenever the socket is readable. `false`: it is dead.
        pub fn read_ready(&self) -> bool {
            while self.0.read_ready().is_ok_and(|drained| !drained) {}
            !self.0.is_dead()
        }

        /// Writes what did not go before; wakes `waker` when there is more to be written. Tells whether to call
        /// it again when the socket is writable.
        pub fn flush(&self, waker: &Waker) -> bool {
            self.0.flush(&mut Context::from_waker(waker))
        }

        /// Ends it: nobody will read it any more.
        pub fn abandon(&self) {
            self.0.fail("nobody reads it any more");
        }
    }

    /// A mutex of the async face whose connections are handed to `driver`, which may be called on any thread.
    pub fn build_driven(
        builder: Builder,
        driver: impl Fn(Connection) + Send + Sync + 'static,
    ) -> Result<RedisMutex, Error> {
        let driver = Arc::new(driver);
        let driver = Arc::new(move || {
            let driver = driver.clone();
            let attach = move |link: &Arc<Link>| {
                driver(Connection(link.clone()));
                Ok(())
            };
            Box::new(attach) as crate::redis::node::Attach
        });
        Ok(RedisMutex(builder.0.build(Reader::Driven(driver))?))
    }
}
