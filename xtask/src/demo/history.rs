//! What happened, from what the workers wrote down: read, checked, and summed up.
//!
//! Knows the events' meaning. Must not know how anything is drawn, nor how the lock works.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::paint::{Paint, duration, processes};
use crate::run::Result;

/// One acquisition; times are CLOCK_MONOTONIC in nanoseconds, so those of different processes compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hold {
    /// From 0.
    pub(crate) worker: usize,
    /// `acquire` called.
    pub(crate) waiting: u64,
    /// `acquire` returned.
    pub(crate) acquired: u64,
    /// `release` called: from here on the worker no longer touches what the lock protects.
    pub(crate) releasing: u64,
    /// `release` returned.
    pub(crate) released: u64,
    pub(crate) fence: Option<u64>,
}

/// All acquisitions of all workers, in the order in which they began; never empty.
pub(crate) struct History {
    pub(crate) workers: usize,
    pub(crate) holds: Vec<Hold>,
}

impl History {
    /// Reads one file per worker.
    pub(crate) fn read(files: &[PathBuf]) -> Result<Self> {
        let mut holds = Vec::new();
        for (worker, file) in files.iter().enumerate() {
            holds.extend(read_file(worker, file)?);
        }
        if holds.is_empty() {
            return Err("nobody ever got the lock".to_owned());
        }
        Ok(Self::new(files.len(), holds))
    }

    pub(crate) fn new(workers: usize, mut holds: Vec<Hold>) -> Self {
        holds.sort_by_key(|hold| hold.acquired);
        Self { workers, holds }
    }

    /// Everything that a mutex must not let happen.
    pub(crate) fn violations(&self) -> Vec<String> {
        let mut found = self.overlaps();
        found.extend(self.fences_not_growing());
        found
    }

    /// The time from the call of `release` to the return of the `acquire` that comes next, for each `acquire` that
    /// was already waiting when `release` was called: only those are hand-offs.
    pub(crate) fn hand_off(&self, at: usize) -> Option<u64> {
        let before = &self.holds[at.checked_sub(1)?];
        let hold = &self.holds[at];
        (hold.waiting < before.releasing).then(|| hold.acquired.saturating_sub(before.releasing))
    }

    /// Each hold is compared with the latest end of all before it, not only with its neighbour's.
    fn overlaps(&self) -> Vec<String> {
        let mut last = &self.holds[0];
        let mut found = Vec::new();
        for hold in &self.holds[1..] {
            if hold.acquired < last.releasing {
                let by = duration(last.releasing.min(hold.releasing) - hold.acquired);
                let (a, b) = (last.worker + 1, hold.worker + 1);
                found
                    .push(format!("worker {b} held the lock while worker {a} still did, for {by}"));
            }
            if hold.releasing > last.releasing {
                last = hold;
            }
        }
        found
    }

    fn fences_not_growing(&self) -> Vec<String> {
        let fences: Vec<_> = self.holds.iter().filter_map(|hold| hold.fence).collect();
        let wrong = fences.windows(2).filter(|pair| pair[0] >= pair[1]);
        wrong.map(|pair| format!("fence {} was followed by {}", pair[0], pair[1])).collect()
    }

