//! The running command, and signals to it.
//!
//! With a terminal it shares our process group: what the terminal sends reaches it without us, and it may
//! read. Without one (cron, CI, a service) it leads a group of its own, and a signal to it reaches whatever
//! it has started, so that of `sh -c 'a; b'` nothing is left behind. With a terminal, what it has started is
//! looked up when it is to end.

use super::family::{Family, group_is_alive};
use super::program::{Program, environment};
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
    has_ended: bool,
    /// What it had started when it was last told to end, where it leads no group.
    family: Family,
}

impl Child {
    /// Starts the command. To be called on the main thread: on Linux the command ends with the thread that
    /// started it.
    pub(crate) fn start(program: &Program, guard: &Guard) -> Result<Self, Failure> {
        let leads_group = !has_terminal();
        let mut command = trampoline::bound(&program.file, &program.name);
        command.args(&program.args).envs(environment(guard));
        if server::variable_holds_a_password() {
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
        Ok(Self { process, pid, leads_group, has_ended: false, family: Family::default() })
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        let status = self.process.try_wait()?;
        self.has_ended = status.is_some();
        Ok(status)
    }

    /// Whether the terminal's signals reach it without us.
    pub(crate) fn hears_terminal(&self) -> bool {
        !self.leads_group
    }

    /// Whether anything that was told to end with it is still there after its own end.
    pub(crate) fn left_something(&self) -> bool {
        if self.leads_group { group_is_alive(self.pid) } else { self.family.is_alive() }
    }

    /// A signal that is passed on.
    pub(crate) fn signal(&self, signal: Signal) {
        // What is gone needs no signal, and its number may be another's by now.
        let _ = match (self.leads_group, self.has_ended) {
            (true, _) => killpg(self.pid, signal),
            (false, false) => kill(self.pid, signal),
            (false, true) => Ok(()),
        };
    }

    /// Asks it and all that it has started to end; what was stopped is woken to hear it.
    pub(crate) fn terminate(&mut self) {
        self.end_by(Signal::SIGTERM);
        self.end_by(Signal::SIGCONT);
    }

    pub(crate) fn kill(&mut self) {
        self.end_by(Signal::SIGKILL);
    }

    /// Sends it and all that it has started a signal that asks for the end.
    pub(crate) fn end_by(&mut self, signal: Signal) {
        // Looked up before the signal: the children of a process that has ended are nobody's we know.
        if !self.leads_group {
            self.family.join((!self.has_ended).then_some(self.pid));
        }
        self.signal(signal);
        self.family.signal(signal);
    }
}

/// Whether we belong to a terminal, foreground or not.
fn has_terminal() -> bool {
    std::fs::File::open("/dev/tty").is_ok()
}
