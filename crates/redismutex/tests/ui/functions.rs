//! Functions, and other things, that cannot run under the lock.

#![allow(unused)]

use redismutex::{Error, RedisMutex, blocking, with_redismutex};

#[with_redismutex(mutex, key = "x")]
async fn returns_nothing(mutex: &RedisMutex) {}

#[with_redismutex(mutex, key = "x")]
fn returns_no_result(mutex: &blocking::RedisMutex) -> (u8, u8) {
    (1, 2)
}

#[with_redismutex(mutex, key = "x")]
fn returns_a_future(mutex: &RedisMutex) -> impl Future<Output = Result<(), Error>> {
    async { Ok(()) }
}

#[with_redismutex(mutex, key = "x")]
const fn at_compile_time(mutex: &blocking::RedisMutex) -> Result<(), Error> {
    Ok(())
}

#[with_redismutex(mutex, key = "x")]
extern "C" fn for_others(mutex: &blocking::RedisMutex) -> Result<(), Error> {
    Ok(())
}

trait Job {
    #[with_redismutex(mutex, key = "x")]
    fn no_body(mutex: &blocking::RedisMutex) -> Result<(), Error>;
}

#[with_redismutex(mutex, key = "x")]
struct NoFunction {
    mutex: RedisMutex,
}

fn main() {}
