//! What the tests of `redismutex run` share: the program, a server for it, and patience.

#![allow(dead_code, reason = "each test file uses its own part of it")]
#![allow(clippy::unwrap_used, reason = "a helper that cannot do its work fails the test")]

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use redismutex_testkit::{Admin, Server};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

/// Longer than anything takes on a machine that is busy with something else.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The program, with no server named and nothing to be read.
pub(crate) fn bare() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_redismutex"));
    command.stdin(Stdio::null()).env_remove("REDISMUTEX_URL").env_remove("REDIS_URL");
    command
}

/// The program and its server.
pub(crate) struct Tool {
    pub(crate) server: Server,
}

impl Tool {
    pub(crate) fn start() -> Self {
        Self { server: Server::start() }
    }

    pub(crate) fn admin(&self) -> Admin {
        self.server.admin()
    }

    /// `redismutex run WORDS...`
    pub(crate) fn command<A: AsRef<OsStr>>(&self, words: &[A]) -> Command {
        let mut command = bare();
        command.env("REDISMUTEX_URL", self.server.url()).arg("run").args(words);
        command
    }

    pub(crate) fn run<A: AsRef<OsStr>>(&self, words: &[A]) -> Output {
        self.command(words).output().unwrap()
    }

    /// Starts it and returns once its command has said something: its first line.
    pub(crate) fn started<A: AsRef<OsStr>>(&self, words: &[A]) -> (Running, String) {
        let mut child =
            self.command(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        (Running { child, out }, line.trim().to_owned())
    }
}

/// The program at work.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) out: BufReader<std::process::ChildStdout>,
}

impl Running {
    pub(crate) fn signal(&self, signal: Signal) {
        send(&self.child, signal);
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    /// The exit code, and what was said on standard error.
    pub(crate) fn end(self) -> (Option<i32>, String) {
        let ended = self.child.wait_with_output().unwrap();
        (ended.status.code(), String::from_utf8_lossy(&ended.stderr).into_owned())
    }
}

pub(crate) fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
}

pub(crate) fn until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub(crate) fn code(status: ExitStatus) -> Option<i32> {
    status.code()
}
