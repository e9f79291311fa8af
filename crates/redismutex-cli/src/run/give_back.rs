//! Giving the lock back when the command has ended, at once or when `--min-hold` ends.
//!
//! Knows how long a server may take to answer, and that a signal ends the waiting for it.

use crate::report::{Event, Report};
use crate::signals::Signals;
use redismutex::Error;
use redismutex::blocking::Guard;
use redismutex::internal::python::{extend, release};
use std::time::{Duration, Instant};

/// The library's shortest expiry: what is left of `--min-hold` below that is not worth a request.
const SHORTEST_HOLD: Duration = Duration::from_millis(10);
/// How long an answer is waited for: as long as the library waits for that of a release.
const PATIENCE: Duration = Duration::from_secs(2);
/// A signal ends the waiting only after this time: the Ctrl-C that ended the command comes to us, too, and a
/// server that is there answers sooner.
const GRACE: Duration = Duration::from_millis(200);

/// What came of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Given {
    /// As it should be, or as well as the server let us.
    Back,
    /// It was lost before.
    Lost,
    /// A signal ended the waiting: nothing else is to be waited for.
    Interrupted,
}

/// Gives the lock back, or keeps it for `rest`.
pub(super) fn give_back(guard: Guard, rest: Duration, signals: &Signals, report: &Report) -> Given {
    let mut wait = Wait { signals, began: Instant::now(), limit: Duration::MAX, signal: None };
    let was_valid = guard.is_valid();
    let mut end = Instant::now() + guard.remaining();
    let outcome = if rest < SHORTEST_HOLD {
        release(guard, Some(&mut || wait.is_over()))
    } else {
        wait.limit = PATIENCE;
        keep(guard, rest, &mut wait, &mut end)
    };
    let message = match outcome {
        Some(Ok(())) => {
            report.say(&Event::Released { kept: rest });
            return Given::Back;
        }
        // A lease that was ours when the command ended, and ended while nobody answered, was not lost.
        Some(Err(Error::Lost { .. })) if !was_valid || Instant::now() < end => {
            report.say(&Event::LostLate);
            return Given::Lost;
        }
        Some(Err(Error::Lost { .. })) | None => wait.why(),
        Some(Err(error)) => error.to_string(),
    };
    // The work was done under the lock; that it is not free yet is the others' trouble, and a short one.
    report.say(&Event::NotReleased { message: &message });
    if wait.signal.is_some() { Given::Interrupted } else { Given::Back }
}

/// Lets the lease last for `rest` yet, and forgets it. `end` is when the lease ends if nobody answers.
fn keep(
    mut guard: Guard,
    rest: Duration,
    wait: &mut Wait<'_>,
    end: &mut Instant,
) -> Option<Result<(), Error>> {
    // Twice: a renewal for the whole expiry that was on its way can come after the first.
    let mut outcome = Some(Ok(()));
    for _ in 0..2 {
        // A shorter lease counts from the asking on.
        *end = Instant::now() + guard.remaining().min(rest);
        outcome = extend(&mut guard, rest, Some(&mut || wait.is_over()));
        if !matches!(outcome, Some(Ok(()))) {
            break;
        }
    }
    // Whatever came of it: to drop the guard would free the lock before its time.
    guard.leak();
    outcome
}

/// The waiting for an answer.
struct Wait<'a> {
    signals: &'a Signals,
    began: Instant,
    limit: Duration,
    signal: Option<i32>,
}

impl Wait<'_> {
    fn is_over(&mut self) -> bool {
        self.signal = self.signal.or_else(|| self.signals.ending());
        let waited = self.began.elapsed();
        waited >= self.limit || self.signal.is_some() && waited >= GRACE
    }

    fn why(&self) -> String {
        let name = |number| nix::sys::signal::Signal::try_from(number).map(|it| it.as_str());
        match self.signal.map(name) {
            Some(Ok(name)) => format!("{name} ended the waiting for an answer"),
            Some(Err(_)) => "a signal ended the waiting for an answer".to_owned(),
            None => "the server did not answer in time".to_owned(),
        }
    }
}
