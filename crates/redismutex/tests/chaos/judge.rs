//! The verdict on a history: who held when is the kit's to say, how long anybody waited is said here.
//!
//! Knows events and when processes were stopped. Must not know how the events came about.

use crate::{EXPIRY, GRACE};
use redismutex_testkit::history::{Event, Kind, Report, check};
use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

/// A process stood still.
pub(crate) struct Stop {
    pub(crate) pid: u32,
    pub(crate) from_ns: u64,
    pub(crate) until_ns: u64,
}

pub(crate) struct Verdict {
    pub(crate) report: Report,
    /// Without the time in which the process that waited was itself stopped.
    pub(crate) longest_wait: Duration,
    /// How many disturbances there were.
    disturbances: usize,
    /// Attempts that failed, in those that were killed too.
    failures: usize,
    /// What those that lived had to say about it.
    complaints: Vec<String>,
}

impl Verdict {
    pub(crate) fn of(
        events: &[Event],
        stops: &[Stop],
        disturbances: usize,
        complaints: Vec<String>,
    ) -> Self {
        Self {
            report: check(events),
            longest_wait: longest_wait(events, stops),
            disturbances,
            failures: events.iter().filter(|event| event.kind == Kind::Failed).count(),
            complaints,
        }
    }

    /// Panics with everything that is wrong; `busy` acquisitions at least show that there was something to
    /// go wrong.
    pub(crate) fn assert_sound(&self, busy: usize) {
        println!("{self}");
        assert!(self.report.is_sound(), "{self}");
        assert_eq!(self.report.unanswered, 0, "{self}");
        assert_eq!(self.failures, 0, "{self}");
        assert!(self.report.acquisitions >= busy, "{self}");
        assert!(self.disturbances > 0, "{self}");
        assert!(self.longest_wait <= EXPIRY + GRACE, "{self}");
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { report, longest_wait, disturbances, failures, complaints } = self;
        write!(
            f,
            "{report}, {failures} failures, {disturbances} disturbances, \
             longest wait but for own stops {longest_wait:?}"
        )?;
        complaints.iter().try_for_each(|complaint| write!(f, "\n  {complaint}"))
    }
}

fn longest_wait(events: &[Event], stops: &[Stop]) -> Duration {
    let mut events: Vec<&Event> = events.iter().collect();
    events.sort_by_key(|event| event.t_ns);
    let mut since = HashMap::new();
    let mut longest = 0;
    for event in events {
        let attempt = (event.pid, &event.key, &event.owner);
        match event.kind {
            Kind::Wait => drop(since.insert(attempt, event.t_ns)),
            Kind::Acquired => {
                let from = since.remove(&attempt).unwrap_or(event.t_ns);
                let stopped = stops.iter().filter(|stop| stop.pid == event.pid);
                let stopped: u64 = stopped
                    .map(|stop| {
                        stop.until_ns.min(event.t_ns).saturating_sub(stop.from_ns.max(from))
                    })
                    .sum();
                longest = longest.max((event.t_ns - from).saturating_sub(stopped));
            }
            _ => {}
        }
    }
    Duration::from_nanos(longest)
}
