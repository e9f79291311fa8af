//! Writing events so that they survive the death of whoever writes them.
//!
//! Knows files and the clock. It does not interpret what it writes.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use super::event::{Event, Kind};

/// Nanoseconds of `CLOCK_MONOTONIC`, which is the same for every process of a host.
#[must_use]
pub fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("the monotonic clock");
    nanos(Duration::from(now))
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The instant at which something ends that tells how long it still lasts.
///
/// The process may be stopped between reading the clock and asking, and would then write down an
/// instant that was never believed in. So both are read again until they were read together.
pub fn deadline_ns(remaining: impl Fn() -> Duration) -> u64 {
    const TOGETHER_NS: u64 = 100_000;
    const TRIES: usize = 100;
    let mut earliest = u64::MAX;
    for _ in 0..TRIES {
        let before = now_ns();
        let deadline = before.saturating_add(nanos(remaining()));
        if now_ns() - before < TOGETHER_NS {
            return deadline;
        }
        earliest = earliest.min(deadline);
    }
    earliest
}

/// Appends events to a file that several processes may share.
///
/// Each event is one write to a file opened for appending: lines of different processes do not
/// mix, and what was written stays written when the process is killed. The methods panic if the
/// file cannot be written: a history with holes proves nothing.
#[derive(Debug)]
pub struct Recorder {
    file: File,
    pid: u32,
}

impl Recorder {
    /// Begins an empty history.
    ///
    /// # Errors
    /// What the system says when the file cannot be made.
    pub fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        // A file that is only truncated, not opened for appending, would not do for sharing.
        File::create(&path)?;
        Self::append(path)
    }

    /// Goes on with a history, for example one that the parent process began.
    ///
    /// # Errors
    /// What the system says when the file is not there or may not be written.
    pub fn append(path: impl AsRef<Path>) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).open(path)?;
        Ok(Self { file, pid: std::process::id() })
    }

    /// This attempt begins to ask for the lock.
    pub fn wait(&self, key: &str, owner: &str) {
        self.write(Kind::Wait, key, owner, None, None);
    }

    /// This attempt believes from now on that it holds the lock, until the deadline; see
    /// [`deadline_ns`].
    pub fn acquired(&self, key: &str, owner: &str, fence: Option<u64>, deadline_ns: Option<u64>) {
        self.write(Kind::Acquired, key, owner, fence, deadline_ns);
    }

    /// This attempt believes it until another deadline.
    pub fn renewed(&self, key: &str, owner: &str, deadline_ns: u64) {
        self.write(Kind::Renewed, key, owner, None, Some(deadline_ns));
    }

    /// This attempt has been told that the lock is lost.
    pub fn lost(&self, key: &str, owner: &str) {
        self.write(Kind::Lost, key, owner, None, None);
    }

    /// This attempt is about to give the lock back: call it before the release.
    pub fn released(&self, key: &str, owner: &str) {
        self.write(Kind::Released, key, owner, None, None);
    }

    /// This attempt has given up asking.
    pub fn failed(&self, key: &str, owner: &str) {
        self.write(Kind::Failed, key, owner, None, None);
    }

    /// Another process is dead: call it when that is sure.
    pub fn killed(&self, pid: u32) {
        let (key, owner) = (String::new(), String::new());
        let (kind, fence, deadline_ns) = (Kind::Killed, None, None);
        self.record(&Event { t_ns: now_ns(), pid, kind, key, owner, fence, deadline_ns });
    }

    /// Writes an event as it is.
    pub fn record(&self, event: &Event) {
        let line = format!("{event}\n");
        let written = (&self.file).write(line.as_bytes());
        assert_eq!(written.ok(), Some(line.len()), "the history cannot be written");
    }

    fn write(&self, kind: Kind, key: &str, owner: &str, fence: Option<u64>, until: Option<u64>) {
        let (key, owner) = (key.to_string(), owner.to_string());
        let (pid, deadline_ns) = (self.pid, until);
        self.record(&Event { t_ns: now_ns(), pid, kind, key, owner, fence, deadline_ns });
    }
}

/// Reads a history.
///
/// # Errors
/// What the system says, or which line is no event.
pub fn read(path: impl AsRef<Path>) -> io::Result<Vec<Event>> {
    let text = std::fs::read_to_string(path)?;
    let bad = |error| io::Error::new(io::ErrorKind::InvalidData, error);
    text.lines().map(|line| line.parse().map_err(bad)).collect()
}
