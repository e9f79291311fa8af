//! Watching over the running command: its end, signals for it, the loss of the lock.

use super::child::Child;
use super::program::Program;
use crate::args::OnLost;
use crate::exit::{Failure, OTHER};
use crate::report::{Event, Report};
use crate::signals::{Happening, Signals};
use nix::sys::signal::Signal;
use redismutex::blocking::Guard;
use redismutex::internal::LeaseWatch;
use std::process::ExitStatus;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

/// What to do when the lock is lost.
pub(crate) struct Orders {
    pub(crate) on_lost: OnLost,
    pub(crate) kill_after: Duration,
}

/// How it ended.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// The lock was lost before.
    pub(crate) lost: bool,
}

/// How often to look whether what the command left behind has ended.
const LOOK: Duration = Duration::from_millis(20);

/// Runs the command to its end.
pub(crate) fn run(
    program: &Program,
    guard: &Guard,
    orders: &Orders,
    signals: &Signals,
    report: &Report,
) -> Result<Ended, Failure> {
    watch_lease(guard, signals.report.clone())?;
    let child = Child::start(program, guard)?;
    let mut watch = Watch { child, orders, report, kill_at: None, told: false, lost: false };
    // The lease's own watch is told by a thread; the clock, read here, needs none.
    if !guard.is_valid() {
        watch.lost();
    }
    let status = watch.until_end(&signals.line)?;
    watch.until_all_end(&signals.line);
    Ok(Ended { status, lost: watch.lost })
}

fn watch_lease(guard: &Guard, report: Sender<Happening>) -> Result<(), Failure> {
    let lease = LeaseWatch::of(guard);
    let watch = move || {
        lease.lost();
        // Nobody listens any more: then all is over anyway.
        let _ = report.send(Happening::Lost);
    };
    let thread = std::thread::Builder::new().name("lease".into()).spawn(watch);
    thread.map(drop).map_err(system)
}

struct Watch<'a> {
    child: Child,
    orders: &'a Orders,
    report: &'a Report,
    kill_at: Option<Instant>,
    /// All of it was told to end.
    told: bool,
    lost: bool,
}

impl Watch<'_> {
    fn until_end(&mut self, line: &Receiver<Happening>) -> Result<ExitStatus, Failure> {
        loop {
            if let Some(status) = self.child.ended().map_err(system)? {
                return Ok(status);
            }
            match self.next(line) {
                Ok(happening) => self.take(happening),
                Err(_) => self.kill(),
            }
        }
    }

    fn take(&mut self, happening: Happening) {
        match happening {
            Happening::Signal { number, from_key } => self.pass(number, from_key),
            Happening::Lost => self.lost(),
            Happening::Child => {}
        }
    }

    fn next(&self, line: &Receiver<Happening>) -> Result<Happening, RecvTimeoutError> {
        match self.kill_at {
            Some(when) => line.recv_timeout(when.saturating_duration_since(Instant::now())),
            None => line.recv().map_err(RecvTimeoutError::from),
        }
    }

    fn pass(&mut self, number: i32, from_key: bool) {
        let reached = from_key && self.child.hears_terminal();
        let (false, Ok(signal)) = (reached, Signal::try_from(number)) else { return };
        if matches!(signal, Signal::SIGUSR1 | Signal::SIGUSR2) {
            return self.child.signal(signal);
        }
        // It asks for the end, and the end is when nothing works on: the lock is not given back before.
        self.told = true;
        self.child.end_by(signal);
    }

    fn lost(&mut self) {
        if self.lost {
            return;
        }
        self.lost = true;
        // First the deed, then the word: the lease has ended.
        match self.orders.on_lost {
            OnLost::Term => {
                self.told = true;
                self.child.terminate();
                self.kill_at = Some(Instant::now() + self.orders.kill_after);
            }
            OnLost::Kill => self.kill(),
            OnLost::Warn => {}
        }
        self.report.say(&Event::Lost { on_lost: self.orders.on_lost });
    }

    fn kill(&mut self) {
        self.kill_at = None;
        self.told = false;
        self.child.kill();
    }

    /// A command that obeyed may have left others behind that did not, or not yet. What was killed needs no
    /// waiting.
    fn until_all_end(&mut self, line: &Receiver<Happening>) {
        while self.told && self.child.left_something() {
            let patience = self.orders.kill_after;
            let kill_at = *self.kill_at.get_or_insert_with(|| Instant::now() + patience);
            if Instant::now() >= kill_at {
                self.kill();
            } else if let Ok(happening) = line.recv_timeout(LOOK) {
                self.take(happening);
            }
        }
    }
}

fn system(error: std::io::Error) -> Failure {
    Failure::new(OTHER, format!("the system cannot run the command: {error}"))
}
