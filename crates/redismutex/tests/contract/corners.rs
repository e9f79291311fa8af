//! What is rare, and was wrong once.

use crate::face::{eventually, ms};
use redismutex::{Error, RedisMutex, blocking};
use redismutex_testkit::{Proxy, Server, random_key};
use std::time::Instant;

/// Somebody looks at all channels, as some tools do: that makes no dead waiter alive.
#[test]
fn whoever_listens_to_patterns_revives_nobody() {
    let (server, key) = (Server::start(), random_key());
    let mutex = blocking::RedisMutex::connect(server.url()).unwrap();
    let viewer = server.admin();
    viewer.cmd(&["PSUBSCRIBE", "*"]);
    let guard = mutex.acquire(&key).unwrap();
    let queue = format!("redismutex:{{{key}}}:queue");
    let admin = server.admin();
    for dead in 0..3 {
        admin.cmd(&["ZADD", &queue, "1", &format!("60000 5 redismutex:gone {dead} dead{dead}")]);
    }
    guard.release().unwrap();
    assert_eq!(admin.get(&key), None, "given to one who is gone");
}

#[test]
fn a_queue_of_another_type_keeps_nobody_from_releasing() {
    let (server, key) = (Server::start(), random_key());
    let mutex = blocking::RedisMutex::connect(server.url()).unwrap();
    let guard = mutex.acquire(&key).unwrap();
    let queue = format!("redismutex:{{{key}}}:queue");
    server.admin().cmd(&["SET", &queue, "something else"]);
    guard.release().unwrap();
    assert_eq!(server.admin().get(&key), None);
    let error = mutex.acquire(&key).unwrap_err();
    assert!(
        matches!(error, Error::Config { .. }) && error.to_string().contains("beside it"),
        "{error}"
    );
}

/// The server is away for longer than the first lease would have lasted.
#[test]
fn a_renewed_lock_is_given_back_after_an_outage() {
    let (server, key) = (Server::start(), random_key());
    let proxy = Proxy::start(server.address());
    let builder = blocking::RedisMutex::builder(proxy.url()).expiry(ms(6000));
    let mutex = builder.block_time(ms(1000)).connect().unwrap();
    let guard = mutex.acquire(&key).unwrap();
    std::thread::sleep(ms(7000));
    proxy.refuse();
    proxy.close_all();
    drop(guard);
    std::thread::sleep(ms(1000));
    assert!(server.admin().exists(&key), "there is something to give back");
    let healed = Instant::now();
    proxy.heal();
    while server.admin().exists(&key) && healed.elapsed() < ms(2000) {
        std::thread::sleep(ms(20));
    }
    // By itself the lease ends no sooner than two thirds of it after the drop.
    assert!(!server.admin().exists(&key), "not given back");
}

#[tokio::test]
async fn a_look_at_a_silent_server_ends_without_any_acquire_before() {
    let server = Server::start();
    let mutex = RedisMutex::connect(server.url()).await.unwrap();
    let paused = server.pause();
    let looking = tokio::time::timeout(ms(15_000), mutex.holder("key")).await;
    assert!(matches!(looking, Ok(Err(Error::Unavailable { .. }))), "{looking:?}");
    paused.resume();
}

#[test]
fn a_runtime_without_io_is_an_error() {
    let server = Server::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let connecting =
        async { tokio::time::timeout(ms(15_000), RedisMutex::connect(server.url())).await };
    let outcome = runtime.block_on(connecting);
    assert!(matches!(outcome, Ok(Err(Error::Unavailable { .. }))), "{outcome:?}");
}

#[test]
fn block_time_is_kept_while_connecting() {
    let server = Server::start();
    let proxy = Proxy::start(server.address());
    proxy.accept_and_hang();
    let builder = blocking::RedisMutex::builder(proxy.url()).block_time(ms(200)).delay(ms(100));
    let mutex = builder.build().unwrap();
    let begun = Instant::now();
    let outcome = mutex.acquire("key");
    assert!(matches!(outcome, Err(Error::Unavailable { .. })), "{outcome:?}");
    assert!(begun.elapsed() < ms(2500), "{:?}", begun.elapsed());
}

/// The first in the queue has been told little: it looks soon, however seldom it would poll.
#[tokio::test]
async fn a_long_delay_does_not_keep_the_first_waiter_from_a_crashed_holder() {
    let (server, key) = (Server::start(), random_key());
    let first = RedisMutex::builder(server.url()).renew(false).block_time(ms(1000)).delay(ms(100));
    let first = first.expiry(ms(2000)).connect().await.unwrap();
    first.acquire(&key).await.unwrap().leak();
    let builder = RedisMutex::builder(server.url()).block_time(ms(30_000)).delay(ms(20_000));
    let second = builder.connect().await.unwrap();
    let begun = Instant::now();
    let guard = second.acquire(&key).await.unwrap();
    assert!(begun.elapsed() < ms(6000), "{:?}", begun.elapsed());
    guard.release().await.unwrap();
    eventually("given back", async || server.admin().get(&key).is_none()).await;
}
