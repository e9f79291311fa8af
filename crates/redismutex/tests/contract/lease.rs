//! How long it is ours, and how we learn that it is not.

use crate::face::{AnyGuard, Setting, eventually, ms};
use redismutex::Error;
use redismutex_testkit::random_key;
use std::time::Instant;

fn is_lost<T>(outcome: &Result<T, Error>) -> bool {
    matches!(outcome, Err(Error::Lost { .. }))
}

pub(crate) async fn expiry_frees_the_lock_of_the_dead(setting: &Setting) {
    let (key, mutex) = (random_key(), setting.mutex_with(ms(400), ms(5000)).await);
    let began = Instant::now();
    mutex.acquire(&key).await.unwrap().leak();
    let next = mutex.acquire(&key).await.unwrap();
    assert!(began.elapsed() >= ms(390), "the lease was kept: {:?}", began.elapsed());
    next.release().await.unwrap();
}

pub(crate) async fn renewal_outlives_expiry(setting: &Setting) {
    let (key, mutex) = (random_key(), setting.mutex_with(ms(600), ms(600)).await);
    let guard = mutex.acquire(&key).await.unwrap();
    assert!(!guard.lost_within(ms(2000)).await);
    assert!(guard.is_valid());
    assert_eq!(setting.admin().get(&key), Some(guard.value()));
    guard.release().await.unwrap();
    assert_eq!(setting.admin().get(&key), None);
}

pub(crate) async fn max_hold_ends_it(setting: &Setting) {
    let (key, mutex) = (random_key(), setting.mutex_with(ms(300), ms(300)).await);
    let guard = mutex.clone().with_max_hold(ms(900)).acquire(&key).await.unwrap();
    assert!(!guard.lost_within(ms(500)).await, "renewed beyond its expiry");
    assert!(guard.lost_within(ms(3000)).await);
    assert!(!guard.is_valid());
    eventually("the server forgets it", async || setting.admin().get(&key).is_none()).await;
    drop(guard);
}

pub(crate) async fn extend_replaces_and_never_adds(setting: &Setting) {
    let (key, mutex) = (random_key(), setting.mutex_with(ms(5000), ms(5000)).await);
    let mut guard = mutex.with_renew(false).acquire(&key).await.unwrap();
    guard.extend(ms(9000)).await.unwrap();
    assert!(
        guard.remaining() <= ms(9000) && guard.remaining() > ms(5000),
        "{:?}",
        guard.remaining()
    );
    guard.extend(ms(2000)).await.unwrap();
    assert!(guard.remaining() <= ms(2000));
    assert!((1..=2000).contains(&setting.admin().pttl(&key)));
    assert!(matches!(guard.extend(ms(0)).await, Err(Error::Config { .. })));
    guard.release().await.unwrap();
}

pub(crate) async fn a_shorter_extension_is_not_undone_by_renewal(setting: &Setting) {
    let (key, mutex) = (random_key(), setting.mutex_with(ms(30_000), ms(5000)).await);
    for _ in 0..5 {
        let mut guard = mutex.acquire(&key).await.unwrap();
        guard.extend(ms(2000)).await.unwrap();
        tokio::time::sleep(ms(50)).await;
        let left = setting.admin().pttl(&key);
        assert!((1..=2000).contains(&left), "{left} ms left");
        guard.release().await.unwrap();
    }
}

pub(crate) async fn extend_of_what_was_lost_is_refused(setting: &Setting) {
    let (key, mutex) = (random_key(), setting.mutex_with(ms(5000), ms(5000)).await);
    let mut guard = mutex.with_renew(false).acquire(&key).await.unwrap();
    setting.admin().del(&key);
    let extended = guard.extend(ms(5000)).await;
    assert!(is_lost(&extended), "{extended:?}");
    assert_eq!(setting.admin().get(&key), None, "never made anew");
    assert!(!guard.is_valid());
}

