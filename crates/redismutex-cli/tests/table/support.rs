//! What the tests of the command line have in common: a server, the program, its children, patience.

use redismutex_testkit::{Server, random_key_named};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

/// Longer than anything takes on a busy machine; what fails waits for this long.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A server, a key of its own, a directory.
pub struct Bench {
    pub server: Server,
    pub key: String,
    pub dir: tempfile::TempDir,
}

impl Bench {
    pub fn new(name: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { server: Server::start(), key: random_key_named(name), dir }
    }

    /// The program with this server in its environment.
    pub fn program(&self, args: &[&str]) -> Command {
        let mut command = program(args);
        command.env("REDISMUTEX_URL", self.server.url());
        command
    }

    /// `redismutex run OPTIONS KEY -- COMMAND`.
    pub fn run(&self, options: &[&str], command: &[&str]) -> Command {
        let words = [&["run"], options, &[&*self.key, "--"], command].concat();
        self.program(&words)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A script that holds the lock until it is ended, and its pid once it runs.
    pub fn hold(&self, options: &[&str]) -> Held {
        self.hold_with(options, "exec sleep 600")
    }

    /// The same with another body.
    pub fn hold_with(&self, options: &[&str], body: &str) -> Held {
        let flag = self.file(&format!("held-{}", random_key_named("n")));
        let script = format!("echo $$ > {0}.tmp; mv {0}.tmp {0}; {body}", flag.display());
        let mut process = Running(spawn(self.run(options, &["sh", "-c", &script])));
        if !eventually(|| flag.exists()) {
            let output = process.end(None);
            panic!("the holder did not begin: {output:?}");
        }
        Held { command: read(&flag).trim().parse().unwrap(), process }
    }
}

/// A lock that is held by a running `redismutex run`.
pub struct Held {
    /// The pid of what runs under the lock.
    pub command: i32,
    pub process: Running,
}

/// The program, without the environment's own ideas about servers and terminals.
pub fn program(args: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(args).stdin(Stdio::null());
    for name in ["REDISMUTEX_URL", "REDIS_URL", "NO_COLOR", "XDG_RUNTIME_DIR", "COLUMNS"] {
        command.env_remove(name);
    }
    command
}

pub fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_redismutex"))
}

/// What it printed and how it ended, within the patience.
pub fn output(command: Command) -> Said {
    Running(spawn(command)).end(None)
}

fn spawn(mut command: Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Starts it, with standard output and error to be read later.
pub fn start(command: Command) -> Running {
    Running(spawn(command))
}

/// A process that does not outlive the test.
pub struct Running(pub Child);

impl Running {
    pub fn pid(&self) -> i32 {
        i32::try_from(self.0.id()).unwrap()
    }

    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.pid()), signal).unwrap();
    }

    /// Waits for its end; after the patience it is killed and the test fails. Standard output and error must be
    /// short enough for a pipe.
    pub fn end(&mut self, within: Option<Duration>) -> Said {
        let until = Instant::now() + within.unwrap_or(PATIENCE);
        let status = loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < until, "it did not end: {:?}", self.0);
            std::thread::sleep(Duration::from_millis(5));
        };
        let mut said = Said { status, stdout: String::new(), stderr: String::new() };
        if let Some(mut out) = self.0.stdout.take() {
            out.read_to_string(&mut said.stdout).unwrap();
        }
        if let Some(mut err) = self.0.stderr.take() {
            err.read_to_string(&mut said.stderr).unwrap();
        }
        said
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[derive(Debug)]
pub struct Said {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Said {
    #[track_caller]
    pub fn code(self, code: i32) -> Self {
        assert_eq!(self.status.code(), Some(code), "{self:?}");
        self
    }

    #[track_caller]
    pub fn stdout_is(self, text: &str) -> Self {
        assert_eq!(self.stdout, text, "{self:?}");
        self
    }

    #[track_caller]
    pub fn stderr_is(self, text: &str) -> Self {
        assert_eq!(self.stderr, text, "{self:?}");
        self
    }

    #[track_caller]
    pub fn stdout_has(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "no {text:?} in {self:?}");
        self
    }

    #[track_caller]
    pub fn stderr_has(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "no {text:?} in {self:?}");
        self
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { status: output.status, stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// Whether it becomes true within the patience.
pub fn eventually(mut what: impl FnMut() -> bool) -> bool {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        if what() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}

pub fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Whether the process exists and has not ended.
pub fn is_alive(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    state.is_some_and(|state| state != 'Z' && state != 'X')
}
