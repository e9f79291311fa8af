//! Either face behind one set of words, so that a behaviour is written once.

use redismutex::{Error, Fence, Inspection, RedisMutex, blocking};
use redismutex_testkit::{Admin, Flavor, Server};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Async,
    Blocking,
}

/// A server and the face to try it through.
pub(crate) struct Setting {
    server: Arc<Server>,
    kind: Kind,
}

type Servers = Vec<(Flavor, Arc<Server>)>;

/// One server of each flavour serves all tests: their keys are random.
static SERVERS: LazyLock<Mutex<Servers>> = LazyLock::new(Mutex::default);

impl Setting {
    pub(crate) fn on(flavor: Flavor, kind: Kind, test: &str) -> Option<Self> {
        flavor.find_or_say(test)?;
        let mut servers = SERVERS.lock().unwrap();
        let known =
            servers.iter().find(|(known, _)| *known == flavor).map(|(_, server)| server.clone());
        let server = known.unwrap_or_else(|| {
            let server = Arc::new(Server::builder().flavor(flavor).start());
            servers.push((flavor, server.clone()));
            server
        });
        Some(Self { server, kind })
    }

    pub(crate) fn admin(&self) -> Admin {
        self.server.admin()
    }

    pub(crate) fn url(&self) -> String {
        self.server.url().to_string()
    }

    /// A mutex with leases of a second and five seconds' patience.
    pub(crate) async fn mutex(&self) -> AnyMutex {
        self.mutex_with(Duration::from_secs(1), Duration::from_secs(5)).await
    }

    pub(crate) async fn mutex_with(&self, expiry: Duration, block_time: Duration) -> AnyMutex {
        let (url, delay) =
            (self.url(), Duration::from_millis(100).min(block_time.max(Duration::from_millis(1))));
        match self.kind {
            Kind::Async => {
                let builder =
                    RedisMutex::builder(url).expiry(expiry).block_time(block_time).delay(delay);
                AnyMutex::Async(builder.connect().await.unwrap())
            }
            Kind::Blocking => {
                let builder = blocking::RedisMutex::builder(url)
                    .expiry(expiry)
                    .block_time(block_time)
                    .delay(delay);
                AnyMutex::Blocking(builder.connect().unwrap())
            }
        }
    }
}

#[derive(Clone)]
pub(crate) enum AnyMutex {
    Async(RedisMutex),
    Blocking(blocking::RedisMutex),
}

#[derive(Debug)]
pub(crate) enum AnyGuard {
    Async(redismutex::Guard),
    Blocking(blocking::Guard),
}

/// Runs what blocks where it may.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// Changes a setting of either.
macro_rules! changed {
    ($name:ident, $value:ty) => {
        pub(crate) fn $name(self, value: $value) -> Self {
            match self {
                Self::Async(mutex) => Self::Async(mutex.$name(value)),
                Self::Blocking(mutex) => Self::Blocking(mutex.$name(value)),
            }
        }
    };
}

impl AnyMutex {
    changed!(with_block_time, Duration);
    changed!(with_expiry, Duration);
    changed!(with_renew, bool);
    changed!(with_max_hold, Duration);
    changed!(with_label, &str);

    pub(crate) async fn acquire(&self, key: impl AsRef<[u8]>) -> Result<AnyGuard, Error> {
        match self.clone() {
            Self::Async(mutex) => mutex.acquire(key).await.map(AnyGuard::Async),
            Self::Blocking(mutex) => {
                let key = key.as_ref().to_vec();
                aside(move || mutex.acquire(key)).await.map(AnyGuard::Blocking)
            }
        }
    }

    pub(crate) async fn try_acquire(
        &self,
        key: impl AsRef<[u8]>,
    ) -> Result<Option<AnyGuard>, Error> {
        match self.clone() {
            Self::Async(mutex) => Ok(mutex.try_acquire(key).await?.map(AnyGuard::Async)),
            Self::Blocking(mutex) => {
                let key = key.as_ref().to_vec();
                Ok(aside(move || mutex.try_acquire(key)).await?.map(AnyGuard::Blocking))
            }
        }
    }

    pub(crate) async fn inspect(&self, key: &str) -> Inspection {
        match self.clone() {
            Self::Async(mutex) => mutex.inspect(key).await.unwrap(),
            Self::Blocking(mutex) => {
                let key = key.to_owned();
                aside(move || mutex.inspect(key)).await.unwrap()
            }
        }
    }

    pub(crate) async fn release_by_force(&self, key: &str) -> bool {
        match self.clone() {
            Self::Async(mutex) => mutex.release_by_force(key).await.unwrap(),
            Self::Blocking(mutex) => {
                let key = key.to_owned();
                aside(move || mutex.release_by_force(key)).await.unwrap()
            }
        }
    }

    /// Waits until so many stand in line.
    pub(crate) async fn until_waiting(&self, key: &str, count: u64) {
        eventually(&format!("{count} wait for {key}"), async || {
            self.inspect(key).await.waiting == count
        })
        .await;
    }
}

/// Asks a guard what it can say by itself.
macro_rules! looks {
    ($name:ident -> $value:ty) => {
        pub(crate) fn $name(&self) -> $value {
            match self {
                Self::Async(guard) => guard.$name().into(),
                Self::Blocking(guard) => guard.$name().into(),
            }
        }
    };
}

impl AnyGuard {
    looks!(value -> String);
    looks!(is_valid -> bool);
    looks!(remaining -> Duration);

    pub(crate) fn fence(&self) -> Fence {
        match self {
            Self::Async(guard) => guard.fence(),
            Self::Blocking(guard) => guard.fence(),
        }
        .expect("servers with scripts give fences")
    }

    pub(crate) async fn release(self) -> Result<(), Error> {
        match self {
            Self::Async(guard) => guard.release().await,
            Self::Blocking(guard) => aside(move || guard.release()).await,
        }
    }

    pub(crate) async fn extend(&mut self, expiry: Duration) -> Result<(), Error> {
        match self {
            Self::Async(guard) => guard.extend(expiry).await,
            Self::Blocking(guard) => tokio::task::block_in_place(|| guard.extend(expiry)),
        }
    }

    pub(crate) fn leak(self) {
        match self {
            Self::Async(guard) => guard.leak(),
            Self::Blocking(guard) => guard.leak(),
        }
    }

    /// Whether it is lost within that time.
    pub(crate) async fn lost_within(&self, patience: Duration) -> bool {
        match self {
            Self::Async(guard) => tokio::time::timeout(patience, guard.lost()).await.is_ok(),
            Self::Blocking(guard) => tokio::task::block_in_place(|| guard.lost_within(patience)),
        }
    }
}

/// Waits, for long enough on a busy machine, until it is so.
pub(crate) async fn eventually(what: &str, mut so: impl AsyncFnMut() -> bool) {
    for _ in 0..500 {
        if so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not within five seconds: {what}");
}

pub(crate) const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}
