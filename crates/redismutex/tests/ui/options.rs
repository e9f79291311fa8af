//! Mistakes in the parentheses.

#![allow(unused)]

use redismutex::{Error, RedisMutex, with_redismutex};
use std::time::Duration;

#[with_redismutex]
async fn nothing(mutex: &RedisMutex) -> Result<(), Error> {
    Ok(())
}

#[with_redismutex(key = "report")]
async fn no_mutex(mutex: &RedisMutex) -> Result<(), Error> {
    Ok(())
}

#[with_redismutex(key = "report", mutex)]
async fn mutex_second(mutex: &RedisMutex) -> Result<(), Error> {
    Ok(())
}

#[with_redismutex(mutex)]
async fn no_key(mutex: &RedisMutex) -> Result<(), Error> {
    Ok(())
}

#[with_redismutex(mutex, "report")]
async fn key_without_its_name(mutex: &RedisMutex) -> Result<(), Error> {
    Ok(())
}

#[with_redismutex(mutex, key = "report", timeout = Duration::from_secs(1))]
async fn unknown_option(mutex: &RedisMutex) -> Result<(), Error> {
    Ok(())
}

#[with_redismutex(mutex, key = "report", key = "other")]
async fn two_keys(mutex: &RedisMutex) -> Result<(), Error> {
    Ok(())
}

#[with_redismutex(mutex, key = "report", renew = true, delay = Duration::ZERO, renew = false)]
async fn a_setting_twice(mutex: &RedisMutex) -> Result<(), Error> {
    Ok(())
}

#[with_redismutex(mutex, key = "report" renew = true)]
async fn no_comma(mutex: &RedisMutex) -> Result<(), Error> {
    Ok(())
}

#[with_redismutex(mutex, key = "report", renew)]
async fn no_value(mutex: &RedisMutex) -> Result<(), Error> {
    Ok(())
}

#[with_redismutex(mutex, key =)]
async fn no_key_after_all(mutex: &RedisMutex) -> Result<(), Error> {
    Ok(())
}

fn main() {
    // That there is a mistake does not make the functions unknown.
    let _ = (nothing, no_mutex, mutex_second, no_key, key_without_its_name, unknown_option);
    let _ = (two_keys, a_setting_twice, no_comma, no_value, no_key_after_all);
}
