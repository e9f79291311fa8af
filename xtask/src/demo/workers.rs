//! The contending processes: built, started together, waited for.
//!
//! Knows how to run them. Must not know what they write down.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::Options;
use crate::run::{self, Result, cargo};

/// Longer than a worker waits for the lock, so that its own error is seen and not ours.
const PATIENCE: Duration = Duration::from_secs(40);

/// Builds the worker and returns its file.
pub(crate) fn build() -> Result<PathBuf> {
    let exe =
        std::env::current_exe().map_err(|e| format!("cannot find the target directory: {e}"))?;
    let target = exe.parent().and_then(Path::parent).unwrap_or(Path::new("target"));
    let worker = target.join("release/demo-worker");
    let mut build = cargo();
    if worker.exists() {
        build.arg("--quiet");
    } else {
        println!("building the workers, which takes a while the first time");
    }
    build.args([
        "build",
        "--release",
        "-p",
        "xtask",
        "--features",
        "worker",
        "--bin",
        "demo-worker",
    ]);
    run::run(&mut build)?;
    Ok(worker)
}

/// Lets them contend, and returns the file that each has written.
pub(crate) fn contend(
    options: &Options,
    url: &str,
    worker: &Path,
    dir: &Path,
) -> Result<Vec<PathBuf>> {
    let key = format!("redismutex-demo-{}", std::process::id());
    let files: Vec<_> = (1..=options.workers).map(|n| dir.join(format!("worker-{n}"))).collect();
    let mut workers = Workers(Vec::new());
    for (file, seed) in files.iter().zip(1_u64..) {
        let mut command = Command::new(worker);
        // Neighbouring seeds would make neighbours alike at first.
        command
            .args([url, &key, &(seed * 0x9E37_79B9).to_string(), &options.seconds.to_string()])
            .arg(file);
        workers.start(command)?;
    }
    workers.begin()?;
    workers.end(Duration::from_secs_f64(options.seconds) + PATIENCE)?;
    Ok(files)
}

/// The running ones; those that are left when this is dropped are killed.
struct Workers(Vec<Child>);

impl Workers {
    fn start(&mut self, mut command: Command) -> Result {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        self.0.push(command.spawn().map_err(|e| format!("cannot start a worker: {e}"))?);
        Ok(())
    }

    /// Says go, once every one of them has said that it is connected.
    fn begin(&mut self) -> Result {
        for (worker, n) in self.0.iter_mut().zip(1..) {
            let mut line = String::new();
            let said = worker.stdout.take().map(|out| BufReader::new(out).read_line(&mut line));
            if !matches!(said, Some(Ok(1..))) {
                return Err(format!("worker {n} could not begin: {}", complaint(worker)));
            }
        }
        for worker in &mut self.0 {
            let told = worker.stdin.take().map(|mut input| input.write_all(b"go\n"));
            if !matches!(told, Some(Ok(()))) {
                return Err("a worker ended before it began".to_owned());
            }
        }
        Ok(())
    }

    fn end(&mut self, patience: Duration) -> Result {
        let end = Instant::now() + patience;
        for (worker, n) in self.0.iter_mut().zip(1..) {
            loop {
                match worker.try_wait() {
                    Ok(Some(status)) if status.success() => break,
                    Ok(Some(_)) => return Err(format!("worker {n} failed: {}", complaint(worker))),
                    Ok(None) if Instant::now() < end => thread::sleep(Duration::from_millis(20)),
                    Ok(None) => return Err(format!("worker {n} does not come to an end")),
                    Err(e) => return Err(format!("lost sight of worker {n}: {e}")),
                }
            }
        }
        Ok(())
    }
}

/// What a worker that has ended said last. All of them tend to have the same complaint, so one is shown.
fn complaint(worker: &mut Child) -> String {
    let mut text = String::new();
    if let Some(mut stderr) = worker.stderr.take() {
        // What could be read is better than nothing.
        let _ = stderr.read_to_string(&mut text);
    }
    let text = text.trim();
    if text.is_empty() { "it did not say why".to_owned() } else { text.to_owned() }
}

impl Drop for Workers {
    fn drop(&mut self) {
        for worker in &mut self.0 {
            let _ = worker.kill();
            let _ = worker.wait();
        }
    }
}
