//! Names that are not in scope: the compiler's own words, at the name.

#![allow(unused)]

use redismutex::{Error, RedisMutex, with_redismutex};

#[with_redismutex(mutex, key = "user:{usr_id}")]
async fn argument(mutex: &RedisMutex, user_id: u64) -> Result<(), Error> {
    Ok(())
}

#[with_redismutex(mutx, key = "user")]
async fn mutex(mutex: &RedisMutex) -> Result<(), Error> {
    Ok(())
}

fn main() {}
