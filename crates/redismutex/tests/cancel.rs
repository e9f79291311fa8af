//! Dropping a future at any await, or a guard anywhere, leaves nothing behind.

#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "cancel/dropped.rs"]
mod dropped;
#[path = "cancel/sweep.rs"]
mod sweep;

use redismutex_testkit::Admin;
use std::time::{Duration, Instant};

/// A lease so long that nothing goes away by itself while a test looks.
const EXPIRY: Duration = Duration::from_secs(60);
/// How long giving back may take on a busy machine; far less than a lease.
const SOON: Duration = Duration::from_secs(8);

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Whether it comes true soon.
fn soon(mut is_so: impl FnMut() -> bool) -> bool {
    let until = Instant::now() + SOON;
    while !is_so() {
        if Instant::now() > until {
            return false;
        }
        std::thread::sleep(ms(5));
    }
    true
}

/// What is left in the server beside fences, which expire.
fn left_over(admin: &Admin) -> Vec<String> {
    let mut keys = admin.keys_matching("*");
    keys.retain(|key| !key.ends_with(":grant"));
    keys
}
