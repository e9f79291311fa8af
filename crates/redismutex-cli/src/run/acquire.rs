//! Waiting for the lock: until it is ours, or busy for too long, or a signal ends the wait.

use crate::args::RunArgs;
use crate::exit::Failure;
use crate::identity;
use crate::report::wait_line::{self, held_by};
use crate::report::{Event, Report};
use crate::signals::Signals;
use redismutex::Error;
use redismutex::blocking::{Guard, RedisMutex};
use redismutex::internal::acquire_unless;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

/// For as long as it takes; the library's limit is ten years.
const FOR_EVER: Duration = Duration::from_secs(5 * 365 * 24 * 3600);
/// A wait shorter than this is not worth a word.
const SILENT: Duration = Duration::from_secs(1);

/// What came of the wait.
pub(crate) enum Acquired {
    Held(Guard),
    Busy,
    Interrupted(i32),
}

/// How long to wait at most.
pub(crate) fn patience(args: &RunArgs) -> Duration {
    if args.nonblock { Duration::ZERO } else { args.wait.unwrap_or(FOR_EVER) }
}

pub(crate) fn acquire(
    args: &RunArgs,
    mutex: &RedisMutex,
    signals: &Signals,
    report: &Report,
) -> Result<Acquired, Failure> {
    let (key, token) = (args.key.as_bytes(), identity::token());
    let started = Instant::now();
    let (mut interrupted, mut told) = (None, args.quiet);
    let mut look = || {
        interrupted = signals.ending();
        if !told && started.elapsed() >= SILENT {
            told = true;
            wait_line::start(mutex, key, token.clone(), report);
        }
        interrupted.is_some()
    };
    let outcome = acquire_unless(mutex, key, token.as_deref(), &mut look);
    report.end_waiting();
    match (outcome, interrupted) {
        (Some(Ok(guard)), None) => {
            report.say(&Event::Acquired { guard: &guard, waited: started.elapsed() });
            Ok(Acquired::Held(guard))
        }
        // Both at once: what was asked for last is to end.
        (Some(Ok(guard)), Some(number)) => {
            let _ = guard.release();
            report.say(&Event::Interrupted { number });
            Ok(Acquired::Interrupted(number))
        }
        (Some(Err(Error::BlockTimeExceeded { .. })), _) => {
            busy(args, mutex, report);
            Ok(Acquired::Busy)
        }
        (Some(Err(error)), _) => Err(error.into()),
        (None, signal) => {
            let number = signal.unwrap_or_default();
            report.say(&Event::Interrupted { number });
            Ok(Acquired::Interrupted(number))
        }
    }
}

fn busy(args: &RunArgs, mutex: &RedisMutex, report: &Report) {
    let quiet = args.quiet || args.quiet_busy;
    let asked = !quiet || args.json || args.status_fd.is_some();
    // Who has it is worth a look, not a failure.
    let seen = asked.then(|| mutex.inspect(args.key.as_bytes()).ok()).flatten();
    let holder = seen.as_ref().and_then(held_by);
    report.say(&Event::Busy { key: &args.key, holder, quiet });
}
