//! What a judged history says, and how it says it to people.
//!
//! Knows beliefs, not where they come from.

use std::fmt;
use std::time::Duration;

/// A stretch of time in which one attempt believed that it held a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Belief {
    /// Which lock.
    pub key: String,
    /// In which process.
    pub pid: u32,
    /// Which attempt.
    pub owner: String,
    /// The grant's fencing token.
    pub fence: Option<u64>,
    /// From when, in nanoseconds of the monotonic clock.
    pub from_ns: u64,
    /// Until when. Not after `from_ns` if the lease was over when the process learned of it: then
    /// nothing was ever believed.
    pub until_ns: u64,
}

impl Belief {
    pub(super) fn is_empty(&self) -> bool {
        self.until_ns <= self.from_ns
    }
}

impl fmt::Display for Belief {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pid, owner, from_ns, until_ns, .. } = self;
        write!(f, "process {pid} attempt {owner} from {from_ns} until {until_ns} ns")?;
        match self.fence {
            Some(fence) => write!(f, ", fence {fence}"),
            None => Ok(()),
        }
    }
}

/// Two that held one lock at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// The one that was there.
    pub first: Belief,
    /// The one that came while it still believed.
    pub second: Belief,
}

impl Overlap {
    /// For how long both believed.
    #[must_use]
    pub fn length(&self) -> Duration {
        let until = self.first.until_ns.min(self.second.until_ns);
        Duration::from_nanos(until.saturating_sub(self.second.from_ns))
    }
}

impl fmt::Display for Overlap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.first.key;
        writeln!(f, "two held {key:?} for {:?}:", self.length())?;
        write!(f, "  {}\n  {}", self.first, self.second)
    }
}

/// A later grant whose fencing token is not greater than that of an earlier one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaleFence {
    /// The greatest fence of a belief that had ended before.
    pub before: u64,
    /// The later belief.
    pub later: Belief,
}

impl fmt::Display for StaleFence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.later.key;
        write!(f, "the fence of {key:?} was {} already before\n  {}", self.before, self.later)
    }
}

/// What a history shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Every time that two held one lock. Of several that were there when another came, the one
    /// whose belief lasts longest is named.
    pub overlaps: Vec<Overlap>,
    /// Every grant whose fence is not greater than all before.
    pub stale_fences: Vec<StaleFence>,
    /// Events that make no sense, such as a release of what was never acquired. They are mistakes
    /// of the test, not of the lock.
    pub nonsense: Vec<String>,
    /// How often a lock was acquired.
    pub acquisitions: usize,
    /// The longest time from `wait` to `acquired`.
    pub longest_wait: Duration,
    /// How many attempts neither acquired nor failed, although their process lived on.
    pub unanswered: usize,
    /// Jain's index of fairness over the processes' acquisitions: 1 if all had the same number,
    /// 1/n if one of n had all. Those that waited in vain count.
    pub jain: f64,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.overlaps.is_empty() && self.stale_fences.is_empty() && self.nonsense.is_empty()
    }

    /// Panics with everything that is wrong.
    pub fn assert_sound(&self) {
        assert!(self.is_sound(), "{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for overlap in &self.overlaps {
            writeln!(f, "{overlap}")?;
        }
        for stale in &self.stale_fences {
            writeln!(f, "{stale}")?;
        }
        for line in &self.nonsense {
            writeln!(f, "makes no sense: {line}")?;
        }
        let Self { acquisitions, longest_wait, unanswered, jain, .. } = self;
        write!(
            f,
            "{acquisitions} acquisitions, longest wait {longest_wait:?}, {unanswered} unanswered, \
             Jain index {jain:.3}"
        )
    }
}
