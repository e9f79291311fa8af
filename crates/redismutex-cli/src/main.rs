//! `redismutex`: any program under a lock on Redis or Valkey, and a look at who holds what.
//!
//! Knows which module does which command. Must not know how.

mod args;
mod exit;
mod identity;
mod local;
mod report;
mod run;
mod server;
mod signals;
mod text;
mod tools;

use args::{Cli, Command};
use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Before the parser: this stands between every command and its start.
    let code = run::trampoline::step()
        .or_else(local::step)
        .unwrap_or_else(|| dispatch(Cli::parse().command));
    ExitCode::from(code)
}

fn dispatch(command: Command) -> u8 {
    let outcome = match command {
        Command::Run(args) => return run::run(&args),
        Command::Ls(args) => tools::ls::run(&args),
        Command::Inspect(args) => tools::inspect::run(&args),
        Command::Wait(args) => tools::wait::run(&args),
        Command::Release(args) => tools::release::run(&args),
        Command::Doctor(args) => tools::doctor::run(&args),
        #[cfg(feature = "top")]
        Command::Top(args) => tools::top::run(&args),
        Command::Local(args) => local::run(&args),
        Command::Completions(args) => tools::completions::run(&args),
        Command::Man(args) => tools::man::run(&args),
        #[cfg(feature = "pictures")]
        Command::Pictures(args) => tools::pictures::run(&args),
    };
    outcome.unwrap_or_else(|failure| failure.report())
}
