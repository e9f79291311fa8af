//! Stopping and continuing processes.
//!
//! Knows process ids. The caller sees to it that the id still belongs to who is meant.

use std::process::Child;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Sends a signal to a child that has not been waited for, so that its id is still its own.
pub(crate) fn send(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
    kill(pid, signal).unwrap_or_else(|error| panic!("{signal} for process {pid}: {error}"));
}

/// Kills a child as a crash would, and leaves no zombie.
pub(crate) fn kill9(mut child: Child) {
    // Both fail only for a process that has already been waited for.
    let _ = child.kill();
    let _ = child.wait();
}
