//! Only one of all the processes that run this does its work at a time.
//!
//! `cargo run --example basic -- redis://localhost:6379/1`

use redismutex::{Error, RedisMutex};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "redis://localhost:6379/1".into());
    let mutex = RedisMutex::connect(url).await?;

    let guard = mutex.acquire("examples:basic").await?;
    println!("{} is ours for {:?} yet", guard.key(), guard.remaining());
    guard.release().await?;

    match mutex.try_acquire("examples:basic").await? {
        Some(guard) => guard.release().await?,
        None => println!("somebody else has it"),
    }
    Ok(())
}
