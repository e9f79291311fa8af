//! Fencing tokens.

use crate::face::{Setting, ms};
use redismutex_testkit::random_key;

pub(crate) async fn fences_grow(setting: &Setting) {
    let (key, mutex) = (random_key(), setting.mutex().await);
    let mut last = None;
    for turn in 0..20 {
        let guard = mutex.acquire(&key).await.unwrap();
        assert!(Some(guard.fence()) > last, "turn {turn}: {:?} after {last:?}", guard.fence());
        last = Some(guard.fence());
        if turn % 2 == 0 { guard.release().await.unwrap() } else { drop(guard) }
    }
}

/// What FLUSHALL does to one lock, without harming the other tests' keys.
pub(crate) async fn fences_grow_after_flushall(setting: &Setting) {
    let (key, mutex) = (random_key(), setting.mutex().await);
    let guard = mutex.acquire(&key).await.unwrap();
    let before = guard.fence();
    for name in setting.admin().keys_matching(&format!("*{key}*")) {
        setting.admin().del(&name);
    }
    let next = mutex.with_block_time(ms(500)).acquire(&key).await.unwrap();
    assert!(next.fence() > before, "{:?} after {before:?}", next.fence());
    drop(guard);
}
