//! `cargo bench -p redismutex-bench`: the table of docs/benchmarks.md.

use redismutex_bench::rounds::{alternate, line};
use redismutex_bench::{floor, pin};
use redismutex_testkit::Server;
use std::time::Instant;

fn main() {
    let quick = std::env::args().any(|a| a == "--quick");
    let rounds = if quick { 5 } else { 15 };
    let server = Server::start();
    for (placed, client, host) in [("different cores", 0, 1), ("one core", 0, 0)] {
        pin(0, client);
        pin(server.pid(), host);
        w1_blocking(&server, placed, rounds);
        w1_async(&server, placed, rounds);
    }
}

const PAIRS: u32 = 1000;

fn w1_blocking(server: &Server, placed: &str, rounds: usize) {
    let mutex = redismutex::blocking::RedisMutex::connect(server.url()).unwrap();
    let mut connection = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
    let script = floor::compare_and_delete();
    let limit = if placed == "one core" { 1.20 } else { 1.05 };
    let ours = || {
        let started = Instant::now();
        for _ in 0..PAIRS {
            mutex.acquire("bench").unwrap().release().unwrap();
        }
        started.elapsed() / PAIRS
    };
    let compared = alternate(rounds, ours, || floor::pairs(&mut connection, &script, PAIRS));
    line(&format!("W1 blocking, acquire + release, {placed}"), &compared, limit);
    let dropping = || {
        let started = Instant::now();
        for _ in 0..PAIRS {
            drop(mutex.acquire("bench").unwrap());
        }
        started.elapsed() / PAIRS
    };
    let compared = alternate(rounds, dropping, || floor::pairs(&mut connection, &script, PAIRS));
    line(&format!("W1 blocking, acquire + drop, {placed}"), &compared, 0.60);
}

fn w1_async(server: &Server, placed: &str, rounds: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mutex = runtime.block_on(redismutex::RedisMutex::connect(server.url())).unwrap();
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = runtime.block_on(client.get_multiplexed_async_connection()).unwrap();
    let script = floor::compare_and_delete();
    let limit = if placed == "one core" { 1.20 } else { 1.05 };
    let ours = || {
        runtime.block_on(async {
            let started = Instant::now();
            for _ in 0..PAIRS {
                mutex.acquire("bench").await.unwrap().release().await.unwrap();
            }
            started.elapsed() / PAIRS
        })
    };
    let compared = alternate(rounds, ours, || {
        runtime.block_on(floor::async_pairs(&mut connection, &script, PAIRS))
    });
    line(&format!("W1 async, acquire + release, {placed}"), &compared, limit);
    let dropping = || {
        runtime.block_on(async {
            let started = Instant::now();
            for _ in 0..PAIRS {
                drop(mutex.acquire("bench").await.unwrap());
            }
            started.elapsed() / PAIRS
        })
    };
    let compared = alternate(rounds, dropping, || {
        runtime.block_on(floor::async_pairs(&mut connection, &script, PAIRS))
    });
    line(&format!("W1 async, acquire + drop, {placed}"), &compared, 0.60);
}
