//! Counting what a process and its server have.
//!
//! Knows the system's books and the server's. Must not know what was done in between.

use redismutex_testkit::Admin;
use std::fs;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(crate) struct Census {
    pub(crate) threads: usize,
    descriptors: usize,
    connections: usize,
    server_memory: u64,
    resident_kib: usize,
}

impl Census {
    pub(crate) fn take(admin: &Admin) -> Self {
        Self {
            threads: entries("/proc/self/task"),
            descriptors: entries("/proc/self/fd"),
            connections: admin.client_count(),
            server_memory: admin.used_memory(),
            resident_kib: resident_kib(),
        }
    }

    /// What has to be given back to the last one.
    pub(crate) fn handles(&self) -> (usize, usize, usize) {
        (self.threads, self.descriptors, self.connections)
    }

    /// Of what may vary a little, no more than a little more.
    pub(crate) fn assert_no_more_than(&self, before: &Self) {
        // A connection that broke is replaced before the last of the old one is gone.
        assert!(self.threads <= before.threads + 1, "threads: {before:?} then {self:?}");
        assert!(self.descriptors <= before.descriptors + 2, "files: {before:?} then {self:?}");
        assert!(self.connections <= before.connections + 1, "clients: {before:?} then {self:?}");
        let grown = self.server_memory.saturating_sub(before.server_memory);
        assert!(grown < 256 * 1024, "server memory: {before:?} then {self:?}");
        let grown = self.resident_kib.saturating_sub(before.resident_kib);
        assert!(grown < 4 * 1024, "memory: {before:?} then {self:?}");
    }
}

fn entries(folder: &str) -> usize {
    fs::read_dir(folder).map_or(0, Iterator::count)
}

fn resident_kib() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Waits, for long enough on a busy machine, until it is so.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(15);
    while !is_so() {
        assert!(Instant::now() < until, "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
