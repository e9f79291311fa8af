//! Both faces of the library behind one, so that what is promised of both is tested once.

#![allow(dead_code, reason = "no test program uses all of it")]

use redismutex::{Error, Fence, blocking};
use redismutex_testkit::proxy::Matcher;
use redismutex_testkit::{Admin, Proxy, Server};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

pub(crate) const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Async,
    Blocking,
}

/// A mutex of either face.
#[derive(Clone)]
pub(crate) enum Mutex {
    Async(Arc<Runtime>, redismutex::RedisMutex),
    Blocking(blocking::RedisMutex),
}

/// A guard of either face.
pub(crate) enum Guard {
    Async(Arc<Runtime>, redismutex::Guard),
    Blocking(blocking::Guard),
}

macro_rules! of_either {
    ($this:expr, $inner:ident => $body:expr) => {
        match $this {
            Self::Async(_, $inner) => $body,
            Self::Blocking($inner) => $body,
        }
    };
}

impl Mutex {
    /// Does not connect yet.
    pub(crate) fn new(kind: Kind, url: String) -> Self {
        match kind {
            Kind::Async => {
                // Threads of its own, as in a service: what runs in the background goes on between the
                // steps of a test.
                let runtime = tokio::runtime::Builder::new_multi_thread()
                    .worker_threads(1)
                    .enable_all()
                    .build()
                    .unwrap();
                let built =
                    runtime.block_on(async { redismutex::RedisMutex::builder(url).build() });
                Self::Async(Arc::new(runtime), built.unwrap())
            }
            Kind::Blocking => Self::Blocking(blocking::RedisMutex::builder(url).build().unwrap()),
        }
    }

    pub(crate) fn with(
        self,
        change_async: impl FnOnce(redismutex::RedisMutex) -> redismutex::RedisMutex,
        change_blocking: impl FnOnce(blocking::RedisMutex) -> blocking::RedisMutex,
    ) -> Self {
        match self {
            Self::Async(runtime, mutex) => Self::Async(runtime, change_async(mutex)),
            Self::Blocking(mutex) => Self::Blocking(change_blocking(mutex)),
        }
    }

    pub(crate) fn expiry(self, expiry: Duration) -> Self {
        self.with(|it| it.with_expiry(expiry), |it| it.with_expiry(expiry))
    }

    pub(crate) fn block(self, block: Duration) -> Self {
        self.with(|it| it.with_block_time(block), |it| it.with_block_time(block))
    }

    pub(crate) fn delay(self, delay: Duration) -> Self {
        self.with(|it| it.with_delay(delay), |it| it.with_delay(delay))
    }

    pub(crate) fn no_renewal(self) -> Self {
        self.with(|it| it.with_renew(false), |it| it.with_renew(false))
    }

    pub(crate) fn acquire(&self, key: &str) -> Result<Guard, Error> {
        match self {
            Self::Async(runtime, mutex) => runtime
                .block_on(mutex.acquire(key))
                .map(|guard| Guard::Async(runtime.clone(), guard)),
            Self::Blocking(mutex) => mutex.acquire(key).map(Guard::Blocking),
        }
    }

    /// Acquires in a thread of its own.
    pub(crate) fn acquiring(&self, key: &'static str) -> Acquiring {
        let this = self.clone();
        Acquiring(thread::spawn(move || {
            let outcome = this.acquire(key);
            (outcome, Instant::now())
        }))
    }
}

pub(crate) struct Acquiring(thread::JoinHandle<(Result<Guard, Error>, Instant)>);

impl Acquiring {
    /// How it ended, and when.
    pub(crate) fn end(self) -> (Result<Guard, Error>, Instant) {
        self.0.join().unwrap()
    }

    /// The guard, and how long after `since` it came.
    pub(crate) fn guard_after(self, since: Instant) -> (Guard, Duration) {
        let (outcome, when) = self.end();
        (outcome.unwrap(), when.saturating_duration_since(since))
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0.is_finished()
    }
}

impl Guard {
    pub(crate) fn value(&self) -> &str {
        of_either!(self, guard => guard.value())
    }

    pub(crate) fn fence(&self) -> Option<Fence> {
        of_either!(self, guard => guard.fence())
    }

    pub(crate) fn is_valid(&self) -> bool {
        of_either!(self, guard => guard.is_valid())
    }

