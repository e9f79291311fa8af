//! `redismutex wait KEY`: until nobody holds it. Takes no lock and joins no queue.

use super::words::key_text;
use crate::args::WaitArgs;
use crate::exit::{self, Failure};
use crate::report::Report;
use crate::report::wait_line::Line;
use crate::server;
use crate::signals::Signals;
use redismutex::blocking::RedisMutex;
use redismutex::{Error, Inspection};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

/// How often to look: a person does not see the difference, a server does not feel it.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a signal may wait to be seen.
const BLINK: Duration = Duration::from_millis(50);
/// A shorter wait is not worth a line, and the line is renewed this often.
const SECOND: Duration = Duration::from_secs(1);

type Look = Result<Inspection, Error>;

/// Blocks until nobody holds the lock, or the time is up, or a signal comes.
pub(crate) fn run(args: &WaitArgs) -> Result<u8, Failure> {
    let mutex = server::connect(&args.server)?;
    let report = Report::open(false, None)?;
    // From here on a signal must not leave the line behind.
    let signals = Signals::catch()?;
    let code = until_free(args, &looks(mutex, args.key.as_bytes())?, &signals, &report);
    report.end_waiting();
    code
}

fn until_free(
    args: &WaitArgs,
    looks: &Receiver<Look>,
    signals: &Signals,
    report: &Report,
) -> Result<u8, Failure> {
    let name = key_text(args.key.as_bytes());
    let (began, mut last, mut shown) = (Instant::now(), None::<Look>, None::<Instant>);
    loop {
        if let Some(number) = signals.ending() {
            return Ok(exit::of_signal(number));
        }
        let left = args.wait.map(|wait| wait.saturating_sub(began.elapsed()));
        // Not before it was looked once, however short the time.
        if let Some(look) = last.take_if(|_| left == Some(Duration::ZERO)) {
            return look.map(|_| args.conflict_exit_code).map_err(Failure::from);
        }
        match looks.recv_timeout(left.unwrap_or(BLINK).clamp(Duration::from_millis(1), BLINK)) {
            Ok(Ok(Inspection { holder: None, .. })) => return Ok(0),
            // A server that restarts is back soon, as for those who wait to get the lock.
            Ok(Err(error)) if !matches!(error, Error::Unavailable { .. }) => {
                return Err(error.into());
            }
            Ok(look) => last = Some(look),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
        let is_due = shown.is_none_or(|when| when.elapsed() >= SECOND);
        if let (Some(look), true) = (&last, is_due && !args.quiet && began.elapsed() >= SECOND) {
            report.waiting(&Line::of(&name, None, look));
            shown = Some(Instant::now());
        }
    }
}

/// Looks from a thread of its own: a server that hangs must not make us deaf to signals.
fn looks(mutex: RedisMutex, key: &[u8]) -> io::Result<Receiver<Look>> {
    let (sender, receiver) = sync_channel(1);
    let key = key.to_vec();
    let look = move || {
        while sender.send(mutex.inspect(&key)).is_ok() {
            sleep(PAUSE);
        }
    };
    thread::Builder::new().name("looks".into()).spawn(look)?;
    Ok(receiver)
}
