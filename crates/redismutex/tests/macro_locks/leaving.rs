//! However the body is left, the lock has been given back by the time the function returns.

use crate::{AppError, Bench};
use redismutex::{Error, RedisMutex, blocking, with_redismutex};
use redismutex_testkit::Server;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

#[with_redismutex(mutex, key = "leaving")]
async fn leave(mutex: &RedisMutex, how: &str) -> Result<i32, AppError> {
    assert!(mutex.holder("leaving").await?.is_some());
    if how == "early" {
        return Ok(1);
    }
    if how == "failing" {
        return Err(AppError::Own("asked to"));
    }
    Ok(how.parse::<i32>()?)
}

#[tokio::test]
async fn the_lock_is_given_back_however_the_body_is_left() {
    let Bench { mutex, admin, .. } = &Bench::new().await;
    assert_eq!(leave(mutex, "17").await.unwrap(), 17);
    assert!(!admin.exists("leaving"), "after the end of the body");
    assert_eq!(leave(mutex, "early").await.unwrap(), 1);
    assert!(!admin.exists("leaving"), "after `return`");
    assert!(matches!(leave(mutex, "failing").await, Err(AppError::Own("asked to"))));
    assert!(!admin.exists("leaving"), "after `return Err(…)`");
    assert!(matches!(leave(mutex, "none").await, Err(AppError::Own("no number"))));
    assert!(!admin.exists("leaving"), "after `?`");
}

#[with_redismutex(mutex, key = "stolen")]
async fn robbed(mutex: &RedisMutex, outcome: Result<(), &'static str>) -> Result<(), AppError> {
    mutex.release_by_force("stolen").await?;
    outcome.map_err(AppError::Own)
}

#[tokio::test]
async fn the_bodys_own_error_comes_before_that_of_the_release() {
    let Bench { mutex, .. } = &Bench::new().await;
    assert!(matches!(robbed(mutex, Err("first")).await, Err(AppError::Own("first"))));
    let lost = robbed(mutex, Ok(())).await;
    assert!(matches!(lost, Err(AppError::Lock(Error::Lost { .. }))), "{lost:?}");
}

#[with_redismutex(mutex, key = "done")]
async fn left_alone(mutex: &RedisMutex, server: &Server) -> Result<u32, Error> {
    server.kill9();
    Ok(7)
}

#[with_redismutex(mutex, key = "done")]
fn left_alone_too(mutex: &blocking::RedisMutex, server: &Server) -> Result<u32, Error> {
    server.kill9();
    Ok(7)
}

#[tokio::test]
async fn what_was_done_under_the_lock_counts_though_the_server_is_gone() {
    let Bench { mutex, server, .. } = &Bench::new().await;
    assert_eq!(left_alone(mutex, server).await.unwrap(), 7);
    server.restart();
    let mutex = blocking::RedisMutex::connect(server.url()).unwrap();
    assert_eq!(left_alone_too(&mutex, server).unwrap(), 7);
}

#[with_redismutex(
    mutex,
    key = "busy",
    block_time = Duration::from_millis(50),
    delay = Duration::from_millis(20)
)]
async fn impatient(mutex: &RedisMutex, ran: &AtomicU32) -> Result<(), AppError> {
    ran.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

#[tokio::test]
async fn without_the_lock_the_body_does_not_run() {
    let Bench { mutex, .. } = &Bench::new().await;
    let ran = AtomicU32::new(0);
    let guard = mutex.acquire("busy").await.unwrap();
    let refused = impatient(mutex, &ran).await;
    assert!(matches!(refused, Err(AppError::Lock(Error::BlockTimeExceeded { .. }))), "{refused:?}");
    assert_eq!(ran.load(Ordering::Relaxed), 0);
    guard.release().await.unwrap();
    impatient(mutex, &ran).await.unwrap();
    assert_eq!(ran.load(Ordering::Relaxed), 1);
}

#[with_redismutex(mutex, key = "alone")]
async fn alone(mutex: &RedisMutex, inside: &AtomicU32) -> Result<u32, Error> {
    let others = inside.fetch_add(1, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(30)).await;
    inside.fetch_sub(1, Ordering::SeqCst);
    Ok(others)
}

#[tokio::test]
async fn two_calls_at_once_run_one_after_the_other() {
    let Bench { mutex, .. } = &Bench::new().await;
    let inside = AtomicU32::new(0);
    let (one, other) = tokio::join!(alone(mutex, &inside), alone(mutex, &inside));
    assert_eq!((one.unwrap(), other.unwrap()), (0, 0));
}

#[with_redismutex(mutex, key = "dropped")]
async fn endless(mutex: &RedisMutex) -> Result<(), Error> {
    std::future::pending().await
}

#[tokio::test]
async fn a_call_that_is_dropped_gives_the_lock_back() {
    let Bench { mutex, admin, .. } = &Bench::new().await;
    let call = tokio::time::timeout(Duration::from_millis(200), endless(mutex));
    assert!(call.await.is_err());
    // The next one gets it at once, not when the lease has ended.
    let next = mutex.clone().with_block_time(Duration::from_secs(2)).acquire("dropped").await;
    assert!(next.is_ok(), "{next:?}");
    assert!(admin.exists("dropped"));
}
