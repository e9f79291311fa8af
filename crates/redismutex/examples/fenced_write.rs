//! A holder that was paused past its lease cannot harm a store that checks fencing tokens.
//!
//! `cargo run --example fenced_write -- redis://localhost:6379/1`

use redismutex::{Error, Fence, RedisMutex};
use std::time::Duration;

/// A store that remembers the highest fence it has seen. In SQL: `UPDATE … SET …, fence = $1 WHERE fence < $1`.
#[derive(Default)]
struct Store {
    highest: Option<Fence>,
    text: String,
}

impl Store {
    fn write(&mut self, fence: Fence, text: &str) -> bool {
        let accepted = self.highest.is_none_or(|highest| fence >= highest);
        if accepted {
            self.highest = Some(fence);
            text.clone_into(&mut self.text);
        }
        println!("{} {text:?} under fence {fence}", if accepted { "accepted" } else { "refused" });
        accepted
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "redis://localhost:6379/1".into());
    let lease = Duration::from_millis(300);
    let mutex =
        RedisMutex::builder(url).expiry(lease).block_time(lease).renew(false).connect().await?;
    let mut store = Store::default();

    let paused = mutex.acquire("examples:fenced_write").await?;
    let stale = paused.fence().unwrap_or(Fence(0));
    // What a long pause of the whole process looks like to everybody else.
    tokio::time::sleep(Duration::from_millis(400)).await;

    let present = mutex.acquire("examples:fenced_write").await?;
    assert!(store.write(present.fence().unwrap_or(Fence(0)), "by the present holder"));
    assert!(!store.write(stale, "by the one that was paused"));
    assert_eq!(store.text, "by the present holder");
    present.release().await
}
