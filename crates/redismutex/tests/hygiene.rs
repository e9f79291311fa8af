//! After thousands of locks everything is as it was: keys, queues, connections, threads, descriptors, memory.
//!
//! What is counted here belongs to the whole process, so the tests take turns.

#![cfg(all(feature = "tokio", feature = "blocking"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "hygiene/census.rs"]
mod census;

use census::{Census, eventually};
use redismutex::{RedisMutex, blocking};
use redismutex_testkit::{Admin, Server};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

static TURN: Mutex<()> = Mutex::new(());

fn my_turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Every key expires, and what holds a lock or a place in a queue is gone.
fn assert_no_key_stays(admin: &Admin) {
    for key in admin.keys_matching("*") {
        assert!(key.ends_with(":grant"), "{key} is left over");
        assert!(admin.pttl(&key) > 0, "{key} would live for ever");
    }
}

/// One round of everything that the async face does, on a few keys.
async fn round(mutex: &RedisMutex, round: usize) {
    let key = format!("key{}", round % 7);
    let mut guard = mutex.acquire(&key).await.unwrap();
    let (waiter, brief) = (mutex.clone(), mutex.clone().with_block_time(Duration::from_millis(2)));
    let name = key.clone();
    let waiter = tokio::spawn(async move { waiter.acquire(&name).await.unwrap() });
    match round % 4 {
        0 => drop(brief.acquire(&key).await.unwrap_err()),
        1 => drop(mutex.try_acquire(&key).await.unwrap()),
        2 => guard.extend(Duration::from_secs(20)).await.unwrap(),
        _ => drop(tokio::time::timeout(Duration::from_micros(300), mutex.acquire(&key)).await),
    }
    if round.is_multiple_of(3) {
        drop(guard);
    } else {
        guard.release().await.unwrap();
    }
    waiter.await.unwrap().release().await.unwrap();
}

#[test]
fn thousands_of_async_locks_leave_nothing_behind() {
    let _turn = my_turn();
    let server = Server::start();
    let admin = server.admin();
    let before = Census::take(&admin);
    let runtime = runtime();
    let mutex = runtime.block_on(RedisMutex::connect(server.url())).unwrap();
    let rounds = |from: usize, to: usize| {
        for number in from..to {
            runtime.block_on(round(&mutex, number));
        }
    };
    rounds(0, 500);
    let warm = Census::take(&admin);
    rounds(500, 3000);
    let after = Census::take(&admin);
    assert_no_key_stays(&admin);
    after.assert_no_more_than(&warm);
    drop(mutex);
    drop(runtime);
    eventually("all is as before", || Census::take(&admin).handles() == before.handles());
}

#[test]
fn thousands_of_blocking_locks_leave_nothing_behind() {
    let _turn = my_turn();
    let server = Server::start();
    let admin = server.admin();
    let before = Census::take(&admin);
    let mutex = blocking::RedisMutex::connect(server.url()).unwrap();
    let cycles = |count: usize| {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for number in 0..count {
                        let guard = mutex.acquire(format!("key{}", number % 2)).unwrap();
                        if number % 3 == 0 { drop(guard) } else { guard.release().unwrap() }
                    }
                });
            }
        });
    };
    cycles(300);
    let warm = Census::take(&admin);
    cycles(1500);
    let after = Census::take(&admin);
    eventually("dropped guards are given back", || !admin.exists("key0") && !admin.exists("key1"));
    assert_no_key_stays(&admin);
    after.assert_no_more_than(&warm);
    drop(mutex);
    eventually("all is as before", || Census::take(&admin).handles() == before.handles());
}

#[test]
fn mutexes_that_come_and_go_leave_no_thread_and_no_connection() {
    let _turn = my_turn();
    let server = Server::start();
    let admin = server.admin();
    let before = Census::take(&admin);
    let runtime = runtime();
    for number in 0..60 {
        runtime.block_on(async {
            let mutex = RedisMutex::connect(server.url()).await.unwrap();
            let guard = mutex.acquire("k").await.unwrap();
            if number % 2 == 0 { drop(guard) } else { guard.release().await.unwrap() }
        });
        let mutex = blocking::RedisMutex::connect(server.url()).unwrap();
        mutex.acquire("k").unwrap().release().unwrap();
    }
    drop(runtime);
    eventually("all is as before", || Census::take(&admin).handles() == before.handles());
}

#[test]
fn ten_thousand_guards_share_two_connections_and_are_renewed() {
    const GUARDS: usize = 10_000;
    let _turn = my_turn();
    let server = Server::start();
    let admin = server.admin();
    let before = Census::take(&admin);
    let runtime = runtime();
    let expiry = Duration::from_secs(3);
    let builder = RedisMutex::builder(server.url()).expiry(expiry).block_time(expiry * 10);
    let mutex = runtime.block_on(builder.connect()).unwrap();
    let guards = runtime.block_on(async {
        let mut taking = JoinSet::new();
        for number in 0..GUARDS {
            let mutex = mutex.clone();
            taking.spawn(async move { mutex.acquire(format!("key{number}")).await.unwrap() });
        }
        taking.join_all().await
    });
    let all = Instant::now();
    let held = Census::take(&admin);
    assert!(admin.client_count() <= 2, "{} connections", admin.client_count());
    let threads = held.threads.saturating_sub(before.threads);
    assert!(threads <= 6, "{threads} threads for {GUARDS} guards");
    // Longer than the lease: without renewal all would be over.
    while all.elapsed() < expiry * 3 / 2 {
        std::thread::sleep(Duration::from_millis(50));
    }
    let valid = guards.iter().filter(|guard| guard.is_valid()).count();
    assert_eq!(valid, GUARDS);
    assert!(admin.client_count() <= 2, "{} connections", admin.client_count());
    drop(guards);
    eventually("all are given back", || {
        admin.keys_matching("key*").is_empty() && admin.keys_matching("*:queue").is_empty()
    });
    assert_no_key_stays(&admin);
    drop((mutex, runtime));
    eventually("all is as before", || Census::take(&admin).handles() == before.handles());
}

/// Names that were fought over once are not remembered.
#[test]
fn thousands_of_contended_names_leave_no_channel_and_no_queue() {
    let _turn = my_turn();
    let server = Server::start();
    let admin = server.admin();
    let runtime = runtime();
    let mutex = runtime.block_on(RedisMutex::connect(server.url())).unwrap();
    runtime.block_on(async {
        let mut fights = JoinSet::new();
        for number in 0..2500_u64 {
            let mutex = mutex.clone();
            fights.spawn(async move {
                let key = format!("name{number}");
                let guard = mutex.acquire(&key).await.unwrap();
                let cancelled = Duration::from_micros(number % 40 * 50);
                let waiting = tokio::time::timeout(cancelled, mutex.acquire(&key)).await;
                assert!(waiting.is_err(), "{key} is held");
                guard.release().await.unwrap();
            });
        }
        fights.join_all().await;
    });
    let channels = || admin.cmd(&["PUBSUB", "CHANNELS"]).parts().len();
    assert!(channels() <= 1, "{} channels for one process", channels());
    eventually("all are given back", || {
        admin.keys_matching("name*").is_empty() && admin.keys_matching("*:queue").is_empty()
    });
    let guard = runtime.block_on(mutex.try_acquire("name7")).unwrap();
    assert!(guard.is_some(), "the process can still lock");
    drop((guard, mutex, runtime));
    eventually("no channel is left", || channels() == 0);
    assert_no_key_stays(&admin);
}
