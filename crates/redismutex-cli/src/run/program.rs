//! The command that is to be run: what it is, where it is, what it finds in its environment.

use crate::args::RunArgs;
use crate::exit::{Failure, NOT_EXECUTABLE, NOT_FOUND};
use crate::text;
use nix::unistd::{AccessFlags, access};
use redismutex::blocking::Guard;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

const SHELL: &str = "/bin/sh";

/// A program that exists, and its arguments.
pub(crate) struct Program {
    /// As the user called it.
    pub(crate) name: OsString,
    pub(crate) file: PathBuf,
    pub(crate) args: Vec<OsString>,
}

impl Program {
    pub(crate) fn find(args: &RunArgs) -> Result<Self, Failure> {
        let (name, args) = match (&args.shell_command, args.command.split_first()) {
            (Some(line), _) => (SHELL.into(), vec!["-c".into(), line.clone()]),
            (None, Some((name, rest))) => (name.clone(), rest.to_vec()),
            (None, None) => return Err(Failure::usage("name a command to be run")),
        };
        let file = find(&name)?;
        Ok(Self { name, file, args })
    }
}

/// The file that a shell would run for this name.
fn find(name: &OsStr) -> Result<PathBuf, Failure> {
    let shown = text::clean(&name.to_string_lossy());
    let candidates: Vec<PathBuf> = if name.as_bytes().contains(&b'/') {
        vec![name.into()]
    } else {
        let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
        std::env::split_paths(&path).map(|dir| dir.join(name)).collect()
    };
    if let Some(file) = candidates.iter().find(|file| is_executable(file)) {
        return Ok(file.clone());
    }
    Err(match candidates.iter().any(|file| file.exists()) && !name.is_empty() {
        true => Failure::new(NOT_EXECUTABLE, format!("{shown}: cannot be executed")),
        false => Failure::new(NOT_FOUND, format!("{shown}: command not found")),
    })
}

fn is_executable(file: &Path) -> bool {
    file.is_file() && access(file, AccessFlags::X_OK).is_ok()
}

/// What the command finds in its environment about the lock.
pub(crate) fn environment(guard: &Guard) -> Vec<(&'static str, OsString)> {
    let key = OsStr::from_bytes(guard.key().as_bytes()).to_owned();
    let mut found = vec![
        ("REDISMUTEX_KEY", key),
        ("REDISMUTEX_VALUE", guard.value().into()),
        ("REDISMUTEX_EXPIRES_AT", expires_at(guard).into()),
    ];
    // Empty, not absent, where the server gives none: an inherited one would be another lock's.
    let fence = guard.fence().map(|fence| fence.0.to_string()).unwrap_or_default();
    found.push(("REDISMUTEX_FENCE", fence.into()));
    found
}

/// Unix time with a fraction, the form that shells and all languages can compare with their own clock.
fn expires_at(guard: &Guard) -> String {
    let end = SystemTime::now() + guard.remaining();
    let since = end.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("{}.{:03}", since.as_secs(), since.subsec_millis())
}
