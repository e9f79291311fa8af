//! A function that runs under the lock of a key made from its arguments.
//!
//! `cargo run --example attribute -- redis://localhost:6379/1`

use redismutex::{Error, RedisMutex, with_redismutex};

#[with_redismutex(mutex, key = "examples:user:{user_id}")]
async fn settings(mutex: &RedisMutex, user_id: u64) -> Result<String, Error> {
    let holder = mutex.holder(format!("examples:user:{user_id}")).await?;
    Ok(format!(
        "the settings of user {user_id}, read under fence {:?}",
        holder.and_then(|h| h.fence)
    ))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "redis://localhost:6379/1".into());
    let mutex = RedisMutex::connect(url).await?;
    println!("{}", settings(&mutex, 7).await?);
    Ok(())
}
