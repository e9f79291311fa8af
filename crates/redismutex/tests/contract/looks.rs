//! What others can see.

use crate::face::{Setting, ms};
use redismutex_testkit::random_key;

pub(crate) async fn the_record_is_the_plain_token(setting: &Setting) {
    let (key, mutex) = (random_key(), setting.mutex().await);
    let guard = mutex.acquire(&key).await.unwrap();
    assert_eq!(setting.admin().get(&key), Some(guard.value()));
    assert_eq!(setting.admin().cmd(&["TYPE", &key]).text().as_deref(), Some("string"));
    for name in setting.admin().keys_matching(&format!("*{key}*")) {
        assert!(setting.admin().pttl(&name) > 0, "{name} lives for ever");
    }
    guard.release().await.unwrap();
}

pub(crate) async fn odd_keys_are_kept_verbatim(setting: &Setting) {
    let (base, mutex) = (random_key(), setting.mutex().await);
    for odd in [
        "{}",
        "{",
        "}",
        "}{",
        "{a}{b}",
        "a}b",
        "{{x}}",
        "with space",
        "new\nline",
        "ünïcode ✓",
        "\u{0}null",
        ":",
    ] {
        let key = format!("{odd}{base}");
        let guard = mutex.acquire(&key).await.unwrap();
        assert_eq!(setting.admin().get(&key), Some(guard.value()), "{key:?}");
        assert!(mutex.try_acquire(&key).await.unwrap().is_none());
        let waiter = tokio::spawn({
            let (mutex, key) = (mutex.clone(), key.clone());
            async move { mutex.acquire(&key).await.unwrap() }
        });
        mutex.until_waiting(&key, 1).await;
        guard.release().await.unwrap();
        waiter.await.unwrap().release().await.unwrap();
        assert_eq!(setting.admin().get(&key), None, "{key:?}");
    }
    let binary = [&[0xff, 0, 0xfe], base.as_bytes()].concat();
    let guard = mutex.acquire(&binary).await.unwrap();
    assert!(mutex.try_acquire(&binary).await.unwrap().is_none());
    guard.release().await.unwrap();
}

pub(crate) async fn holder_and_waiters_are_seen(setting: &Setting) {
    let (key, mutex) = (random_key(), setting.mutex_with(ms(3000), ms(10_000)).await);
    assert_eq!(mutex.inspect(&key).await.holder, None);
    let guard = mutex.clone().with_label("the first").acquire(&key).await.unwrap();
    let mut waiters = Vec::new();
    for label in ["the second", "the third one"] {
        let (waiting, key) = (mutex.clone().with_label(label), key.clone());
        let before = mutex.inspect(&key).await.waiting;
        let name = key.clone();
        waiters.push(tokio::spawn(async move { waiting.acquire(&name).await.unwrap() }));
        mutex.until_waiting(&key, before + 1).await;
    }
    let seen = mutex.inspect(&key).await;
    let holder = seen.holder.expect("a holder");
    assert_eq!((holder.value, holder.fence), (guard.value(), Some(guard.fence())));
    assert_eq!(holder.label.as_deref(), Some("the first"));
    assert!(holder.remaining.is_some_and(|left| left <= ms(3000)));
    let labels: Vec<_> = seen.waiters.iter().map(|waiter| waiter.label.as_deref()).collect();
    assert_eq!(labels, [Some("the second"), Some("the third one")]);
    guard.release().await.unwrap();
    for waiter in waiters {
        waiter.await.unwrap().release().await.unwrap();
    }
}

pub(crate) async fn release_by_force_hands_on(setting: &Setting) {
    let (key, mutex) = (random_key(), setting.mutex().await);
    assert!(!mutex.release_by_force(&key).await, "nobody held it");
    let guard = mutex.acquire(&key).await.unwrap();
    let waiter = tokio::spawn({
        let (mutex, key) = (mutex.clone(), key.clone());
        async move { mutex.acquire(&key).await.unwrap() }
    });
    mutex.until_waiting(&key, 1).await;
    assert!(mutex.release_by_force(&key).await);
    let next = waiter.await.unwrap();
    assert!(guard.lost_within(ms(3000)).await, "the old holder learns of it");
    assert_eq!(setting.admin().get(&key), Some(next.value()));
    next.release().await.unwrap();
}
