//! Processes that take part in a benchmark: this program again, told by its environment what to do.

use nix::time::{ClockId, clock_gettime};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const ROLE: &str = "REDISMUTEX_BENCH_ROLE";

/// Now, on the clock that all processes of a machine share, in nanoseconds.
pub fn now() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap_or_default_time();
    time.0 * 1_000_000_000 + time.1
}

trait OrZero {
    fn unwrap_or_default_time(self) -> (u64, u64);
}

impl OrZero for nix::Result<nix::sys::time::TimeSpec> {
    fn unwrap_or_default_time(self) -> (u64, u64) {
        self.map_or((0, 0), |time| (time.tv_sec().cast_unsigned(), time.tv_nsec().cast_unsigned()))
    }
}

/// What this process is to do, if it is a worker: words.
pub fn role() -> Option<Vec<String>> {
    Some(std::env::var(ROLE).ok()?.split(' ').map(str::to_owned).collect())
}

/// A worker. Ended when dropped.
pub struct Worker {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Worker {
    /// Starts one.
    pub fn start(role: &str) -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let mut child = Command::new(program)
            .env(ROLE, role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be started");
        let lines = BufReader::new(child.stdout.take().expect("its output is a pipe"));
        Self { child, lines }
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Says a line to it.
    pub fn say(&mut self, line: &str) {
        let stdin = self.child.stdin.as_mut().expect("its input is a pipe");
        writeln!(stdin, "{line}").expect("it listens");
    }

    /// The next line of numbers that it says.
    pub fn numbers(&mut self) -> Vec<u64> {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("it speaks");
        line.split_whitespace().filter_map(|word| word.parse().ok()).collect()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In a worker: waits for a line. `false`: there is nobody any more.
pub fn told() -> bool {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).is_ok_and(|read| read > 0)
}

/// In a worker: says numbers.
pub fn tell(numbers: impl IntoIterator<Item = u64>) {
    let line: Vec<_> = numbers.into_iter().map(|number| number.to_string()).collect();
    println!("{}", line.join(" "));
}

/// What a worker does between two turns.
#[derive(Clone, Copy, Debug)]
pub enum Pause {
    /// Keeps its processor.
    Busy(Duration),
    /// Leaves its processor to whoever wants it, caches and all.
    Asleep(Duration),
}

impl Pause {
    /// As it was displayed.
    pub fn parse(text: &str) -> Self {
        let (busy, micros) = match text.strip_prefix("busy") {
            Some(micros) => (true, micros),
            None => (false, text),
        };
        let length = Duration::from_micros(micros.parse().expect("a number"));
        if busy { Self::Busy(length) } else { Self::Asleep(length) }
    }

    /// Lets it pass.
    pub fn pass(self) {
        match self {
            Self::Asleep(length) => std::thread::sleep(length),
            Self::Busy(length) => {
                let started = Instant::now();
                while started.elapsed() < length {
                    std::hint::spin_loop();
                }
            }
        }
    }
}

impl std::fmt::Display for Pause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Busy(length) => write!(f, "busy{}", length.as_micros()),
            Self::Asleep(length) => length.as_micros().fmt(f),
        }
    }
}
