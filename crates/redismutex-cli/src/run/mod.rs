//! `redismutex run`: acquire, run, release.
//!
//! Knows the order of things and what each end means for the exit code. Must not know how a process is
//! started, watched or signalled.

mod acquire;
mod child;
mod family;
mod give_back;
mod program;
mod supervise;
pub(crate) mod trampoline;

use crate::args::{OnLost, RunArgs};
use crate::exit::{self, Failure};
use crate::report::{Event, Report};
use crate::signals::Signals;
use crate::{identity, server, text};
use acquire::{Acquired, acquire};
use give_back::{Given, give_back};
use program::Program;
use redismutex::blocking::RedisMutex;
use std::time::Instant;
use supervise::{Ended, Orders};

/// Does it all, and says how it ended in whichever way was asked for.
pub(crate) fn run(args: &RunArgs) -> u8 {
    let report = match Report::open(args.json, args.status_fd) {
        Ok(report) => report,
        Err(failure) => return failure.report(),
    };
    let code = attempt(args, &report).unwrap_or_else(|failure| {
        report.say(&Event::Failed { message: &failure.message });
        failure.code
    });
    report.say(&Event::Done { exit_code: code });
    code
}

fn attempt(args: &RunArgs, report: &Report) -> Result<u8, Failure> {
    check(args)?;
    // Before the lock is asked for: a command that does not exist is no reason to keep others waiting.
    let program = Program::find(args)?;
    let mutex = mutex(args, &program)?;
    // Until here a signal ends us as it ends any program: there is nothing yet to be put away.
    let signals = Signals::catch()?;
    let guard = match acquire(args, &mutex, &signals, report)? {
        Acquired::Held(guard) => guard,
        Acquired::Busy => return Ok(if args.quiet_busy { 0 } else { args.conflict_exit_code }),
        Acquired::Interrupted(signal) => return Ok(exit::of_signal(signal)),
    };
    if let Some(signal) = signals.ending() {
        let _ = guard.release();
        report.say(&Event::Interrupted { number: signal });
        return Ok(exit::of_signal(signal));
    }
    let held_since = Instant::now();
    let orders = Orders { on_lost: args.on_lost, kill_after: args.kill_after };
    let Ended { status, lost } = supervise::run(&program, &guard, &orders, &signals, report)?;
    report.say(&Event::Exited { status });
    let rest = args.min_hold.unwrap_or_default().saturating_sub(held_since.elapsed());
    let given = if lost { Given::Lost } else { give_back(guard, rest, &signals, report) };
    if given == Given::Interrupted {
        // Its end would look for the server once more, for up to a second.
        std::mem::forget(mutex);
    }
    let lost = given == Given::Lost;
    let is_ours = !lost || args.on_lost == OnLost::Warn;
    Ok(if is_ours { exit::of_status(status) } else { exit::LOST })
}

/// What the options contradict each other in, found before the command runs.
fn check(args: &RunArgs) -> Result<(), Failure> {
    match (args.min_hold, args.max_hold) {
        (Some(least), Some(most)) if least > most => Err(Failure::usage(format!(
            "--min-hold ({}) is longer than --max-hold ({}): the lock would be free before its time",
            text::span(least),
            text::span(most)
        ))),
        _ => Ok(()),
    }
}

/// A mutex that is connected: a server that cannot be reached is found out here, before the wait.
fn mutex(args: &RunArgs, program: &Program) -> Result<RedisMutex, Failure> {
    let label = args.label.clone().unwrap_or_else(|| identity::label(&program.name));
    let mut builder = server::builder(&args.server)?
        .expiry(args.expiry)
        .block_time(acquire::patience(args))
        .label(label);
    if let Some(max_hold) = args.max_hold {
        builder = builder.max_hold(max_hold);
    }
    Ok(builder.connect()?)
}