pub(crate) async fn release_of_what_was_lost_is_told(setting: &Setting) {
    let (key, mutex) = (random_key(), setting.mutex().await);
    let guard = mutex.acquire(&key).await.unwrap();
    setting.admin().cmd(&["SET", &key, "another's", "PX", "5000"]);
    let released = guard.release().await;
    assert!(is_lost(&released), "{released:?}");
    assert_eq!(setting.admin().get(&key).as_deref(), Some("another's"), "and left alone");
}

pub(crate) async fn a_prefix_of_a_token_owns_nothing(setting: &Setting) {
    let (key, mutex) = (random_key(), setting.mutex().await);
    let guard = mutex.acquire(&key).await.unwrap();
    for other in [guard.value()[..35].to_owned(), format!("{}0", guard.value()), String::new()] {
        setting.admin().cmd(&["SET", &key, &other, "PX", "5000"]);
        assert!(mutex.try_acquire(&key).await.unwrap().is_none(), "{other:?} is somebody's");
    }
    assert!(is_lost(&guard.release().await));
    assert!(setting.admin().get(&key).is_some());
}

pub(crate) async fn deleting_the_key_is_a_loss(setting: &Setting) {
    let (key, mutex) = (random_key(), setting.mutex_with(ms(600), ms(600)).await);
    let guard = mutex.acquire(&key).await.unwrap();
    setting.admin().del(&key);
    assert!(guard.lost_within(ms(3000)).await);
    assert!(!guard.is_valid());
    assert!(is_lost(&guard.release().await));
}

pub(crate) async fn lost_comes_before_the_next_holder(setting: &Setting) {
    let (key, mutex) = (random_key(), setting.mutex_with(ms(500), ms(500)).await);
    let first = mutex.clone().with_renew(false).acquire(&key).await.unwrap();
    let second = mutex.with_block_time(ms(5000)).acquire(&key).await.unwrap();
    assert!(!first.is_valid(), "two at once");
    assert!(first.lost_within(ms(1000)).await);
    assert!(second.fence() > first.fence());
    drop(first);
    assert_eq!(setting.admin().get(&key), Some(second.value()), "the late release touched nothing");
    second.release().await.unwrap();
}

pub(crate) async fn leak_leaves_it_to_the_expiry(setting: &Setting) {
    let (key, mutex) = (random_key(), setting.mutex_with(ms(500), ms(500)).await);
    mutex.acquire(&key).await.unwrap().leak();
    assert!(setting.admin().get(&key).is_some());
    eventually("it runs out", async || setting.admin().get(&key).is_none()).await;
}

pub(crate) async fn dropping_gives_back(setting: &Setting) {
    let (key, mutex) = (random_key(), setting.mutex_with(ms(60_000), ms(5000)).await);
    drop(mutex.acquire(&key).await.unwrap());
    eventually("it is free", async || setting.admin().get(&key).is_none()).await;
}

pub(crate) async fn plain_locks_and_ours_exclude_each_other(setting: &Setting) {
    let (key, mutex) = (random_key(), setting.mutex_with(ms(5000), ms(5000)).await);
    let admin = setting.admin();
    let guard = mutex.acquire(&key).await.unwrap();
    assert_eq!(admin.cmd(&["SET", &key, "old", "NX", "EX", "7"]).text(), None, "refused");
    guard.release().await.unwrap();
    assert_eq!(admin.cmd(&["SET", &key, "old", "NX", "EX", "60"]).text().as_deref(), Some("OK"));
    assert!(mutex.try_acquire(&key).await.unwrap().is_none());
    let waiter = tokio::spawn({
        let (mutex, key) = (mutex.clone(), key.clone());
        async move { mutex.acquire(&key).await }
    });
    mutex.until_waiting(&key, 1).await;
    // An old process releases by DEL and tells nobody.
    admin.del(&key);
    waiter.await.unwrap().expect("noticed long before the old lease ends").release().await.unwrap();
}

pub(crate) async fn release_from_another_thread(setting: &Setting) {
    let (key, mutex) = (random_key(), setting.mutex().await);
    let guard = mutex.acquire(&key).await.unwrap();
    std::thread::spawn(move || drop::<AnyGuard>(guard)).join().unwrap();
    eventually("it is free", async || setting.admin().get(&key).is_none()).await;
}
