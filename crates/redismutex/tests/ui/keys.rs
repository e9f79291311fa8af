//! Keys that the macro refuses.

#![allow(unused)]

use redismutex::{Error, RedisMutex, with_redismutex};

#[with_redismutex(mutex, key = "")]
async fn empty(mutex: &RedisMutex) -> Result<(), Error> {
    Ok(())
}

#[with_redismutex(mutex, key = "user:{}")]
async fn which_argument(mutex: &RedisMutex, user_id: u64) -> Result<(), Error> {
    Ok(())
}

#[with_redismutex(mutex, key = "user:{0}")]
async fn by_number(mutex: &RedisMutex, user_id: u64) -> Result<(), Error> {
    Ok(())
}

#[with_redismutex(mutex, key = "user:{user_id")]
async fn half_a_brace(mutex: &RedisMutex, user_id: u64) -> Result<(), Error> {
    Ok(())
}

#[with_redismutex(mutex, key = "user:user_id}")]
async fn the_other_half(mutex: &RedisMutex, user_id: u64) -> Result<(), Error> {
    Ok(())
}

#[with_redismutex(mutex, key = "user:{users.len()}")]
async fn a_call(mutex: &RedisMutex, users: &[u64]) -> Result<(), Error> {
    Ok(())
}

#[with_redismutex(mutex, key = "user:{user-id}")]
async fn no_name(mutex: &RedisMutex, user_id: u64) -> Result<(), Error> {
    Ok(())
}

fn main() {}
