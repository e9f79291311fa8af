//! The judge: what was promised, looked at from true time, with the server's memory open.
//!
//! Knows every clock and what everybody believes. Must not know how anything is done: it shares no code
//! with what it judges but the reading of entries and messages.

mod beliefs;
mod grants;
mod leftovers;
mod waits;

use super::plan::{Plan, Weather};
use super::time::Nanos;
use crate::rules::protocol::Names;
use beliefs::Belief;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use waits::Wait;

/// What the judge remembers of one key.
#[derive(Default)]
struct Record {
    /// The fence that was given out last.
    fence: u64,
    /// Until which millisecond by the server's clock the lock record lives; `None`: there is none.
    until_ms: Option<u64>,
    /// Since when there is none.
    free_since: Nanos,
}

pub(super) struct Judge {
    pub(super) keys: Vec<Arc<Names>>,
    records: Vec<Record>,
    beliefs: BTreeMap<u64, Belief>,
    waits: BTreeMap<u64, Wait>,
    /// By which process each acquisition that has ended is looked after, and until when.
    looked_after: BTreeMap<Arc<str>, (usize, Nanos)>,
    /// Those of which a request came even later.
    late: BTreeSet<Arc<str>>,
    /// Tokens whose own release has given the lock back.
    given_back: BTreeSet<Vec<u8>>,
    /// The most that have waited for one key, the dead included.
    longest_queue: usize,
    /// Whether the server keeps what it is told: else only fences and ends are promised.
    remembers: bool,
    /// How many in each process want locks and have not gone home.
    at_work: BTreeMap<usize, usize>,
    verdict: Option<String>,
}

impl Judge {
    pub(super) fn new(plan: &Plan) -> Self {
        let named = |key| Arc::new(Names::of(format!("key{key}").as_bytes()).expect("a good name"));
        Self {
            keys: (0..plan.keys).map(named).collect(),
            records: (0..plan.keys).map(|_| Record::default()).collect(),
            beliefs: BTreeMap::new(),
            waits: BTreeMap::new(),
            looked_after: BTreeMap::new(),
            late: BTreeSet::new(),
            given_back: BTreeSet::new(),
            longest_queue: 0,
            remembers: plan.weather != Weather::Forgetful,
            at_work: BTreeMap::new(),
            verdict: None,
        }
    }

    /// The first broken promise.
    pub(super) fn verdict(&self) -> Option<&str> {
        self.verdict.as_deref()
    }

    pub(super) fn accuse(&mut self, now: Nanos, promise: &'static str, text: &str) {
        let verdict = || format!("{promise} broken at {} ms: {text}", now / 1_000_000);
        self.verdict.get_or_insert_with(verdict);
    }

    pub(super) fn comes_to_work(&mut self, process: usize) {
        *self.at_work.entry(process).or_default() += 1;
    }

    pub(super) fn goes_home(&mut self, process: usize) {
        if let Some(count) = self.at_work.get_mut(&process) {
            *count -= 1;
        }
    }
}
