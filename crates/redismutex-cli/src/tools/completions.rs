//! `redismutex completions SHELL`: what the shell is to read, from the same description as `--help`.

use super::output::Output;
use crate::args::{Cli, CompletionsArgs};
use crate::exit::Failure;
use clap::CommandFactory as _;
use std::io::Write as _;

/// Prints the completions.
pub(crate) fn run(args: &CompletionsArgs) -> Result<u8, Failure> {
    // By way of memory: the generator panics when its reader has gone away.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "redismutex", &mut script);
    let mut out = Output::new();
    out.write_all(&script)?;
    out.flush()?;
    Ok(0)
}
