//! What is said of a run or a wait: sentences for people, JSON for programs.
//!
//! The one writer of standard error and of the status descriptor, so that the moving line of a wait and
//! what else there is to say do not get into each other's way. Owner tokens and passwords stay out of it.

pub(crate) mod wait_line;

use crate::exit::Failure;
use crate::{args::OnLost, text};
use redismutex::blocking::Guard;
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use wait_line::Line;

/// In a log, the same holder is worth a new line this often.
const REMIND: Duration = Duration::from_secs(60);

/// Something worth saying.
pub(crate) enum Event<'a> {
    Acquired { guard: &'a Guard, waited: Duration },
    Busy { key: &'a OsStr, holder: Option<String>, quiet: bool },
    Interrupted { number: i32 },
    Lost { on_lost: OnLost },
    LostLate,
    Exited { status: ExitStatus },
    Released { kept: Duration },
    NotReleased { message: &'a str },
    Failed { message: &'a str },
    Done { exit_code: u8 },
}

impl Event<'_> {
    /// For people: only what they would not expect.
    fn sentence(&self) -> Option<String> {
        match self {
            Self::Busy { key, holder, quiet: false } => {
                let key = text::clean(&key.to_string_lossy());
                let holder = holder.as_deref().unwrap_or("someone else");
                Some(format!("{key} is busy: held by {holder}"))
            }
            Self::Lost { on_lost } => {
                let done = match on_lost {
                    OnLost::Term => "the command was told to end",
                    OnLost::Kill => "the command was killed",
                    OnLost::Warn => "the command runs on without it",
                };
                Some(format!("the lock was lost: {done}"))
            }
            Self::LostLate => Some("the lock was lost before the command ended".to_owned()),
            Self::NotReleased { message } => {
                Some(format!("not released, it is free when its lease ends: {message}"))
            }
            Self::Failed { message } => Some((*message).to_owned()),
            _ => None,
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Acquired { guard, waited } => json!({
                "event": "acquired",
                "key": guard.key().to_string(),
                "fence": guard.fence().map(|fence| fence.0),
                "waited_ms": millis(*waited),
                "left_ms": millis(guard.remaining()),
            }),
            Self::Busy { key, holder, .. } => {
                json!({"event": "busy", "key": key.to_string_lossy(), "holder": holder})
            }
            Self::Interrupted { number } => json!({"event": "interrupted", "signal": number}),
            Self::Lost { .. } | Self::LostLate => json!({"event": "lost"}),
            Self::Exited { status } => {
                use std::os::unix::process::ExitStatusExt;
                json!({"event": "exited", "code": status.code(), "signal": status.signal()})
            }
            Self::Released { kept } => json!({"event": "released", "kept_ms": millis(*kept)}),
            Self::NotReleased { message } => {
                json!({"event": "not released", "message": message})
            }
            Self::Failed { message } => json!({"event": "failed", "message": message}),
            Self::Done { exit_code } => json!({"event": "done", "exit_code": exit_code}),
        }
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

struct State {
    json: bool,
    status: Option<Box<dyn Write + Send>>,
    lively: bool,
    /// The moving line is on the screen.
    drawn: bool,
    /// What the last line was about, and when.
    told: Option<(String, Instant)>,
    waits: bool,
}

/// Where it is said. Clones say it in the same place.
#[derive(Clone)]
pub(crate) struct Report(Arc<Mutex<State>>);

impl Report {
    pub(crate) fn open(json: bool, status_fd: Option<u32>) -> Result<Self, Failure> {
        let status = status_fd.map(open_fd).transpose()?;
        let lively = !json && text::is_lively(&io::stderr());
        let state = State { json, status, lively, drawn: false, told: None, waits: true };
        Ok(Self(Arc::new(Mutex::new(state))))
    }

    pub(crate) fn say(&self, event: &Event<'_>) {
        let mut state = self.state();
        state.erase();
        state.machine(&event.json());
        if let Some(sentence) = event.sentence().filter(|_| !state.json) {
            complain(&sentence);
        }
    }

    /// Shows the line of a wait; `false` once the wait is over.
    pub(crate) fn waiting(&self, line: &Line) -> bool {
        let mut state = self.state();
        if state.waits {
            state.show(line);
        }
        state.waits
    }

    /// Takes the line away.
    pub(crate) fn end_waiting(&self) {
        let mut state = self.state();
        state.waits = false;
        state.erase();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn show(&mut self, line: &Line) {
        let fresh =
            |(gist, when): &(String, Instant)| *gist == line.gist && when.elapsed() < REMIND;
        let is_new = !self.told.as_ref().is_some_and(fresh);
        if is_new {
            self.told = Some((line.gist.clone(), Instant::now()));
            self.tell(line);
        }
        if self.lively {
            self.drawn = true;
            // Cut at the edge, not wrapped: a line that wrapped could not be taken back.
            to_stderr(&format!("\r\x1b[?7l\x1b[2m{}\x1b[0m\x1b[K\x1b[?7h", line.text));
        } else if is_new && !self.json {
            complain(&line.text);
        }
    }

    /// Programs are told whether or not a person looks on.
    fn tell(&mut self, line: &Line) {
        // They may be told on the very terminal.
        self.erase();
        let Line { holder, place, waiting, .. } = line;
        self.machine(
            &json!({"event": "waiting", "holder": holder, "place": place, "waiting": waiting}),
        );
    }

    fn erase(&mut self) {
        if std::mem::take(&mut self.drawn) {
            to_stderr("\r\x1b[K");
        }
    }

    fn machine(&mut self, object: &Value) {
        if self.json {
            to_stderr(&format!("{object}\n"));
        }
        // Whoever does not listen any more does not stop the command.
        if let Some(status) = &mut self.status {
            let _ = writeln!(status, "{object}").and_then(|()| status.flush());
        }
    }
}

/// The descriptor that the caller opened for us.
fn open_fd(fd: u32) -> Result<Box<dyn Write + Send>, Failure> {
    match fd {
        1 => return Ok(Box::new(io::stdout())),
        2 => return Ok(Box::new(io::stderr())),
        _ => {}
    }
    let file = OpenOptions::new().append(true).open(format!("/dev/fd/{fd}"));
    match file {
        Ok(file) => Ok(Box::new(file)),
        Err(error) => Err(Failure::usage(format!("--status-fd {fd} cannot be written: {error}"))),
    }
}

/// Says on standard error what went wrong.
pub(crate) fn complain(sentence: &str) {
    to_stderr(&format!("redismutex: {sentence}\n"));
}

fn to_stderr(text: &str) {
    // There is nowhere left to complain about this.
    let _ = io::stderr().write_all(text.as_bytes());
}
