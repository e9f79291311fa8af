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
    Step {
        name: "servers",
        about: "fetch the servers to test against",
        run: all_servers,
    },
    Step {
        name: "check",
        about: "format, clippy, docs, import direction",
        run: check::command,
    },
    Step {
        name: "unit",
        about: "unit and integration tests",
        run: tests,
    },
    Step {
        name: "doc",
        about: "examples in the documentation",
        run: doc_tests,
    },
    Step {
        name: "demo",
        about: "eight processes, one key, for a second",
        run: short_demo,
    },
    Step {
        name: "chaos",
        about: "holders killed at random, short",
        run: short_chaos,
    },
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
    let steps: Vec<_> = STEPS
        .iter()
        .filter(|s| only.as_ref().is_none_or(|name| name == s.name))
        .collect();
    if steps.is_empty() {
        let names: Vec<_> = STEPS.iter().map(|step| step.name).collect();
        return Err(format!("--only takes one of: {}", names.join(", ")));
    }
    let begin = Instant::now();
    for (step, at) in steps.iter().zip(1..) {
        println!("[{at}/{}] {}: {}", steps.len(), step.name, step.about);
        let began = Instant::now();
        let outcome = (step.run)();
        let (took, total) = (began.elapsed().as_secs(), begin.elapsed().as_secs());
        let place = format!("[{at}/{}] {}", steps.len(), step.name);
        outcome.map_err(|why| {
            format!(
                "{why}\n{place} FAILED after {took} s. Again: cargo xtask test --only {}",
                step.name
            )
        })?;
        println!("{place}: ok, {took} s (since the start {total} s)");
    }
    println!(
        "all {} steps passed in {} s",
        steps.len(),
        begin.elapsed().as_secs()
    );
    Ok(())
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
    demo::command(&demo::Options {
        seconds: 1.0,
        ..demo::Options::default()
    })
}

fn short_chaos() -> Result {
    slow::chaos(10)
}
