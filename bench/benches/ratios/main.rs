//! `cargo bench -p redismutex-bench`: redismutex beside raw floors, as ratios within one run.
//!
//! `-- --quick` for fewer rounds, `-- w2 w3` for some of the work.

mod w1;
mod w2;
mod w3;
mod w4;
mod w5;

use redismutex_bench::{pin_anywhere, worker};
use redismutex_testkit::Server;
use std::time::Duration;

/// One run of the table.
struct Run {
    server: Server,
    rounds: usize,
    length: Duration,
    quick: bool,
}

impl Run {
    /// Gives the system its choice of processors back.
    fn anywhere(&self) {
        pin_anywhere(0);
        pin_anywhere(self.server.pid());
    }
}

fn main() {
    if let Some(role) = worker::role() {
        let (role, words) = (&*role[0], &role[1..]);
        return match role {
            "w2" => w2::worker(words),
            "w2async" => w2::async_worker(words),
            "w2least" => w2::least_worker(words),
            "w2floor" => w2::floor_worker(words),
            "w3tasks" => w3::tasks(words),
            "w3threads" => w3::threads(words),
            "w3floor" => w3::floor_worker(words),
            other => panic!("no such role: {other}"),
        };
    }
    let wanted: Vec<_> = std::env::args().skip(1).collect();
    let quick = wanted.iter().any(|word| word == "--quick");
    let run = Run {
        server: Server::start(),
        rounds: if quick { 5 } else { 15 },
        length: Duration::from_secs(if quick { 1 } else { 5 }),
        quick,
    };
    let named = wanted.iter().any(|word| word.starts_with('w'));
    println!("{:<52} {:>12} {:>12}  {:>8}", "", "ours", "floor", "ratio");
    for (name, work) in [
        ("w1", w1::run as fn(&Run)),
        ("w2", w2::run),
        ("w3", w3::run),
        ("w4", w4::run),
        ("w5", w5::run),
    ] {
        if !named || wanted.iter().any(|word| word == name) {
            work(&run);
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}
