//! Runtimes come and go; the mutex stays.

use crate::face::{eventually, ms};
use redismutex::RedisMutex;
use redismutex_testkit::proxy::Direction;
use redismutex_testkit::{Proxy, Server, random_key};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn a_mutex_outlives_the_runtime_it_began_in() {
    let server = Server::start();
    let mutex = RedisMutex::builder(server.url()).build().unwrap();
    for _ in 0..3 {
        runtime().block_on(async {
            let guard = mutex.acquire("key").await.unwrap();
            guard.release().await.unwrap();
        });
    }
}

#[test]
fn a_guard_outlives_the_runtime_it_began_in() {
    let server = Server::start();
    let mutex = RedisMutex::builder(server.url()).expiry(ms(600)).build().unwrap();
    let guard = runtime().block_on(mutex.acquire("key")).unwrap();
    std::thread::sleep(ms(1500));
    assert!(guard.is_valid(), "renewed by a thread that needs no runtime");
    drop(guard);
    runtime().block_on(eventually("given back", async || server.admin().get("key").is_none()));
}

#[test]
fn any_executor_will_do() {
    let server = Server::start();
    let mutex = RedisMutex::builder(server.url()).build().unwrap();
    // No tokio on this thread: a reader thread takes its place.
    let mut acquiring = std::pin::pin!(mutex.acquire("key"));
    let waker = std::task::Waker::noop();
    let mut context = std::task::Context::from_waker(waker);
    let guard = loop {
        match acquiring.as_mut().poll(&mut context) {
            std::task::Poll::Ready(guard) => break guard.unwrap(),
            std::task::Poll::Pending => std::thread::sleep(ms(1)),
        }
    };
    assert_eq!(server.admin().get("key").as_deref(), Some(guard.value()));
}

#[tokio::test]
async fn a_guard_dropped_on_a_dead_connection_is_given_back_on_another() {
    let server = Server::start();
    let proxy = Proxy::start(server.address());
    let key = random_key();
    let builder = RedisMutex::builder(proxy.url()).expiry(ms(60_000)).block_time(ms(5000));
    let mutex = builder.connect().await.unwrap();
    let guard = mutex.acquire(&key).await.unwrap();
    proxy.blackhole(Direction::Both);
    drop(guard);
    tokio::time::sleep(ms(100)).await;
    proxy.close_all();
    proxy.heal();
    eventually("given back", async || server.admin().get(&key).is_none()).await;
}
