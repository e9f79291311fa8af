//! A guard dropped wherever a value may be dropped: the key is free soon, long before the lease ends.

use crate::{EXPIRY, ms, soon};
use redismutex::{Guard, RedisMutex};
use redismutex_testkit::{Admin, Proxy, Server, child};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
use tokio::runtime::Runtime;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn mutex(url: String) -> RedisMutex {
    RedisMutex::builder(url).expiry(EXPIRY).build().unwrap()
}

struct Bench {
    admin: Admin,
    mutex: RedisMutex,
    runtime: Runtime,
    server: Server,
}

impl Bench {
    fn new() -> Self {
        let server = Server::start();
        let mutex = mutex(server.url());
        Self { admin: server.admin(), mutex, runtime: runtime(), server }
    }

    fn guard(&self) -> Guard {
        let guard = self.runtime.block_on(self.mutex.acquire("k")).unwrap();
        assert!(self.admin.exists("k"));
        guard
    }

    fn assert_free_soon(&self) {
        assert!(soon(|| !self.admin.exists("k")), "held for {} ms yet", self.admin.pttl("k"));
    }
}

#[test]
fn a_guard_dropped_inside_a_runtime_gives_back() {
    let bench = Bench::new();
    let guard = bench.guard();
    bench.runtime.block_on(async move { drop(guard) });
    bench.assert_free_soon();
}

#[test]
fn a_guard_dropped_on_a_plain_thread_gives_back() {
    let bench = Bench::new();
    let guard = bench.guard();
    std::thread::spawn(move || drop(guard)).join().unwrap();
    bench.assert_free_soon();
}

#[test]
fn a_guard_dropped_in_a_panic_gives_back() {
    let bench = Bench::new();
    let guard = bench.guard();
    let panicked = catch_unwind(AssertUnwindSafe(move || {
        let _guard = guard;
        std::panic::resume_unwind(Box::new("a panic under the lock"));
    }));
    assert!(panicked.is_err());
    bench.assert_free_soon();
}

#[test]
fn a_guard_in_a_task_of_a_runtime_that_ends_gives_back() {
    let bench = Bench::new();
    let guard = bench.guard();
    let another = runtime();
    another.spawn(async move {
        let _guard = guard;
        std::future::pending::<()>().await;
    });
    another.block_on(tokio::task::yield_now());
    drop(another);
    bench.assert_free_soon();
}

#[test]
fn a_guard_dropped_when_its_runtime_is_gone_gives_back() {
    let Bench { admin, mutex, runtime, server } = Bench::new();
    let guard = runtime.block_on(mutex.acquire("k")).unwrap();
    drop(runtime);
    drop(guard);
    assert!(soon(|| !admin.exists("k")));
    drop((mutex, server));
}

#[test]
fn a_guard_that_outlives_its_mutex_gives_back() {
    let Bench { admin, mutex, runtime, server } = Bench::new();
    let guard = runtime.block_on(mutex.acquire("k")).unwrap();
    drop(mutex);
    assert!(guard.is_valid());
    drop(guard);
    assert!(soon(|| !admin.exists("k")));
    drop(server);
}

#[cfg(feature = "blocking")]
#[test]
fn a_blocking_guard_dropped_in_a_panic_gives_back() {
    let server = Server::start();
    let builder = redismutex::blocking::RedisMutex::builder(server.url()).expiry(EXPIRY);
    let mutex = builder.connect().unwrap();
    let holding = std::thread::spawn(move || {
        let _guard = mutex.acquire("k").unwrap();
        std::panic::resume_unwind(Box::new("a panic under the lock"));
    });
    assert!(holding.join().is_err());
    assert!(soon(|| !server.admin().exists("k")));
}

#[test]
#[ignore = "runs in a child process"]
fn worker() {
    let Some(role) = child::role() else { return };
    let url = std::env::var("URL").unwrap();
    let runtime = runtime();
    match &*role {
        "async" => runtime.block_on(async {
            let _guard = mutex(url).acquire("k").await.unwrap();
            child::say("holding");
        }),
        #[cfg(feature = "blocking")]
        "blocking" => {
            let builder = redismutex::blocking::RedisMutex::builder(url).expiry(EXPIRY);
            let _guard = builder.connect().unwrap().acquire("k").unwrap();
            child::say("holding");
        }
        // Nobody waits for the answer to what is given back last.
        "hasty" => {
            let mutex = mutex(url);
            let guard = runtime.block_on(mutex.acquire("k")).unwrap();
            child::say("holding");
            drop(runtime);
            drop(guard);
        }
        other => panic!("no such role: {other}"),
    }
}

/// The process ends right after the guard is dropped, at the end of `main`.
fn ends_while_holding(role: &str, slowness: Duration) {
    let server = Server::start();
    let proxy = Proxy::start(server.address());
    proxy.delay_all(slowness);
    let holder = child::spawn("dropped::worker", role, &[("URL", &proxy.url())]);
    assert!(holder.heard("holding", crate::SOON));
    assert!(holder.wait(crate::SOON).expect("its end is not held up for long").success());
    let admin = server.admin();
    assert!(
        soon(|| !admin.exists("k")),
        "{role}, {slowness:?} away, is dead and holds for {} ms",
        admin.pttl("k")
    );
}

#[test]
fn a_process_that_ends_while_holding_gives_back() {
    for role in ["async", "blocking", "hasty"] {
        for slowness in [ms(0), ms(20)] {
            ends_while_holding(role, slowness);
        }
    }
}
