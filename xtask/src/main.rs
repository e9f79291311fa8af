//! The project's own commands. What each does is in [`USAGE`].
//!
//! Knows the commands and their options. Must not depend on the library: this binary has to be there
//! within seconds, also while the library does not compile.

mod args;
mod check;
mod demo;
mod pictures;
mod python;
mod run;
mod servers;
mod slow;
mod test;

use std::path::Path;
use std::process::ExitCode;

use args::Args;
use run::Result;

/// What `cargo xtask help` prints.
const USAGE: &str = "\
cargo xtask <command>

  demo                    see eight processes take turns on one key
    --url URL               on your own server (default: a private one, started for it)
    --workers N             that many processes (default 8)
    --seconds S             for that long (default 5)

  test                    everything that must hold before a change goes in
    --only STEP             one step: servers, check, unit, doc, demo, chaos, python
  check                   format, clippy, docs, import direction

  bench                   measure against the floors and the peers
    --quick                 rougher, in a fraction of the time
  chaos                   holders killed at random, the history checked
    --seconds N             for that long (default 60)
  simulate                every kind of fault in virtual time, every promise checked
    --seeds N               that many runs (default 1000)
    --from N                the first of them (default 0)
    --seed N                one run again, with all that happened in it

  pictures                draw docs/images/ with the program's own code
    --check                 only tell whether they are up to date

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

fn dispatch(command: &str, mut args: Args) -> Result {
    match command {
        "demo" => demo::command(&demo_options(args)?),
        "test" => test::command(args),
        "check" => args.end().and_then(|()| check::command()),
        "pictures" => {
            let check = args.flag("--check");
            args.end()?;
            pictures::command(check)
        }
        "servers" => args.end().and_then(|()| servers::command()),
        "bench" => {
            let quick = args.flag("--quick");
            args.end()?;
            slow::bench(quick)
        }
        "chaos" => {
            let seconds = args.option("--seconds")?.unwrap_or(60);
            args.end()?;
            slow::chaos(seconds)
        }
        "simulate" => {
            let (seed, seeds) = (args.option("--seed")?, args.option("--seeds")?);
            let from = args.option("--from")?.unwrap_or(0);
            args.end()?;
            match seed {
                Some(seed) => slow::simulate_again(seed),
                None => slow::simulate(from, seeds.unwrap_or(1000)),
            }
        }
        // Started by the demo, not by people.
        "keep-server" => match (args.word(), args.word()) {
            (Some(binary), Some(dir)) => demo::keep(Path::new(&binary), Path::new(&dir)),
            _ => Err("takes a server's file and a directory".to_owned()),
        },
        "help" | "-h" | "--help" => {
            print!("{USAGE}");
            Ok(())
        }
        other => Err(format!("there is no command `{other}`\n\n{USAGE}")),
    }
}

fn demo_options(mut args: Args) -> Result<demo::Options> {
    let default = demo::Options::default();
    let options = demo::Options {
        url: args.option("--url")?,
        workers: args.option("--workers")?.unwrap_or(default.workers),
        seconds: args.option("--seconds")?.unwrap_or(default.seconds),
    };
    args.end()?;
    Ok(options)
}
