//! Keys that no other test uses.
//!
//! Knows nothing of servers. Not for secrets: unequal is all that is asked of these names.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// A key that no other test, run or process uses.
#[must_use]
pub fn random_key() -> String {
    random_key_named("test")
}

/// Like [`random_key`], but beginning with `prefix`, to be recognised in a log.
#[must_use]
pub fn random_key_named(prefix: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // The standard library seeds its hasher from the system's randomness once per thread and
    // then counts on; process and counter make a clash impossible within one host's run.
    let seed = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    format!("{prefix}:{:016x}", RandomState::new().hash_one(seed))
}
