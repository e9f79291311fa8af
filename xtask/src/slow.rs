//! `cargo xtask bench` and `cargo xtask chaos`: what takes minutes to show.
//!
//! Knows where these targets are and how long they run. Must not know what they measure.

use crate::run::{self, Result, cargo, root};

/// Measures against the floors and peers; `quick` for figures that only show the order of magnitude.
pub(crate) fn bench(quick: bool) -> Result {
    if !there("bench/Cargo.toml") {
        return Ok(());
    }
    let mut bench = cargo();
    bench.args(["bench", "-p", "redismutex-bench"]);
    if quick {
        bench.args(["--", "--quick"]);
    }
    run::run(&mut bench)
}

/// Kills holders, servers and connections at random and checks the history, for `seconds`.
pub(crate) fn chaos(seconds: u64) -> Result {
    if !there("crates/redismutex/tests/chaos.rs") {
        return Ok(());
    }
    let line = "test --release -p redismutex --test chaos -- --ignored --nocapture";
    run::run(cargo().args(line.split(' ')).env("CHAOS_SECONDS", seconds.to_string()))
}

/// Whether the target has been written yet.
fn there(file: &str) -> bool {
    let exists = root().join(file).exists();
    if !exists {
        println!("  left out: there is no {file} yet");
    }
    exists
}
