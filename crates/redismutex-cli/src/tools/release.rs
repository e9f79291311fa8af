//! `redismutex release --force KEY`: takes a lock away from whoever holds it. For emergencies.

use super::output::Output;
use super::words::{holder_name, key_text};
use crate::args::ReleaseArgs;
use crate::exit::{BUSY, Failure, OTHER};
use crate::server;
use redismutex::internal::release_of;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;

/// The answer is no: nobody held it, or the person would rather not.
const NOT_RELEASED: u8 = BUSY;

/// Releases the lock, once the person has agreed: of the holder that was shown, and of no other.
pub(crate) fn run(args: &ReleaseArgs) -> Result<u8, Failure> {
    let mutex = server::connect(&args.server)?;
    let key = args.key.as_bytes();
    let name = key_text(key);
    let mut out = Output::new();
    let mut is_first = true;
    while let Some(holder) = mutex.holder(key)? {
        let who = holder_name(&holder);
        if !is_first {
            writeln!(out, "{name} has changed hands meanwhile")?;
            out.flush()?;
        }
        if !args.yes && !agreed(&name, &who)? {
            writeln!(out, "{name} stays with {who}")?;
            return Ok(NOT_RELEASED);
        }
        if release_of(&mutex, key, &holder.value)? {
            writeln!(out, "released {name}, held by {who}")?;
            return Ok(0);
        }
        // Shown with a substitute for what is no text, it would never be the same.
        if holder.value.contains(char::REPLACEMENT_CHARACTER) {
            let message =
                format!("{name} holds bytes that are no text, hence no lock: delete it with DEL");
            return Err(Failure::new(OTHER, message));
        }
        is_first = false;
    }
    let found = if is_first { "nobody holds" } else { "nobody any more holds" };
    writeln!(out, "{found} {name}")?;
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
