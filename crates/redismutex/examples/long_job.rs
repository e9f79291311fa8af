//! A job that takes longer than a lease: renewed while it runs, stopped when the lock is lost.
//!
//! Run it, then delete the key with a client of your choice and see it stop:
//! `cargo run --example long_job -- redis://localhost:6379/1`

use redismutex::{Error, RedisMutex};
use std::time::Duration;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "redis://localhost:6379/1".into());
    let mutex = RedisMutex::builder(url)
        .expiry(Duration::from_secs(2))
        .max_hold(Duration::from_secs(600))
        .connect()
        .await?;

    let guard = mutex.acquire("examples:long_job").await?;
    tokio::select! {
        () = job() => guard.release().await?,
        () = guard.lost() => println!("lost it: somebody else may begin any moment, so we stop"),
    }
    Ok(())
}

async fn job() {
    for step in 1..=5 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        println!("step {step} of 5");
    }
}
