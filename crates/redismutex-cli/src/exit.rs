//! The exit codes: the one table that the program, its help and its man page are made from.
//!
//! Knows what each code means. Must not know how a command comes by it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// Someone else has the lock, unless `--conflict-exit-code` says otherwise; of the other commands: no.
pub(crate) const BUSY: u8 = 1;
/// The command line cannot be understood. The parser's own code, too.
pub(crate) const USAGE: u8 = 2;
/// `EX_UNAVAILABLE` of sysexits.h.
pub(crate) const UNAVAILABLE: u8 = 69;
/// `EX_SOFTWARE` of sysexits.h: whatever has no code of its own.
pub(crate) const OTHER: u8 = 70;
/// The first number after those of sysexits.h, used by no shell and no common tool.
pub(crate) const LOST: u8 = 79;
/// As every shell has it.
pub(crate) const NOT_EXECUTABLE: u8 = 126;
/// As every shell has it.
pub(crate) const NOT_FOUND: u8 = 127;
/// As every shell has it: plus the number of the signal.
pub(crate) const SIGNALLED: u8 = 128;

/// Each code and its meaning, for people.
const TABLE: &[(&str, &str)] = &[
    ("0", "done; also when busy, with --quiet-busy"),
    ("1", "busy: someone else has the lock (-E changes this code); elsewhere: the answer is no"),
    ("2", "wrong usage, or no server named"),
    ("69", "the server cannot be reached or does not answer"),
    (
        "70",
        "another error: wrong password, no permission, a key that is no lock, no process to be had",
    ),
    ("79", "the lock was lost while the command ran"),
    ("126", "the command was found but cannot be executed"),
    ("127", "the command was not found"),
    ("128+N", "the command, or the wait for the lock, was ended by signal N"),
    ("other", "the command's own exit code"),
];

/// The table as `--help` prints it.
pub(crate) fn table() -> String {
    let mut text = String::from("Exit codes:\n");
    for (code, meaning) in TABLE {
        let _ = writeln!(text, "  {code:<6} {meaning}");
    }
    text
}

/// The table as the man page prints it.
pub(crate) fn rows() -> &'static [(&'static str, &'static str)] {
    TABLE
}

/// The code for how a command ended.
pub(crate) fn of_status(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| Some(i32::from(SIGNALLED) + status.signal()?));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}

/// The code for a wait that a signal ended.
pub(crate) fn of_signal(signal: i32) -> u8 {
    u8::try_from(signal).map_or(u8::MAX, |signal| SIGNALLED.saturating_add(signal))
}

/// Why a command did not do its work: a sentence and the code to exit with.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: u8,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// Says it on standard error, as far as anybody listens; the code is what remains.
    pub(crate) fn report(&self) -> u8 {
        let _ = writeln!(std::io::stderr(), "redismutex: {}", self.message);
        self.code
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(USAGE, message)
    }
}

impl From<redismutex::Error> for Failure {
    fn from(error: redismutex::Error) -> Self {
        use redismutex::Error;
        let code = match &error {
            Error::BlockTimeExceeded { .. } => BUSY,
            Error::Lost { .. } => LOST,
            Error::Config { .. } => OTHER,
            _ => UNAVAILABLE,
        };
        Self::new(code, error.to_string())
    }
}
