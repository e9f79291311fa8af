//! One of the processes that contend in `cargo xtask demo`.
//!
//! Knows the lock and its own clock. Must not know the other workers: that they never hold at the same time
//! is the lock's doing, and is judged from outside by what each has written down.

use std::error::Error;
use std::fs::File;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use redismutex::blocking::RedisMutex;

fn main() -> ExitCode {
    let Err(error) = run() else {
        return ExitCode::SUCCESS;
    };
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        // Some errors have put their cause into their own text already.
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    eprintln!("{text}");
    ExitCode::FAILURE
}

fn run() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [url, key, seed, seconds, file] = words.as_slice() else {
        return Err("started by `cargo xtask demo`: URL KEY SEED SECONDS FILE".into());
    };
    let mutex = RedisMutex::builder(url)
        .block_time(Duration::from_secs(30))
        .expiry(Duration::from_secs(2))
        .connect()?;
    let file = File::create(file)?;
    wait_for_start()?;
    let end = Instant::now() + Duration::try_from_secs_f64(seconds.parse()?)?;
    contend(&mutex, key, Dice(seed.parse()?), end, file)
}

/// Everybody begins together, once all are connected.
fn wait_for_start() -> io::Result<()> {
    println!("ready");
    io::stdin().read_line(&mut String::new()).map(drop)
}

/// Takes the lock, works for some milliseconds, gives it back, does something else, and so on.
fn contend(
    mutex: &RedisMutex,
    key: &str,
    mut dice: Dice,
    end: Instant,
    mut file: File,
) -> Result<(), Box<dyn Error>> {
    while Instant::now() < end {
        let waiting = now();
        let guard = mutex.acquire(key)?;
        let acquired = now();
        thread::sleep(dice.between(500, 3_500));
        let fence = guard.fence().map_or("-".to_owned(), |fence| fence.0.to_string());
        let releasing = now();
        guard.release()?;
        let released = now();
        // Written at once, outside of the lock: what a worker that dies has done still counts.
        writeln!(file, "{waiting} {acquired} {releasing} {released} {fence}")?;
        thread::sleep(dice.between(0, 6_000));
    }
    Ok(())
}

/// CLOCK_MONOTONIC in nanoseconds: the same clock in all the processes of a machine.
fn now() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Varied enough for a picture (xorshift).
struct Dice(u64);

impl Dice {
    fn between(&mut self, low: u64, high: u64) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Duration::from_micros(low + self.0 % (high - low))
    }
}
