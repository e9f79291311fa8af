//! What the background has to do, and when.

use crate::drive::claim::{Claim, Due};
use crate::drive::lease::{Lease, Wanted};
use crate::redis::turn::Flag;
use crate::rules::Moment;
use crate::rules::protocol::{Names, Request};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// A lease to be kept alive.
#[derive(Clone)]
pub(crate) struct Renewed {
    pub(super) lease: Arc<Lease>,
    pub(super) names: Arc<Names>,
    pub(super) token: Arc<str>,
}

impl Renewed {
    pub(crate) fn new(lease: &Arc<Lease>, claim: &Claim) -> Self {
        Self { lease: lease.clone(), names: claim.names().clone(), token: claim.token().clone() }
    }
}

#[derive(Clone)]
pub(super) enum Job {
    Renew(Renewed),
    /// And how often it was tried.
    GiveBack(Due, u32),
    /// Read what nobody waits for, so that a failure is noticed.
    Drain,
}

impl Job {
    /// How long to wait for an answer before others get their turn.
    pub(super) fn patience(&self) -> Duration {
        match self {
            Self::Renew(renewed) => (renewed.lease.expiry() / 6)
                .clamp(Duration::from_millis(50), Duration::from_secs(3)),
            Self::GiveBack(..) | Self::Drain => Duration::from_secs(1),
        }
    }
}

/// A job, and what was asked for its sake.
pub(super) struct Asked {
    pub(super) number: u64,
    pub(super) job: Job,
    pub(super) request: Request,
    /// Where it is a renewal.
    pub(super) wanted: Option<Wanted>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) jobs: BTreeMap<(Moment, u64), Job>,
    /// When each lease to be renewed is due.
    pub(super) due: HashMap<u64, Moment>,
    pub(super) number: u64,
    /// Things to be given back: in `jobs` or at work.
    pub(super) owed: usize,
    pub(super) draining: bool,
    pub(super) sleeps_until: Option<Moment>,
    pub(super) thread: Option<Arc<Flag>>,
    pub(super) stopped: bool,
}

impl State {
    /// What is due, and what will be so soon that it may as well go along.
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
