//! Without a runtime: threads that wait share one connection.
//!
//! `cargo run --example blocking -- redis://localhost:6379/1`

use redismutex::Error;
use redismutex::blocking::RedisMutex;

fn main() -> Result<(), Error> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "redis://localhost:6379/1".into());
    let mutex = RedisMutex::connect(url)?;
    std::thread::scope(|scope| {
        let threads = [1, 2, 3].map(|number| {
            let mutex = mutex.clone();
            scope.spawn(move || {
                mutex.with("examples:blocking", |guard| {
                    println!("thread {number} has {} under fence {:?}", guard.key(), guard.fence());
                })
            })
        });
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or(Ok(())))
    })
}