    pub(crate) fn remaining(&self) -> Duration {
        of_either!(self, guard => guard.remaining())
    }

    pub(crate) fn lost_within(&self, patience: Duration) -> bool {
        match self {
            Self::Async(runtime, guard) => {
                let lost = guard.lost();
                runtime.block_on(async { tokio::time::timeout(patience, lost).await.is_ok() })
            }
            Self::Blocking(guard) => guard.lost_within(patience),
        }
    }

    pub(crate) fn extend(&mut self, expiry: Duration) -> Result<(), Error> {
        match self {
            Self::Async(runtime, guard) => runtime.block_on(guard.extend(expiry)),
            Self::Blocking(guard) => guard.extend(expiry),
        }
    }

    pub(crate) fn release(self) -> Result<(), Error> {
        match self {
            Self::Async(runtime, guard) => runtime.block_on(guard.release()),
            Self::Blocking(guard) => guard.release(),
        }
    }
}

/// A server, a look into it, and a proxy before it.
pub(crate) struct Bench {
    pub(crate) kind: Kind,
    pub(crate) proxy: Proxy,
    pub(crate) admin: Admin,
    pub(crate) server: Server,
}

impl Bench {
    pub(crate) fn new(kind: Kind) -> Self {
        Self::on(kind, Server::start())
    }

    pub(crate) fn on(kind: Kind, server: Server) -> Self {
        Self { kind, proxy: Proxy::start(server.address()), admin: server.admin(), server }
    }

    /// A mutex behind the proxy.
    pub(crate) fn mutex(&self) -> Mutex {
        Mutex::new(self.kind, self.proxy.url())
    }

    /// A mutex that the proxy does not disturb.
    pub(crate) fn direct(&self) -> Mutex {
        Mutex::new(self.kind, self.server.url())
    }

    /// Waits until `count` waiters stand in the queue of `key`.
    pub(crate) fn queued(&self, key: &str, count: i64) {
        let queue = format!("redismutex:{{{key}}}:queue");
        let there = || self.admin.cmd(&["ZCARD", &queue]).int() == Some(count);
        assert!(within(ms(5000), there), "there are never {count} in the queue");
    }

    pub(crate) fn gone_within(&self, key: &str, patience: Duration) -> bool {
        within(patience, || !self.admin.exists(key))
    }
}

/// Whether it comes true in time.
pub(crate) fn within(patience: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let until = Instant::now() + patience;
    loop {
        if is_so() {
            return true;
        }
        if Instant::now() > until {
            return false;
        }
        thread::sleep(ms(5));
    }
}

/// Scripts with so many keys and arguments: their shape tells them apart.
fn script(keys: &'static str, arguments: std::ops::RangeInclusive<usize>) -> Matcher {
    Matcher::test(move |args| {
        let is_script = args.first().is_some_and(|name| name.starts_with(b"EVAL"));
        let count: usize = keys.parse().unwrap();
        is_script
            && args.get(2).is_some_and(|number| number == keys.as_bytes())
            && arguments.contains(&(args.len().saturating_sub(3 + count)))
    })
}

pub(crate) fn acquire_requests() -> Matcher {
    script("4", 4..=7)
}

pub(crate) fn release_requests() -> Matcher {
    script("4", 1..=2)
}

pub(crate) fn extend_requests() -> Matcher {
    script("2", 4..=4)
}

/// Extensions that leave alone what is longer.
pub(crate) fn renewals() -> Matcher {
    Matcher::test(|args| args.len() == 9 && args[2] == b"2" && args[8] == b"0")
}

/// Runs a test on both faces, at the same time: such tests mostly wait.
pub(crate) fn on_both(test: fn(Kind)) {
    thread::scope(|scope| {
        let run = |kind| {
            let builder = thread::Builder::new().name(format!("{kind:?} face"));
            builder.spawn_scoped(scope, move || test(kind)).unwrap()
        };
        let faces = [Kind::Async, Kind::Blocking].map(run);
        let failed = faces.map(|face| face.join().is_err());
        assert_eq!(failed, [false; 2], "[async, blocking]: see above");
    });
}

/// Makes tests, for both faces, of functions that take a [`Kind`].
macro_rules! on_both_faces {
    ($($name:ident)*) => {
        mod on_both_faces {
            $(#[test] fn $name() { crate::bench::on_both(super::$name); })*
        }
    };
}
pub(crate) use on_both_faces;
