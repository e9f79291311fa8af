//! W1: an uncontended acquire and release, one after the other.

use crate::Run;
use redismutex_bench::floor;
use redismutex_bench::rounds::{alternate, line};
use std::time::{Duration, Instant};

const PAIRS: u32 = 1000;

pub(crate) fn run(run: &Run) {
    for (placed, client, host) in [("different cores", 0, 1), ("one core", 0, 0)] {
        redismutex_bench::pin(0, client);
        redismutex_bench::pin(run.server.pid(), host);
        let limit = if placed == "one core" { 1.20 } else { 1.05 };
        blocking(run, placed, limit);
        on_tokio(run, placed, limit);
    }
    run.anywhere();
}

fn timed(work: impl FnOnce()) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed() / PAIRS
}

fn blocking(run: &Run, placed: &str, limit: f64) {
    let mutex = redismutex::blocking::RedisMutex::connect(run.server.url()).expect("a mutex");
    let client = redis::Client::open(run.server.url()).expect("a client");
    let mut connection = client.get_connection().expect("a connection");
    let script = floor::compare_and_delete();
    let releasing = || {
        timed(|| {
            for _ in 0..PAIRS {
                mutex.acquire("bench").and_then(|guard| guard.release()).expect("a free lock");
            }
        })
    };
    let compared =
        alternate(run.rounds, releasing, || floor::pairs(&mut connection, &script, PAIRS));
    line(&format!("W1 blocking: acquire + release, {placed}"), &compared, limit);
    let dropping = || {
        timed(|| {
            for _ in 0..PAIRS {
                drop(mutex.acquire("bench").expect("a free lock"));
            }
        })
    };
    let compared =
        alternate(run.rounds, dropping, || floor::pairs(&mut connection, &script, PAIRS));
    line(&format!("W1 blocking: acquire + drop, {placed}"), &compared, 0.60);
}

fn on_tokio(run: &Run, placed: &str, limit: f64) {
    let runtime = crate::runtime();
    let mutex =
        runtime.block_on(redismutex::RedisMutex::connect(run.server.url())).expect("a mutex");
    let client = redis::Client::open(run.server.url()).expect("a client");
    let connection = runtime.block_on(client.get_multiplexed_async_connection());
    let mut connection = connection.expect("a connection");
    let script = floor::compare_and_delete();
    let mut at_floor = || runtime.block_on(floor::async_pairs(&mut connection, &script, PAIRS));
    let releasing = || {
        let pairs = async {
            for _ in 0..PAIRS {
                let guard = mutex.acquire("bench").await.expect("a free lock");
                guard.release().await.expect("still ours");
            }
        };
        timed(|| runtime.block_on(pairs))
    };
    let compared = alternate(run.rounds, releasing, &mut at_floor);
    line(&format!("W1 async: acquire + release, {placed}"), &compared, limit);
    let dropping = || {
        let pairs = async {
            for _ in 0..PAIRS {
                drop(mutex.acquire("bench").await.expect("a free lock"));
            }
        };
        timed(|| runtime.block_on(pairs))
    };
    let compared = alternate(run.rounds, dropping, &mut at_floor);
    line(&format!("W1 async: acquire + drop, {placed}"), &compared, 0.60);
}
