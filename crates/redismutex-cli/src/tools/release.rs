//! `redismutex release --force KEY`: takes a lock away from whoever holds it. For emergencies.

use super::output::Output;
use super::words::{holder_name, key_text};
use crate::args::ReleaseArgs;
use crate::exit::{BUSY, Failure};
use crate::server;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;

/// The answer is no: nobody held it, or the person would rather not.
const NOT_RELEASED: u8 = BUSY;

/// Releases the lock, once the person has agreed.
pub(crate) fn run(args: &ReleaseArgs) -> Result<u8, Failure> {
    let mutex = server::connect(&args.server)?;
    let key = args.key.as_bytes();
    let name = key_text(key);
    let mut out = Output::new();
    let Some(holder) = mutex.holder(key)? else {
        writeln!(out, "nobody holds {name}")?;
        return Ok(NOT_RELEASED);
    };
    let holder = holder_name(&holder);
    if !args.yes && !agreed(&name, &holder)? {
        writeln!(out, "{name} stays with {holder}")?;
        return Ok(NOT_RELEASED);
    }
    if mutex.release_by_force(key)? {
        writeln!(out, "released {name}, held by {holder}")?;
        return Ok(0);
    }
    writeln!(out, "{name} had become free meanwhile")?;
    Ok(NOT_RELEASED)
}

fn agreed(name: &str, holder: &str) -> Result<bool, Failure> {
    let person = io::stdin();
    if !person.is_terminal() {
        return Err(Failure::usage(format!(
            "{name} is held by {holder}; there is no terminal to ask on: say --yes"
        )));
    }
    // Not on standard output, which may go to a file.
    let mut question = io::stderr().lock();
    write!(question, "{name} is held by {holder}, who may be at work. Take it away? [y/N] ")?;
    question.flush()?;
    let mut answer = String::new();
    person.read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
