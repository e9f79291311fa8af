//! The program and a server for a test.

use redismutex::blocking::{Guard, RedisMutex};
use redismutex_testkit::Server;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Long enough for a machine with much else to do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// `redismutex` with these arguments on this server.
pub(crate) fn program(url: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_redismutex"));
    command.args(args).env_remove("REDIS_URL").env_remove("COLUMNS").env_remove("NO_COLOR");
    command.env("REDISMUTEX_URL", url).stdin(Stdio::null());
    command
}

/// What came of a call.
#[derive(Debug)]
pub(crate) struct Came {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Came {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Calls it to its end.
pub(crate) fn call(url: &str, args: &[&str]) -> Came {
    program(url, args).output().unwrap().into()
}

/// Somebody who holds and waits, by the library.
pub(crate) fn client(server: &Server, label: &str) -> RedisMutex {
    RedisMutex::builder(server.url()).block_time(PATIENCE).label(label).connect().unwrap()
}

/// A lock that `label` holds.
pub(crate) fn held(server: &Server, key: &str, label: &str) -> Guard {
    client(server, label).acquire(key).unwrap()
}

/// Until it is so; panics if that is not to be.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The URL for a user of the server with the password `pw`.
pub(crate) fn url_of(server: &Server, user: &str, rules: &[&str]) -> String {
    let rules = [&["reset", "on", ">pw"], rules].concat();
    server.admin().acl_setuser(user, &rules);
    server.url().replace("redis://", &format!("redis://{user}:pw@"))
}
