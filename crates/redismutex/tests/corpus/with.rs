//! `with`: runs under the lock, or not at all; says which of two errors is which.

use crate::bench::ms;
use redismutex::{Error, RedisMutex, blocking};
use redismutex_testkit::Server;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

async fn mutex(server: &Server, expiry: Duration) -> RedisMutex {
    let builder = RedisMutex::builder(server.url()).expiry(expiry).block_time(ms(400));
    builder.connect().await.unwrap()
}

#[tokio::test]
async fn without_the_lock_the_work_does_not_begin() {
    let server = Server::start();
    let mutex = mutex(&server, ms(5000)).await;
    let guard = mutex.acquire("k").await.unwrap();
    let begun = Cell::new(false);
    let outcome = mutex.with("k", async || begun.set(true)).await;
    assert!(matches!(outcome, Err(Error::BlockTimeExceeded { .. })), "{outcome:?}");
    assert!(!begun.get());
    guard.release().await.unwrap();
    mutex.with("k", async || begun.set(true)).await.unwrap();
    assert!(begun.get());
    assert!(!server.admin().exists("k"));
}

/// What the work gives, an error of its own too, is handed on as it is.
#[tokio::test]
async fn the_errors_of_the_work_are_its_own() {
    let server = Server::start();
    let mutex = mutex(&server, ms(5000)).await;
    let outcome = mutex.with("k", async || Err::<(), _>("out of paper")).await;
    assert!(matches!(outcome, Ok(Err("out of paper"))), "{outcome:?}");
    assert!(!server.admin().exists("k"));
}

#[tokio::test]
async fn work_is_stopped_when_the_lock_is_lost() {
    let server = Server::start();
    let mutex = mutex(&server, ms(600)).await;
    let (stopped, begun) = (Cell::new(true), Instant::now());
    let outcome = mutex
        .with("k", async || {
            server.admin().del("k");
            tokio::time::sleep(ms(20_000)).await;
            stopped.set(false);
        })
        .await;
    assert!(matches!(outcome, Err(Error::Lost { .. })), "{outcome:?}");
    assert!(stopped.get() && begun.elapsed() < ms(10_000));
}

#[test]
fn a_panic_under_the_lock_goes_on_and_gives_back() {
    let server = Server::start();
    let mutex = blocking::RedisMutex::builder(server.url()).connect().unwrap();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        mutex.with("k", |_| std::panic::resume_unwind(Box::new("mine")))
    }));
    let payload = panicked.map(|outcome: Result<(), _>| outcome.is_ok()).unwrap_err();
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"mine"));
    assert!(crate::bench::within(ms(5000), || !server.admin().exists("k")));
}

#[test]
fn blocking_work_that_outlives_its_lock_is_told() {
    let server = Server::start();
    let mutex = blocking::RedisMutex::builder(server.url()).connect().unwrap();
    let outcome = mutex.with("k", |guard| {
        assert!(guard.is_valid());
        server.admin().del("k");
    });
    assert!(matches!(outcome, Err(Error::Lost { .. })), "{outcome:?}");
}

/// The lease was ours when the work ended: that the server is not there to be told is no reason to do it again.
#[tokio::test]
async fn work_that_is_done_keeps_its_value_though_the_server_is_gone() {
    let server = Server::start();
    for expiry in [ms(600), ms(30_000)] {
        let mutex = mutex(&server, expiry).await;
        let value = mutex.with("k", async || server.kill9()).await;
        assert!(value.is_ok(), "{value:?}");
        server.restart();
    }
}

#[test]
fn blocking_work_that_is_done_keeps_its_value_though_the_server_is_gone() {
    let server = Server::start();
    let mutex = blocking::RedisMutex::builder(server.url()).connect().unwrap();
    let value = mutex.with("k", |_| server.kill9());
    assert!(value.is_ok(), "{value:?}");
}

/// A lease that was over before the work was is another matter.
#[test]
fn work_that_outlived_its_lease_is_told_though_the_server_is_gone() {
    let server = Server::start();
    let builder = blocking::RedisMutex::builder(server.url()).expiry(ms(400)).block_time(ms(400));
    let mutex = builder.connect().unwrap();
    let outcome = mutex.with("k", |guard| {
        server.kill9();
        assert!(guard.lost_within(ms(2000)));
    });
    assert!(outcome.is_err(), "{outcome:?}");
}
