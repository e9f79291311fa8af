//! `cargo xtask test`: the gate. Everything that has to hold before a change goes in, in one go.
//!
//! Knows the steps and their order. Must not know how a step does its work.

use std::time::Instant;

use crate::args::Args;
use crate::run::{self, Result, cargo, root};
use crate::{check, demo, python, servers, slow};

/// One step of the gate.
struct Step {
    name: &'static str,
    /// What it shows, for the progress line.
    about: &'static str,
    run: fn() -> Result,
}

/// In the order of who finds a mistake soonest.
const STEPS: &[Step] = &[
    Step { name: "servers", about: "fetch the servers to test against", run: all_servers },
    Step { name: "check", about: "format, clippy, docs, import direction", run: check::command },
    Step { name: "unit", about: "unit and integration tests", run: tests },
    Step { name: "doc", about: "examples in the documentation", run: doc_tests },
    Step { name: "demo", about: "eight processes, one key, for a second", run: short_demo },
    Step { name: "chaos", about: "holders killed at random, short", run: short_chaos },
    Step {
        name: "python",
        about: "the Python package: build, lint, types, tests",
        run: python::command,
    },
];

/// Runs all the steps, or the one that `--only` names.
pub(crate) fn command(mut args: Args) -> Result {
    let only = args.option::<String>("--only")?;
    args.end()?;
    signals_are_heard()?;
    match only {
        Some(name) => {
            let step = STEPS.iter().find(|step| step.name == name);
            step.ok_or_else(no_such_step)?.run("[1/1]")
        }
        None => all(),
    }
}

/// Stops at the first step that fails.
fn all() -> Result {
    let begin = Instant::now();
    for (step, at) in STEPS.iter().zip(1..) {
        step.run(&format!("[{at}/{}]", STEPS.len()))?;
    }
    let (count, seconds) = (STEPS.len(), begin.elapsed().as_secs());
    println!("all {count} steps passed in {seconds} s");
    Ok(())
}

/// A script's background job is born deaf to Ctrl-C, and so is all that it starts: the tests of signals
/// would wait for ever.
fn signals_are_heard() -> Result {
    const INT_AND_QUIT: u64 = 0b110;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    match ignored.is_some_and(|mask| mask & INT_AND_QUIT != 0) {
        true => Err("SIGINT or SIGQUIT is ignored here, as in a background job: run `env --default-signal cargo xtask test`".into()),
        false => Ok(()),
    }
}

fn no_such_step() -> String {
    let names: Vec<_> = STEPS.iter().map(|step| step.name).collect();
    format!("--only takes one of: {}", names.join(", "))
}

impl Step {
    fn run(&self, place: &str) -> Result {
        let name = self.name;
        println!("{place} {name}: {}", self.about);
        let begin = Instant::now();
        let outcome = (self.run)();
        let seconds = begin.elapsed().as_secs();
        outcome.map_err(|why| {
            format!("{why}\n{place} {name} FAILED after {seconds} s. Again: cargo xtask test --only {name}")
        })?;
        println!("{place} {name}: ok, {seconds} s");
        Ok(())
    }
}

fn all_servers() -> Result {
    servers::install_in_ci()?;
    servers::command()
}

/// The Python crate is left out: it links against an interpreter, and its tests are Python's.
fn tests() -> Result {
    run::run(workspace(&mut cargo()).args(["--lib", "--bins", "--tests", "--examples"]))
}

fn doc_tests() -> Result {
    run::run(workspace(&mut cargo()).arg("--doc"))
}

fn workspace(cargo: &mut std::process::Command) -> &mut std::process::Command {
    cargo.args(["test", "--quiet", "--workspace"]);
    if root().join("python/Cargo.toml").exists() {
        cargo.args(["--exclude", "redismutex-python"]);
    }
    cargo
}

fn short_demo() -> Result {
    demo::command(&demo::Options { seconds: 1.0, ..demo::Options::default() })
}

fn short_chaos() -> Result {
    slow::chaos(10)
}
