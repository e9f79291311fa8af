//! Judging a history: did two ever believe at once that they hold one lock?
//!
//! Knows events only. A belief lasts from `acquired` to whatever comes first: its last deadline,
//! the release's invocation, the news that it is lost, the process's death. The end itself is no
//! longer part of it, so a lock may pass on in one instant.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};
use std::time::Duration;

use super::event::{Event, Kind};
use super::report::{Belief, Overlap, Report, StaleFence};

/// Judges a history. The order of the events does not matter.
#[must_use]
pub fn check(events: &[Event]) -> Report {
    let mut events: Vec<&Event> = events.iter().collect();
    // Stable: events of one process at one instant stay in the order of their lines.
    events.sort_by_key(|event| event.t_ns);
    let mut reading = Reading::default();
    for event in events {
        reading.take(event);
    }
    reading.report()
}

type Attempt<'a> = (u32, &'a str, &'a str);

/// What is known after some of the events.
#[derive(Default)]
struct Reading<'a> {
    waiting: HashMap<Attempt<'a>, u64>,
    /// Every attempt that was successful so far.
    successful: HashSet<Attempt<'a>>,
    /// Beliefs that may still change.
    open: HashMap<Attempt<'a>, Belief>,
    closed: Vec<Belief>,
    acquired: BTreeMap<u32, usize>,
    longest_wait_ns: u64,
    nonsense: Vec<String>,
}

impl<'a> Reading<'a> {
    fn take(&mut self, event: &'a Event) {
        let attempt = (event.pid, event.key.as_str(), event.owner.as_str());
        match event.kind {
            Kind::Wait => self.waits(attempt, event),
            Kind::Acquired => self.acquired(attempt, event),
            Kind::Failed => {
                self.waiting.remove(&attempt);
            }
            Kind::Killed => self.killed(event),
            Kind::Renewed | Kind::Lost | Kind::Released => {
                // One thread may release while another learns of the loss: only the first of the
                // two finds a belief to end.
                if !self.successful.contains(&attempt) {
                    self.nonsense.push(event.to_string());
                } else if event.kind == Kind::Renewed {
                    self.renewed(attempt, event);
                } else if let Some(belief) = self.open.remove(&attempt) {
                    self.close(belief, event.t_ns);
                }
            }
        }
    }

    fn waits(&mut self, attempt: Attempt<'a>, event: &Event) {
        // Whoever waits takes part, also in vain.
        self.acquired.entry(event.pid).or_default();
        if self.waiting.insert(attempt, event.t_ns).is_some() {
            self.nonsense.push(event.to_string());
        }
    }

    fn acquired(&mut self, attempt: Attempt<'a>, event: &Event) {
        if let Some(since) = self.waiting.remove(&attempt) {
            self.longest_wait_ns = self.longest_wait_ns.max(event.t_ns - since);
        }
        *self.acquired.entry(event.pid).or_default() += 1;
        self.successful.insert(attempt);
        let belief = Belief {
            key: event.key.clone(),
            pid: event.pid,
            owner: event.owner.clone(),
            fence: event.fence,
            from_ns: event.t_ns,
            until_ns: event.deadline_ns.unwrap_or(u64::MAX),
        };
        if let Some(earlier) = self.open.insert(attempt, belief) {
            self.closed.push(earlier);
            self.nonsense.push(event.to_string());
        }
    }

    fn renewed(&mut self, attempt: Attempt<'a>, event: &Event) {
        let Some(belief) = self.open.get_mut(&attempt) else {
            return;
        };
        if belief.until_ns <= event.t_ns {
            // Between its deadline and now nothing was believed. The second stretch is no second
            // grant, so it has no fence to compare.
            let anew = Belief { from_ns: event.t_ns, fence: None, ..belief.clone() };
            self.closed.push(std::mem::replace(belief, anew));
        }
        belief.until_ns = event.deadline_ns.unwrap_or(u64::MAX);
    }

    fn close(&mut self, mut belief: Belief, at_ns: u64) {
        belief.until_ns = belief.until_ns.min(at_ns);
        self.closed.push(belief);
    }

    fn killed(&mut self, event: &Event) {
        self.waiting.retain(|(pid, ..), _| *pid != event.pid);
        let dead: Vec<Attempt<'a>> =
            self.open.keys().filter(|(pid, ..)| *pid == event.pid).copied().collect();
        for attempt in dead {
            if let Some(belief) = self.open.remove(&attempt) {
                self.close(belief, event.t_ns);
            }
        }
    }

    fn report(mut self) -> Report {
        self.closed.extend(self.open.into_values());
        let mut by_key: BTreeMap<String, Vec<Belief>> = BTreeMap::new();
        for belief in self.closed {
            by_key.entry(belief.key.clone()).or_default().push(belief);
        }
        let mut report = Report {
            nonsense: self.nonsense,
            acquisitions: self.acquired.values().sum(),
            longest_wait: Duration::from_nanos(self.longest_wait_ns),
            unanswered: self.waiting.len(),
            jain: jain(self.acquired.values().copied()),
            ..Report::default()
        };
        for mut beliefs in by_key.into_values() {
            beliefs.sort_by_key(|belief| belief.from_ns);
            find_overlaps(&beliefs, &mut report.overlaps);
            find_stale_fences(&beliefs, &mut report.stale_fences);
        }
        report
    }
}

/// Of beliefs in order of their beginning.
fn find_overlaps(beliefs: &[Belief], found: &mut Vec<Overlap>) {
    let mut longest: Option<&Belief> = None;
    for second in beliefs.iter().filter(|belief| !belief.is_empty()) {
        if let Some(first) = longest.filter(|first| first.until_ns > second.from_ns) {
            found.push(Overlap { first: first.clone(), second: second.clone() });
        }
        if longest.is_none_or(|longest| second.until_ns >= longest.until_ns) {
            longest = Some(second);
        }
    }
}

/// Of beliefs in order of their beginning. Only a belief that ended before another began was
/// surely granted before it. An empty one says when it ended, but not when it was granted, so it
/// is compared with what comes after it and not with what came before.
fn find_stale_fences(beliefs: &[Belief], found: &mut Vec<StaleFence>) {
    let mut running = BinaryHeap::new();
    let mut greatest: Option<u64> = None;
    for later in beliefs {
        let Some(fence) = later.fence else { continue };
        while let Some(Reverse((until_ns, ended))) = running.peek().copied() {
            if until_ns > later.from_ns {
                break;
            }
            running.pop();
            greatest = greatest.max(Some(ended));
        }
        if let Some(before) = greatest.filter(|before| fence <= *before && !later.is_empty()) {
            found.push(StaleFence { before, later: later.clone() });
        }
        running.push(Reverse((later.until_ns.max(later.from_ns), fence)));
    }
}

/// (Σx)² / (n·Σx²); 1 where nobody took part.
#[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn jain(counts: impl Iterator<Item = usize>) -> f64 {
    let counts: Vec<f64> = counts.map(|count| count as f64).collect();
    let sum: f64 = counts.iter().sum();
    let squares: f64 = counts.iter().map(|count| count * count).sum();
    if squares == 0.0 { 1.0 } else { sum * sum / (counts.len() as f64 * squares) }
}
