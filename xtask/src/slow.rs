//! `cargo xtask bench`, `chaos` and `simulate`: what takes minutes to show.
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

/// Runs so many seeds of the simulation, in virtual time.
pub(crate) fn simulate(from: u64, seeds: u64) -> Result {
    let mut cargo = simulation();
    let (from, seeds) = (from.to_string(), seeds.to_string());
    run::run(cargo.env("SIMULATE_FROM", from).env("SIMULATE_SEEDS", seeds))
}

/// Runs one seed of the simulation and shows all that happened.
pub(crate) fn simulate_again(seed: u64) -> Result {
    run::run(simulation().env("SIMULATE_SEED", seed.to_string()))
}

fn simulation() -> std::process::Command {
    let mut cargo = cargo();
    let line = "test --quiet --release -p redismutex --lib -- --ignored --nocapture --exact simulation::tests::many_seeds";
    cargo.args(line.split(' ')).env_remove("SIMULATE_SEED");
    cargo
}

/// Whether the target has been written yet.
fn there(file: &str) -> bool {
    let exists = root().join(file).exists();
    if !exists {
        println!("  left out: there is no {file} yet");
    }
    exists
}
