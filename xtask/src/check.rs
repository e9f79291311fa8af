//! `cargo xtask check`: what can be said about the tree without running it.
//!
//! Knows which tools look and in which feature sets. Must not know what they look for.

mod layers;
mod paths;
mod tokens;
mod tree;

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::run::{self, Result, cargo, root};

/// All the checks, quickest first.
pub(crate) fn command() -> Result {
    own_checks()?;
    for mut tool in tools() {
        println!("  {}", run::shown(&tool));
        run::run(&mut tool)?;
    }
    Ok(())
}

/// The tools. Feature sets beyond the default are looked at for the library only, without its tests: each
/// one compiles much of the tree anew.
fn tools() -> Vec<Command> {
    let lines = [
        "fmt --all --check",
        "clippy --quiet --workspace --all-targets -- -D warnings",
        "clippy --quiet -p redismutex --no-default-features -- -D warnings",
        "clippy --quiet -p redismutex -p xtask --all-features -- -D warnings",
        // The command line's pages would overwrite the library's: both are called `redismutex`.
        "doc --quiet --no-deps --workspace --exclude redismutex-cli --all-features",
    ];
    let tool = |line: &str| {
        let mut tool = cargo();
        tool.args(line.split(' ')).env("RUSTDOCFLAGS", "-D warnings");
        tool
    };
    lines.into_iter().map(tool).collect()
}

/// Import direction and machine paths.
fn own_checks() -> Result {
    println!("  import direction, machine paths");
    let mut broken = 0;
    for file in tree::files(&root()) {
        // What is not text has nothing to be read.
        let Ok(text) = fs::read_to_string(root().join(&file)) else {
            continue;
        };
        broken += look_at(&file, &text);
    }
    match broken {
        0 => Ok(()),
        1 => Err("one line breaks a rule of the house (above)".to_owned()),
        n => Err(format!("{n} lines break a rule of the house (above)")),
    }
}

/// Prints what is wrong with one file and returns how many lines that are.
fn look_at(file: &Path, text: &str) -> usize {
    let shown = file.display();
    if let Some(lines) = tree::too_long(file, text) {
        println!("  note: {shown} has {lines} lines and asks to be split");
    }
    let machine = tree::machine_paths(text);
    for (line, path) in &machine {
        eprintln!("{shown}:{line}: names {path}, which is only on somebody's machine");
    }
    let layers = file.strip_prefix("crates/redismutex/src").ok().filter(|_| is_rust(file));
    let layers = layers.map(|below| layers::broken(below, text)).unwrap_or_default();
    for broken in &layers {
        eprintln!("{shown}:{}: {}", broken.line, broken.rule);
    }
    machine.len() + layers.len()
}

fn is_rust(file: &Path) -> bool {
    file.extension().is_some_and(|end| end == "rs")
}
