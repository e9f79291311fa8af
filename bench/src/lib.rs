//! What the benchmarks share: rounds that alternate, medians, processors.
//!
//! Everything is measured beside a floor in the same run, round by round in turn, because the speed of a
//! machine drifts: only ratios travel.

pub mod floor;
pub mod rounds;
pub mod worker;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

/// Puts a process (0: this thread) on one processor. Where the system does not let us, the figures are of
/// whatever it chose.
pub fn pin(pid: u32, processor: usize) {
    let mut set = CpuSet::new();
    if set.set(processor).is_ok() {
        let _ = sched_setaffinity(Pid::from_raw(pid.cast_signed()), &set);
    }
}

/// Lets a process (0: this thread) run wherever the system likes.
pub fn pin_anywhere(pid: u32) {
    let mut set = CpuSet::new();
    for processor in 0..CpuSet::count() {
        let _ = set.set(processor);
    }
    let _ = sched_setaffinity(Pid::from_raw(pid.cast_signed()), &set);
}
