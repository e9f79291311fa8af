//! The step between us and the command: sees to it that the command dies with us, and becomes it.
//!
//! Knows processes. Must not know locks.
//!
//! The system can be asked to kill a process when its parent dies, but only by that process itself. Between
//! fork and exec this could be done in unsafe code only; a program of its own does it in safe code.

use crate::exit::{NOT_EXECUTABLE, NOT_FOUND, OTHER};
use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

const WORD: &str = "__exec";

/// What starts `file` as `name`, by way of a trampoline where the system can tie it to our life.
pub(super) fn bound(file: &Path, name: &OsStr) -> Command {
    if cfg!(target_os = "linux") {
        // Not the path of this program: there may be another version under it by now.
        let mut command = Command::new("/proc/self/exe");
        command.arg(WORD).arg(std::process::id().to_string()).arg(file).arg(name);
        command
    } else {
        let mut command = Command::new(file);
        command.arg0(name);
        command
    }
}

/// Does its work if this process was started as a trampoline; `None`: it was not. Returns only if there is
/// nothing to become.
pub(crate) fn step() -> Option<u8> {
    let mut words = std::env::args_os().skip(1);
    if words.next()? != WORD {
        return None;
    }
    let parent = words.next()?.to_str()?.parse().ok()?;
    let (file, name) = (words.next()?, words.next()?);
    if !die_with(parent) {
        return Some(OTHER);
    }
    let error = Command::new(&file).arg0(&name).args(words).exec();
    crate::report::complain(&format!("{}: {error}", name.to_string_lossy()));
    Some(code(&error))
}

/// The shell's code for a program that does not run.
pub(super) fn code(error: &io::Error) -> u8 {
    if error.kind() == ErrorKind::NotFound { NOT_FOUND } else { NOT_EXECUTABLE }
}

/// Asks to be killed when `parent` dies. `false`: it is dead already.
#[cfg(target_os = "linux")]
fn die_with(parent: i32) -> bool {
    use nix::sys::{prctl, signal::Signal};
    // A system that refuses it lets the command run: it can outlive us then, as on other systems.
    let _ = prctl::set_pdeathsig(Signal::SIGKILL);
    nix::unistd::getppid().as_raw() == parent
}

#[cfg(not(target_os = "linux"))]
fn die_with(_parent: i32) -> bool {
    true
}
