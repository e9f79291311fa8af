//! What the background has to do, and when.

use crate::drive::claim::{Claim, Due};
use crate::drive::lease::{Lease, Wanted};
use crate::redis::turn::Flag;
use crate::rules::Moment;
use crate::rules::protocol::{Names, Request};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// Between two attempts to give something back: at first, at most, and at most where the server says that
/// nothing is left, but something unanswered may still bring it about.
const PAUSES: [Duration; 3] =
    [Duration::from_millis(250), Duration::from_secs(1), Duration::from_secs(30)];
/// How long replies that nobody waits for may stay unread.
pub(crate) const UNREAD: Duration = Duration::from_millis(200);
/// A connection that leaves a release unanswered for as long is given up, and the release made on another.
pub(crate) const SILENCE: Duration = Duration::from_secs(1);

/// How long to wait before something is given back once more, after so many attempts; `done`: the server says that
/// nothing is left.
pub(crate) fn give_back_pause(tries: u32, done: bool) -> Duration {
    let [first, longest, longest_done] = PAUSES;
    (first * 2u32.pow(tries.min(10))).min(if done { longest_done } else { longest })
}

/// A lease to be kept alive.
#[derive(Clone)]
pub(crate) struct Renewed {
    pub(crate) lease: Arc<Lease>,
    pub(crate) names: Arc<Names>,
    pub(crate) token: Arc<str>,
}

impl Renewed {
    pub(crate) fn new(lease: &Arc<Lease>, claim: &Claim) -> Self {
        Self { lease: lease.clone(), names: claim.names().clone(), token: claim.token().clone() }
    }
}

#[derive(Clone)]
pub(crate) enum Job {
    Renew(Renewed),
    /// And how often it was tried.
    GiveBack(Due, u32),
    /// Read what nobody waits for, so that a failure is noticed.
    Drain,
}

impl Job {
    /// How long to wait for an answer before others get their turn.
    pub(crate) fn patience(&self) -> Duration {
        match self {
            Self::Renew(renewed) => (renewed.lease.expiry() / 6)
                .clamp(Duration::from_millis(50), Duration::from_secs(3)),
            Self::GiveBack(..) | Self::Drain => SILENCE,
        }
    }
}

/// A job, and what was asked for its sake.
pub(crate) struct Asked {
    pub(crate) number: u64,
    pub(crate) job: Job,
    pub(crate) request: Request,
    /// Where it is a renewal.
    pub(crate) wanted: Option<Wanted>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) jobs: BTreeMap<(Moment, u64), Job>,
    /// When each lease to be renewed is due.
    pub(crate) due: HashMap<u64, Moment>,
    pub(super) number: u64,
    /// Things to be given back: in `jobs` or at work.
    pub(super) owed: usize,
    pub(crate) draining: bool,
    pub(super) sleeps_until: Option<Moment>,
    pub(super) thread: Option<Arc<Flag>>,
    pub(super) stopped: bool,
}

impl State {
    /// What is due, and what will be so soon that it may as well go along.
    pub(crate) fn take_due(&mut self, now: Moment) -> Vec<(u64, Job)> {
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

    /// Everything is due at once.
    pub(crate) fn hurry(&mut self, now: Moment) {
        for ((due, number), job) in std::mem::take(&mut self.jobs) {
            let due = due.min(now);
            if let Some(known) = self.due.get_mut(&number) {
                *known = due;
            }
            self.jobs.insert((due, number), job);
        }
    }

    /// Takes a lease off that is to be renewed no more.
    pub(crate) fn forget(&mut self, number: u64) -> Option<Job> {
        let due = self.due.remove(&number)?;
        self.jobs.remove(&(due, number))
    }
}
