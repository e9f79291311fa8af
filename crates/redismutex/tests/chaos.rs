//! Chaos: processes contend while holders are killed, processes stopped and connections cut, and the
//! history that they leave behind is judged.
//!
//! Nobody is asked whether the lock worked. Each process writes down what it believed, on the one clock
//! that they share; the judge looks for two who believed at once, for fences that do not grow and for
//! waits that took longer than a lease and a second. The last test is a process that cheats: it shows that
//! the judge finds what there is to be found.
//!
//! `cargo xtask chaos --seconds N` runs the long form.

#![cfg(all(feature = "tokio", feature = "blocking"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "chaos/crowd.rs"]
mod crowd;
#[path = "chaos/dice.rs"]
mod dice;
#[path = "chaos/judge.rs"]
mod judge;
#[path = "chaos/workers.rs"]
mod workers;

use crowd::{Crowd, Disturbance};
use std::time::Duration;

/// How long a grant lasts.
const EXPIRY: Duration = Duration::from_millis(500);
/// No wait may take longer than a lease and this.
const GRACE: Duration = Duration::from_secs(1);
/// Longer than any wait, so that one that never ended would be seen.
const BLOCK_TIME: Duration = Duration::from_secs(30);

#[test]
#[ignore = "runs in a child process"]
fn worker() {
    workers::work();
}

#[test]
fn eight_processes_under_kill_9() {
    let crowd = Crowd::new(8, &["one key"], "honest");
    crowd.run(Duration::from_secs(7), &[Disturbance::KillHolder]).assert_sound(20);
}

#[test]
fn eight_processes_under_every_disturbance() {
    let crowd = Crowd::new(8, &["a", "b", "c"], "honest");
    crowd.run(Duration::from_secs(7), &Disturbance::ALL).assert_sound(20);
}

#[test]
#[ignore = "takes CHAOS_SECONDS, a minute unless set: cargo xtask chaos"]
fn eight_processes_for_long() {
    let seconds = std::env::var("CHAOS_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    let half = Duration::from_secs(seconds.unwrap_or(60)).max(Duration::from_secs(4)) / 2;
    Crowd::new(8, &["one key"], "honest").run(half, &[Disturbance::KillHolder]).assert_sound(20);
    Crowd::new(8, &["a", "b", "c"], "honest").run(half, &Disturbance::ALL).assert_sound(20);
}

/// The control: believes in its lock beyond the end of the lease.
#[test]
fn a_process_that_ignores_its_deadline_is_found_out() {
    let crowd = Crowd::new(3, &["key"], "deaf");
    let verdict = crowd.run(Duration::from_millis(2500), &[]);
    assert!(!verdict.report.overlaps.is_empty(), "{verdict}");
}

/// The control: holds for longer than anybody may have to wait.
#[test]
fn a_process_that_never_lets_go_is_found_out() {
    let crowd = Crowd::new(3, &["key"], "greedy");
    let verdict = crowd.run(Duration::from_millis(2500), &[]);
    assert!(verdict.report.is_sound(), "slow, but one at a time: {verdict}");
    assert!(verdict.longest_wait > EXPIRY + GRACE, "{verdict}");
}
