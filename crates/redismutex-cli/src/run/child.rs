//! The running command, and signals to it.
//!
//! With a terminal it shares our process group: what the terminal sends reaches it without us, and it may
//! read. Without one (cron, CI, a service) it leads a group of its own, and a signal to it reaches whatever
//! it has started, so that of `sh -c 'a; b'` nothing is left behind.

use super::program::{Program, environment, has_secret};
use super::trampoline;
use crate::exit::Failure;
use crate::server;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use redismutex::blocking::Guard;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::ExitStatus;

pub(crate) struct Child {
    process: std::process::Child,
    pid: Pid,
    leads_group: bool,
}

impl Child {
    /// Starts the command. To be called on the main thread: on Linux the command ends with the thread that
    /// started it.
    pub(crate) fn start(program: &Program, guard: &Guard) -> Result<Self, Failure> {
        let leads_group = !has_terminal();
        let mut command = trampoline::bound(&program.file, &program.name);
        command.args(&program.args).envs(environment(guard));
        if has_secret() {
            command.env_remove(server::VARIABLE);
        }
        if leads_group {
            command.process_group(0);
        }
        let failed = |error: io::Error| {
            let name = program.name.to_string_lossy();
            Failure::new(trampoline::code(&error), format!("{name}: {error}"))
        };
        let process = command.spawn().map_err(failed)?;
        let pid = Pid::from_raw(i32::try_from(process.id()).unwrap_or(i32::MAX));
        Ok(Self { process, pid, leads_group })
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.process.try_wait()
    }

    /// Whether the terminal's signals reach it without us.
    pub(crate) fn hears_terminal(&self) -> bool {
        !self.leads_group
    }

    /// Whether anything that it started in its group is still there after its own end.
    pub(crate) fn left_something(&self) -> bool {
        self.leads_group && killpg(self.pid, None).is_ok()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        // What is gone needs no signal.
        let _ = if self.leads_group { killpg(self.pid, signal) } else { kill(self.pid, signal) };
    }

    /// Asks it to end; one that was stopped is woken to hear it.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::SIGTERM);
        self.signal(Signal::SIGCONT);
    }
}

/// Whether we belong to a terminal, foreground or not.
fn has_terminal() -> bool {
    std::fs::File::open("/dev/tty").is_ok()
}
