//! Signals: caught on a thread of their own and handed on as events.
//!
//! Knows which signals are caught and who sent them. Must not know what comes of them.

use crate::exit::{Failure, OTHER};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::origin::WithOrigin;
use signal_hook::low_level::siginfo::Cause;
use std::sync::mpsc::{Receiver, Sender, channel};

/// Passed on to the command. While there is none, they end us, as they would any program.
const PASSED_ON: [i32; 6] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2];

/// Something that the supervisor has to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    /// A signal came. A key of the terminal has sent it to everybody in the foreground, the command included.
    Signal { number: i32, from_key: bool },
    /// Something became of a child.
    Child,
    /// The lock is lost.
    Lost,
}

/// The line on which happenings come in.
pub(crate) struct Signals {
    pub(crate) line: Receiver<Happening>,
    pub(crate) report: Sender<Happening>,
}

impl Signals {
    /// Catches signals from now on, but for those that whoever started us wants to be ignored (nohup does).
    pub(crate) fn catch() -> Result<Self, Failure> {
        let ignored = ignored();
        let caught = PASSED_ON.into_iter().filter(|number| ignored >> (number - 1) & 1 == 0);
        let failed =
            |error| Failure::new(OTHER, format!("the system lets no signal be caught: {error}"));
        let mut signals =
            SignalsInfo::<WithOrigin>::new(caught.chain([SIGCHLD])).map_err(failed)?;
        let (report, line) = channel();
        let sender = report.clone();
        let listen = move || {
            for origin in &mut signals {
                let happening = match origin.signal {
                    SIGCHLD => Happening::Child,
                    number => {
                        // The system itself sends HUP, too, when a terminal goes away: to the leader of the
                        // session alone.
                        let has_key = matches!(number, SIGINT | SIGQUIT);
                        let from_key = has_key && origin.cause == Cause::Kernel;
                        Happening::Signal { number, from_key }
                    }
                };
                if sender.send(happening).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("signals".into());
        thread.spawn(listen).map_err(failed)?;
        Ok(Self { line, report })
    }

    /// The signal that ends a wait, if one has come.
    pub(crate) fn ending(&self) -> Option<i32> {
        self.line.try_iter().find_map(|happening| match happening {
            Happening::Signal { number, .. } => Some(number),
            _ => None,
        })
    }
}

/// The signals that were ignored when we were started, as bits. To catch one of them would undo the wish,
/// for the command too.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
