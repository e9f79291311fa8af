//! Types that do not fit: the compiler's own words, at what does not fit.

#![allow(unused)]

use redismutex::{Error, RedisMutex, blocking, with_redismutex};

struct OwnError;

#[with_redismutex(mutex, key = "x")]
async fn error_that_cannot_hold_ours(mutex: &RedisMutex) -> Result<(), OwnError> {
    Ok(())
}

#[with_redismutex(mutex, key = "x")]
fn no_result(mutex: &blocking::RedisMutex) -> Option<u8> {
    None
}

#[with_redismutex(mutex, key = "x")]
async fn blocking_mutex(mutex: &blocking::RedisMutex) -> Result<(), Error> {
    Ok(())
}

#[with_redismutex(mutex, key = user_id)]
async fn key_of_numbers(mutex: &RedisMutex, user_id: u64) -> Result<(), Error> {
    Ok(())
}

fn main() {}
