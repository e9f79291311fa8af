//! Parts of a test in processes of their own, to be killed and stopped like any other.
//!
//! A test program starts itself again and runs one of its own tests, the *worker*, which is
//! marked `#[ignore]` and does nothing unless it was given a role:
//!
//! ```no_run
//! # mod example {
//! use redismutex_testkit::child;
//! use std::time::Duration;
//!
//! #[test]
//! #[ignore = "runs in a child process"]
//! fn worker() {
//!     let Some(role) = child::role() else { return };
//!     let url = std::env::var("URL").expect("the parent sets it");
//!     child::say("holding");
//! }
//!
//! #[test]
//! fn a_crashed_holder_blocks_nobody_for_long() {
//!     let holder = child::spawn("worker", "holder", &[("URL", "redis://…")]);
//!     assert!(holder.heard("holding", Duration::from_secs(10)));
//!     holder.kill9();
//! }
//! # }
//! ```
//!
//! Knows processes and their output. What they do is the test's business.

use std::env;
use std::fmt;
use std::io::{BufRead, BufReader};
use std::process::{self, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::server::{bound_command, spawn as spawn_bound};
use crate::signals;

const ROLE: &str = "REDISMUTEX_TEST_ROLE";
/// What a worker says stands on lines of their own, apart from what the test harness prints.
const MARK: &str = "@say ";

/// In a child: the role that the parent gave it. In the parent, `None`.
#[must_use]
pub fn role() -> Option<String> {
    env::var(ROLE).ok()
}

/// In a child: tells the parent something, in one line.
pub fn say(what: &str) {
    // The harness may have begun a line and not ended it.
    println!("\n{MARK}{what}");
}

/// Runs one test of the current test program, by its full path such as `module::worker`, in a
/// process of its own. It is killed when the returned value is dropped, and when this process
/// ends.
#[must_use]
pub fn spawn(test: &str, role: &str, env: &[(&str, &str)]) -> Process {
    let program = env::current_exe().expect("a test program knows its own path");
    let mut command = bound_command(&program);
    command.args([test, "--exact", "--include-ignored", "--nocapture"]);
    command.env(ROLE, role).envs(env.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = spawn_bound(command).expect("a test program can start itself");
    let output = child.stdout.take().expect("it is piped");
    let errors = child.stderr.take().expect("it is piped");
    let pid = child.id();
    let heard = Arc::new(Heard::default());
    let hearing = Arc::clone(&heard);
    thread::spawn(move || hearing.listen(BufReader::new(output)));
    // Through this process's own output, which the harness shows only if the test fails.
    thread::spawn(move || {
        let lines = BufReader::new(errors).lines().map_while(Result::ok);
        lines.for_each(|line| println!("{line}"));
    });
    Process { child: Mutex::new(Some(child)), pid, role: role.to_string(), heard }
}

/// A running part of a test.
pub struct Process {
    /// `None` when it has ended and was waited for.
    child: Mutex<Option<process::Child>>,
    pid: u32,
    role: String,
    heard: Arc<Heard>,
}

impl Process {
    /// Its process id, also after its end.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits until it has said this; whether it came to that in time.
    #[must_use]
    pub fn heard(&self, what: &str, patience: Duration) -> bool {
        self.heard.wait(patience, |lines| lines.iter().any(|line| line == what))
    }

    /// Everything that it has said so far.
    #[must_use]
    pub fn said(&self) -> Vec<String> {
        self.heard.lines().0.clone()
    }

    /// Kills it as a crash would. Nothing happens if it has ended.
    pub fn kill9(&self) {
        if let Some(child) = self.child().take() {
            signals::kill9(child);
        }
    }

    /// Stops it in its tracks (SIGSTOP) until the returned value is dropped.
    #[must_use = "the process goes on as soon as this is dropped"]
    pub fn pause(&self) -> PausedProcess<'_> {
        self.signal(Signal::SIGSTOP);
        PausedProcess(self)
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// Sends it any signal. Nothing happens if it has ended and was waited for.
    pub fn signal(&self, signal: Signal) {
        if let Some(child) = self.child().as_ref() {
            signals::send(child, signal);
        }
    }

    /// Waits for its end; `None` if it still runs after `patience`, or was killed from here.
    #[must_use]
    pub fn wait(&self, patience: Duration) -> Option<ExitStatus> {
        // It ends its output when it ends, and not before.
        if !self.heard.wait_for_end(patience) {
            return None;
        }
        self.child().take().and_then(|mut child| child.wait().ok())
    }

    fn child(&self) -> MutexGuard<'_, Option<process::Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} in the role of {:?}", self.pid, self.role)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill9();
    }
}

/// A process that stands still until this is dropped.
#[derive(Debug)]
pub struct PausedProcess<'a>(&'a Process);

impl PausedProcess<'_> {
    /// Lets the process go on.
    pub fn resume(self) {
        drop(self);
    }
}

impl Drop for PausedProcess<'_> {
    fn drop(&mut self) {
        self.0.resume();
    }
}

/// What a process has said, and whether it can say any more.
#[derive(Default)]
struct Heard {
    lines: Mutex<(Vec<String>, bool)>,
    changed: Condvar,
}

impl Heard {
    fn lines(&self) -> MutexGuard<'_, (Vec<String>, bool)> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listen(&self, output: impl BufRead) {
        for line in output.lines().map_while(Result::ok) {
            match line.strip_prefix(MARK) {
                Some(said) => self.lines().0.push(said.to_string()),
                // What else it prints, a panic's message foremost, helps to understand a failure.
                None => println!("{line}"),
            }
            self.changed.notify_all();
        }
        self.lines().1 = true;
        self.changed.notify_all();
    }

    /// Waits until `done` or the end of the output.
    fn wait(&self, patience: Duration, done: impl Fn(&[String]) -> bool) -> bool {
        let deadline = Instant::now() + patience;
        let mut lines = self.lines();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if done(&lines.0) || lines.1 || left.is_zero() {
                return done(&lines.0);
            }
            let woken = self.changed.wait_timeout(lines, left);
            lines = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn wait_for_end(&self, patience: Duration) -> bool {
        let _ = self.wait(patience, |_| false);
        self.lines().1
    }
}
