//! Getting it, waiting for it, and in what order.

use crate::face::{Setting, ms};
use redismutex::Error;
use redismutex_testkit::random_key;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub(crate) async fn one_at_a_time(setting: &Setting) {
    let key = random_key();
    let inside = Arc::new(AtomicU32::new(0));
    let mut workers = Vec::new();
    for _ in 0..6 {
        let (mutex, key, inside) = (setting.mutex().await, key.clone(), inside.clone());
        workers.push(tokio::spawn(async move {
            for _ in 0..20 {
                let guard = mutex.acquire(&key).await.unwrap();
                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "somebody was inside");
                tokio::task::yield_now().await;
                inside.fetch_sub(1, Ordering::SeqCst);
                guard.release().await.unwrap();
            }
        }));
    }
    for worker in workers {
        worker.await.unwrap();
    }
}

pub(crate) async fn first_come_first_served(setting: &Setting) {
    let (key, mutex) = (random_key(), setting.mutex_with(ms(3000), ms(20_000)).await);
    let guard = mutex.acquire(&key).await.unwrap();
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut waiters = Vec::new();
    for number in 0..6 {
        // Every other one waits in a process of its own, as far as the server can tell.
        let mutex = if number % 2 == 0 {
            mutex.clone()
        } else {
            setting.mutex_with(ms(3000), ms(20_000)).await
        };
        let (key, order) = (key.clone(), order.clone());
        waiters.push(tokio::spawn({
            let mutex = mutex.clone();
            let key = key.clone();
            async move {
                let guard = mutex.acquire(&key).await.unwrap();
                order.lock().unwrap().push(number);
                guard.release().await.unwrap();
            }
        }));
        mutex.until_waiting(&key, number + 1).await;
    }
    guard.release().await.unwrap();
    for waiter in waiters {
        waiter.await.unwrap();
    }
    assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4, 5]);
}

pub(crate) async fn a_try_does_not_overtake_the_queue(setting: &Setting) {
    let (key, mutex) = (random_key(), setting.mutex().await);
    let guard = mutex.acquire(&key).await.unwrap();
    let waiter = tokio::spawn({
        let (mutex, key) = (mutex.clone(), key.clone());
        async move { mutex.acquire(&key).await }
    });
    mutex.until_waiting(&key, 1).await;
    assert!(mutex.try_acquire(&key).await.unwrap().is_none());
    // The holder's record is gone, as if it had run out; the place in the queue is not.
    setting.admin().del(&key);
    assert!(mutex.try_acquire(&key).await.unwrap().is_none(), "one who waits comes first");
    waiter.await.unwrap().unwrap().release().await.unwrap();
    drop(guard);
}

pub(crate) async fn block_time_zero_tries_once(setting: &Setting) {
    let (key, mutex) = (random_key(), setting.mutex_with(ms(1000), Duration::ZERO).await);
    let guard = mutex.acquire(&key).await.expect("a free lock");
    assert!(matches!(mutex.acquire(&key).await, Err(Error::BlockTimeExceeded { .. })));
    guard.release().await.unwrap();
}

pub(crate) async fn block_time_is_kept(setting: &Setting) {
    let (key, mutex) = (random_key(), setting.mutex_with(ms(2000), ms(300)).await);
    let guard = mutex.acquire(&key).await.unwrap();
    let started = Instant::now();
    let error = mutex.acquire(&key).await.unwrap_err();
    assert!(started.elapsed() >= ms(300), "{:?}", started.elapsed());
    assert!(error.to_string().contains(&key), "{error}");
    assert!(
        matches!(error, Error::BlockTimeExceeded { waited, .. } if waited >= ms(300)),
        "{error:?}"
    );
    mutex.until_waiting(&key, 0).await;
    guard.release().await.unwrap();
}

pub(crate) async fn settings_of_one_call_site_are_its_own(setting: &Setting) {
    let (key, mutex) = (random_key(), setting.mutex_with(ms(20_000), ms(10_000)).await);
    let guard = mutex.clone().with_expiry(ms(900)).with_renew(false).acquire(&key).await;
    assert!(matches!(guard, Err(Error::Config { .. })), "expiry below block_time without renewal");
    let brief = mutex.clone().with_block_time(ms(200)).with_expiry(ms(900));
    let guard = brief.acquire(&key).await.unwrap();
    assert!(guard.remaining() <= ms(900));
    guard.release().await.unwrap();
    let guard = mutex.acquire(&key).await.unwrap();
    assert!(guard.remaining() > ms(10_000));
    assert!(matches!(brief.acquire(&key).await, Err(Error::BlockTimeExceeded { .. })));
    guard.release().await.unwrap();
}

pub(crate) async fn the_next_has_it_when_release_returns(setting: &Setting) {
    let (key, mutex) = (random_key(), setting.mutex().await);
    let guard = mutex.acquire(&key).await.unwrap();
    let waiter = tokio::spawn({
        let (mutex, key) = (setting.mutex().await, key.clone());
        async move { mutex.acquire(&key).await.unwrap() }
    });
    mutex.until_waiting(&key, 1).await;
    let before = guard.value();
    guard.release().await.unwrap();
    let record = setting.admin().get(&key).expect("never free in between");
    assert_ne!(record, before);
    let next = waiter.await.unwrap();
    assert_eq!(next.value(), record);
    next.release().await.unwrap();
}

pub(crate) async fn many_keys_share_one_connection(setting: &Setting) {
    let name = random_key();
    let mutex = setting.mutex_with(ms(5000), ms(5000)).await;
    let before = setting.admin().client_count();
    let mut guards = Vec::new();
    for number in 0..50 {
        guards.push(mutex.acquire(format!("{name}:{number}")).await.unwrap());
    }
    let waiters: Vec<_> = (0..20)
        .map(|number| {
            let (mutex, key) = (mutex.clone(), format!("{name}:{number}"));
            tokio::spawn(async move { mutex.acquire(&key).await.unwrap().release().await.unwrap() })
        })
        .collect();
    mutex.until_waiting(&format!("{name}:19"), 1).await;
    // Other tests come and go on the same server: only a connection for each key or waiter would show.
    assert!(setting.admin().client_count() < before + 20);
    for guard in guards {
        guard.release().await.unwrap();
    }
    for waiter in waiters {
        waiter.await.unwrap();
    }
}
