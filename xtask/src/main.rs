//! The project's own commands. What each does is in [`USAGE`].
//!
//! Knows the workspace's layout and the tools that it is built with. Must not depend on the library:
//! this binary has to be there within seconds, also while the library does not compile.

mod args;
mod run;
mod servers;

use std::process::ExitCode;

use args::Args;
use run::Result;

/// What `cargo xtask help` prints.
const USAGE: &str = "\
cargo xtask <command>

  servers                 fetch the test servers into target/servers/
";

fn main() -> ExitCode {
    let mut args = Args::from_env();
    let command = args.word().unwrap_or_else(|| "help".to_owned());
    match dispatch(&command, args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("xtask {command}: {why}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: &str, args: Args) -> Result {
    match command {
        "servers" => {
            args.end()?;
            servers::command()
        }
        "help" | "-h" | "--help" => {
            print!("{USAGE}");
            Ok(())
        }
        other => Err(format!("there is no command `{other}`\n\n{USAGE}")),
    }
}
