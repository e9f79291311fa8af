//! What the background has to do, and when.

use super::super::network::Call;
use super::super::process::{MAIN, Sink};
use super::super::world::World;
use super::{SILENCE, UNREAD};
use crate::drive::claim::Due;
use crate::drive::lease::Lease;
use crate::rules::Moment;
use crate::rules::protocol::Names;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

/// A lease to be kept alive.
#[derive(Clone)]
pub(in super::super) struct Renewed {
    pub(in super::super) lease: Arc<Lease>,
    pub(in super::super) names: Arc<Names>,
    pub(in super::super) token: Arc<str>,
}

#[derive(Clone)]
pub(super) enum Job {
    Renew(Renewed),
    /// And how often it was tried.
    GiveBack(Due, u32),
    Drain,
}

impl Job {
    pub(super) fn patience(&self) -> Duration {
        match self {
            Self::Renew(renewed) => (renewed.lease.expiry() / 6)
                .clamp(Duration::from_millis(50), Duration::from_secs(3)),
            Self::GiveBack(..) | Self::Drain => SILENCE,
        }
    }
}

#[derive(Default)]
pub(in super::super) struct Background {
    pub(super) jobs: BTreeMap<(Moment, u64), Job>,
    /// When each lease to be renewed is due.
    pub(super) due: BTreeMap<u64, Moment>,
    pub(super) draining: bool,
    /// For which moment the alarm is set.
    pub(super) rings_at: Option<Moment>,
    pub(super) waker: Option<Waker>,
    /// Something was not given back before the server had forgotten it by itself.
    pub(in super::super) gave_up: bool,
}

impl Background {
    pub(super) fn insert(&mut self, when: Moment, number: u64, job: Job) {
        self.jobs.insert((when, number), job);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    pub(in super::super) fn is_idle(&self) -> bool {
        self.jobs.is_empty()
    }

    pub(super) fn take_due(&mut self, now: Moment) -> Vec<(u64, Job)> {
        let mut jobs = Vec::new();
        while let Some(entry) = self.jobs.first_entry() {
            let soon = match entry.get() {
                Job::Renew(renewed) if !jobs.is_empty() => renewed.lease.expiry() / 10,
                _ => Duration::ZERO,
            };
            let &(due, number) = entry.key();
            if due > now + soon {
                break;
            }
            jobs.push((number, entry.remove()));
        }
        jobs
    }
}

impl World {
    pub(super) fn background(&mut self, process: usize) -> &mut Background {
        &mut self.processes[process].background
    }

    /// Keeps a lease alive from `due` on; the number is for [`World::forget`].
    pub(in super::super) fn renew(&mut self, process: usize, renewed: Renewed, due: Moment) -> u64 {
        let number = self.unique();
        self.background(process).due.insert(number, due);
        self.background(process).insert(due, number, Job::Renew(renewed));
        number
    }

    pub(in super::super) fn forget(&mut self, process: usize, number: u64) {
        let background = self.background(process);
        if let Some(due) = background.due.remove(&number) {
            background.jobs.remove(&(due, number));
        }
    }

    /// Gives back at once, without waiting for the answer.
    pub(in super::super) fn give_back(&mut self, process: usize, due: Due) {
        self.note(|_| format!("p{process} gives back {}", due.token));
        if self.processes[process].nodes[MAIN].link.is_some() {
            self.put(process, MAIN, Call::Lock(due.request()), Sink::GivenBack(due));
        } else {
            self.give_back_later(process, due);
        }
        self.drain_in(process, UNREAD);
    }

    pub(in super::super) fn give_back_later(&mut self, process: usize, due: Due) {
        let (now, number) = (self.clock(process), self.unique());
        self.background(process).insert(now, number, Job::GiveBack(due, 0));
    }

    pub(super) fn drain_in(&mut self, process: usize, pause: Duration) {
        let (now, number) = (self.clock(process), self.unique());
        let background = self.background(process);
        if !std::mem::replace(&mut background.draining, true) {
            background.insert(now + pause, number, Job::Drain);
        }
    }

    /// The connection broke: everything is due at once.
    pub(in super::super) fn hurry(&mut self, process: usize) {
        let now = self.clock(process);
        let background = self.background(process);
        for ((due, number), job) in std::mem::take(&mut background.jobs) {
            let due = due.min(now);
            if let Some(known) = background.due.get_mut(&number) {
                *known = due;
            }
            background.insert(due, number, job);
        }
    }
}