    /// How many each worker had.
    fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.workers];
        for hold in &self.holds {
            counts[hold.worker] += 1;
        }
        counts
    }

    /// The lines at the end.
    pub(crate) fn summary(&self, paint: &Paint) -> String {
        let mut out = String::new();
        let mut line = |mark: Option<bool>, name: &str, text: String| {
            let mark = mark.map_or(" ".to_owned(), |good| paint.mark(good));
            let _ = writeln!(out, "{mark} {} {text}", paint.bold(&format!("{name:<13}")));
        };
        line(None, "acquisitions", self.about_rate());
        let overlaps = self.overlaps();
        line(Some(overlaps.is_empty()), "exclusive", self.about_overlaps(&overlaps));
        let fences = self.fences_not_growing();
        line(Some(fences.is_empty()), "fence", self.about_fences(&fences));
        line(None, "hand-off", self.about_hand_offs());
        line(None, "waiting", self.about_waiting());
        line(None, "fairness", self.about_fairness());
        out
    }

    fn about_rate(&self) -> String {
        let count = self.holds.len();
        let begin = self.holds.iter().map(|hold| hold.waiting).min().unwrap_or(0);
        let end = self.holds.iter().map(|hold| hold.released).max().unwrap_or(0);
        let seconds = (end - begin) as f64 / 1e9;
        let busy: u64 = self.holds.iter().map(|hold| hold.releasing - hold.acquired).sum();
        let share = 100.0 * busy as f64 / (end - begin).max(1) as f64;
        format!(
            "{count} in {seconds:.1} s by {}; {share:.0} % of that time somebody held the lock",
            processes(self.workers)
        )
    }

    fn about_overlaps(&self, overlaps: &[String]) -> String {
        match overlaps.len() {
            0 => format!(
                "no two overlapped: all {} holds compared, by their times",
                self.holds.len()
            ),
            n => format!("{n} of {} holds OVERLAPPED an earlier one", self.holds.len()),
        }
    }

    fn about_fences(&self, wrong: &[String]) -> String {
        let known = self.holds.iter().filter(|hold| hold.fence.is_some()).count();
        match (known, wrong.len()) {
            (0, _) => "this server gives no fencing tokens".to_owned(),
            (_, 0) => format!("grew with every one of {known} grants"),
            (_, n) => format!("did NOT grow {n} times"),
        }
    }

    fn about_hand_offs(&self) -> String {
        let times = sorted((0..self.holds.len()).filter_map(|at| self.hand_off(at)));
        if times.is_empty() {
            return "nobody ever waited for a release".to_owned();
        }
        let (median, high) = (duration(quantile(&times, 0.5)), duration(quantile(&times, 0.99)));
        format!(
            "median {median}, 99 % within {high}: release called → next process has it ({} times)",
            times.len()
        )
    }

    fn about_waiting(&self) -> String {
        let times = sorted(self.holds.iter().map(|hold| hold.acquired - hold.waiting));
        format!(
            "median {}, longest {}",
            duration(quantile(&times, 0.5)),
            duration(quantile(&times, 1.0))
        )
    }

    fn about_fairness(&self) -> String {
        let counts = self.counts();
        let list: Vec<_> = counts.iter().map(usize::to_string).collect();
        format!("Jain index {:.4} (1 is even); each had {}", jain(&counts), list.join(" "))
    }
}

fn read_file(worker: usize, file: &Path) -> Result<Vec<Hold>> {
    let text =
        fs::read_to_string(file).map_err(|e| format!("cannot read {}: {e}", file.display()))?;
    let parse = |line: &str| {
        parse(worker, line).ok_or_else(|| format!("{}: cannot understand `{line}`", file.display()))
    };
    text.lines().map(parse).collect()
}

/// A line as the worker writes it; times that do not grow are no line of a worker's.
fn parse(worker: usize, line: &str) -> Option<Hold> {
    let words: Vec<_> = line.split(' ').collect();
    let [waiting, acquired, releasing, released, fence] = words.as_slice() else {
        return None;
    };
    let [waiting, acquired, releasing, released] = [
        waiting.parse().ok()?,
        acquired.parse().ok()?,
        releasing.parse().ok()?,
        released.parse().ok()?,
    ];
    let fence = if *fence == "-" { None } else { Some(fence.parse().ok()?) };
    let ordered = waiting <= acquired && acquired <= releasing && releasing <= released;
    ordered.then_some(Hold { worker, waiting, acquired, releasing, released, fence })
}

fn sorted(times: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut times: Vec<_> = times.collect();
    times.sort_unstable();
    times
}

/// Of sorted, at least one.
fn quantile(times: &[u64], q: f64) -> u64 {
    times[((times.len() - 1) as f64 * q).round() as usize]
}

/// Jain's index: 1 if all had the same, 1/n if one had everything.
fn jain(counts: &[usize]) -> f64 {
    let sum: f64 = counts.iter().map(|&n| n as f64).sum();
    let squares: f64 = counts.iter().map(|&n| (n as f64).powi(2)).sum();
    sum.powi(2) / (counts.len() as f64 * squares)
}

#[cfg(test)]
mod tests;
