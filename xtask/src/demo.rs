//! `cargo xtask demo`: several processes contend for one key, and one sees who held it when.
//!
//! Knows the order of the show. Must not know the library: the workers are programs of their own, and the
//! verdict rests on what they wrote down.

mod history;
mod paint;
mod server;
mod timeline;
mod workers;

use std::path::Path;

pub(crate) use server::keep;

use crate::run::{Result, root};
use crate::servers::FileLock;
use history::History;
use paint::{Paint, processes};
use server::Server;

/// What the command line can say.
pub(crate) struct Options {
    /// The user's own server instead of a private one.
    pub(crate) url: Option<String>,
    pub(crate) workers: usize,
    pub(crate) seconds: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self { url: None, workers: 8, seconds: 5.0 }
    }
}

impl Options {
    fn check(&self) -> Result {
        match self {
            Self { workers: 0 | 65.., .. } => Err("--workers takes 1 to 64".to_owned()),
            Self { seconds, .. } if !(0.1..=600.0).contains(seconds) => {
                Err("--seconds takes 0.1 to 600".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// Runs the show. It fails if two workers held the lock at the same time.
pub(crate) fn command(options: &Options) -> Result {
    options.check()?;
    let dir = root().join("target/demo");
    // Two demos at once would disturb each other's times, and share this directory.
    let _lock = FileLock::wait(&dir.join(".lock"), || {
        println!("waiting for another demo to end");
    })?;
    let server = Server::of(options.url.as_deref())?;
    let worker = workers::build()?;
    let history = contend(options, &server, &worker, &dir)?;
    drop(server);
    show(&history)
}

fn contend(options: &Options, server: &Server, worker: &Path, dir: &Path) -> Result<History> {
    let (workers, seconds) = (processes(options.workers), options.seconds);
    println!("{workers}, one key, {seconds} s, on {}", server.about());
    let files = workers::contend(options, server.url(), worker, dir)?;
    History::read(&files)
}

/// Draws what happened, and judges it.
fn show(history: &History) -> Result {
    let paint = Paint::of_stdout();
    println!();
    print!("{}", timeline::draw(history, &paint));
    println!();
    print!("{}", history.summary(&paint));
    match history.violations().first() {
        None => Ok(()),
        Some(first) => {
            Err(format!("the lock was not exclusive: {first}; the events are in target/demo/"))
        }
    }
}
