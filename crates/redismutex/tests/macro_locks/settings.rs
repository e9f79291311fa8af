//! The options change the mutex for this function only.

use crate::{AppError, Bench};
use redismutex::{Error, Inspection, RedisMutex, with_redismutex};
use std::time::{Duration, Instant};

#[with_redismutex(
    mutex,
    key = "all",
    block_time = Duration::from_secs(1),
    delay = Duration::from_millis(100),
    expiry = expiry,
    renew = !once,
    max_hold = Duration::from_secs(60),
    label = format!("job {job}"),
)]
async fn inspected(
    mutex: &RedisMutex,
    expiry: Duration,
    once: bool,
    job: u32,
) -> Result<Inspection, Error> {
    mutex.inspect("all").await
}

#[tokio::test]
async fn the_grant_is_as_the_options_say() {
    let Bench { mutex, .. } = &Bench::new().await;
    let seen = inspected(mutex, Duration::from_secs(30), false, 12).await.unwrap();
    let holder = seen.holder.unwrap();
    assert_eq!(holder.label.as_deref(), Some("job 12"));
    assert!(holder.remaining.unwrap() > Duration::from_secs(20), "{holder:?}");
}

#[with_redismutex(
    mutex,
    key = "brief",
    renew = false,
    expiry = Duration::from_millis(300),
    block_time = Duration::from_millis(200),
    delay = Duration::from_millis(50)
)]
async fn overlong(mutex: &RedisMutex) -> Result<(), AppError> {
    tokio::time::sleep(Duration::from_secs(20)).await;
    Ok(())
}

#[tokio::test]
async fn the_body_is_dropped_when_the_lock_is_lost() {
    let Bench { mutex, .. } = &Bench::new().await;
    let begun = Instant::now();
    let lost = overlong(mutex).await;
    assert!(matches!(lost, Err(AppError::Lock(Error::Lost { .. }))), "{lost:?}");
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[with_redismutex(
    mutex,
    key = "odd",
    delay = Duration::from_secs(9),
    block_time = Duration::from_secs(1)
)]
async fn contradicting(mutex: &RedisMutex) -> Result<(), Error> {
    unreachable!("these settings contradict each other");
}

#[tokio::test]
async fn settings_that_contradict_each_other_are_refused_before_the_body() {
    let Bench { mutex, .. } = &Bench::new().await;
    assert!(matches!(contradicting(mutex).await, Err(Error::Config { .. })));
}
