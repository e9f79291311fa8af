//! How long anybody waits.
//!
//! P5: every wait ends. P10: a free lock is not left alone while somebody waits for it. The bounds are derived
//! in `docs/reliability.md`.

use super::super::plan::Weather;
use super::super::time::{MILLISECOND, Nanos, SECOND};
use super::super::world::World;
use super::beliefs::shown;
use crate::drive::claim::PAST_LEASE;
use crate::rules::protocol::Names;
use crate::rules::settings::Settings;
use std::sync::Arc;
use std::time::Duration;

pub(super) struct Wait {
    pub(super) process: usize,
    key: usize,
    token: Arc<str>,
    begun: Nanos,
    block_time: Duration,
    expiry: Duration,
    /// For how long its process had stood still by then.
    paused: Nanos,
    /// Its place in the queue, as it was last told.
    rank: Option<u64>,
}

/// Answers that never come after the block time: an ask, two subscriptions, an ask, 1 s for each.
const UNANSWERED: Nanos = 4 * SECOND;
/// With as many turns, each of which may be late by a second.
const TURNS: Nanos = 8 * SECOND;
/// No waiter sleeps for longer.
const LONGEST_SLEEP: Nanos = 60 * SECOND;
/// One who has just come looks within this.
const LOOK: Nanos = 500 * MILLISECOND;

/// How much later than the first one looks who has so many before it.
fn stagger(rank: u64) -> Nanos {
    rank.min(4) * SECOND / 5 + rank.saturating_sub(4) * SECOND / 2
}

impl World {
    pub(in super::super) fn begins_to_wait(
        &mut self,
        process: usize,
        key: usize,
        token: &Arc<str>,
        settings: &Settings,
    ) -> u64 {
        let number = self.unique();
        self.note(|_| format!("p{process} wants key{key} as {token}: {settings:?}"));
        let wait = Wait {
            process,
            key,
            token: token.clone(),
            begun: self.now,
            block_time: settings.block_time,
            expiry: settings.expiry,
            paused: self.processes[process].paused,
            rank: None,
        };
        self.judge.waits.insert(number, wait);
        number
    }

    pub(in super::super) fn ends_to_wait(&mut self, number: u64, by_itself: bool) {
        self.free_for_whom(None);
        let Some(wait) = self.judge.waits.remove(&number) else { return };
        let after = (wait.expiry + PAST_LEASE).as_nanos() as Nanos;
        self.judge.looked_after.insert(wait.token.clone(), (wait.process, self.now + after));
        if !by_itself {
            return;
        }
        let paused = self.processes[wait.process].paused - wait.paused;
        let allowed = wait.block_time.as_nanos() as Nanos + paused;
        let over = (self.now - wait.begun).saturating_sub(allowed);
        self.tally.longest_over = self.tally.longest_over.max(over);
        // Its clock may be slow.
        let slow = wait.block_time.as_nanos() as Nanos / 100;
        let turns = if self.plan.sluggish > 0.0 { TURNS } else { SECOND };
        if over > UNANSWERED + turns + slow {
            let text = format!("{} waited for {} after its block time", wait.token, shown(over));
            self.accuse("P5 (every wait ends)", &text);
        }
    }

    /// How long a lock may be free while somebody waits who could take it.
    fn longest_free(&self) -> Nanos {
        let one_way = self.one_way();
        if self.plan.weather == Weather::Calm {
            // A busy answer on its way back, a subscription, the first request with a place in the queue.
            return 8 * one_way + SECOND / 100;
        }
        let stagger = stagger(self.judge.longest_queue as u64);
        let lease = self.plan.longest_expiry.as_nanos() as Nanos;
        (lease + stagger).min(LONGEST_SLEEP) * 101 / 100 + 2 * one_way + 3 * SECOND
    }

    /// Somebody was told of its place.
    pub(super) fn placed(&mut self, token: &str, rank: i64) {
        let wait = self.judge.waits.values_mut().find(|wait| *wait.token == *token);
        if let Some(wait) = wait {
            wait.rank = rank.try_into().ok();
        }
    }

    /// Where nothing is worse than death, the first of the living looks when a dead holder's lease is over: it
    /// has just come and looks soon, or was told of the lease.
    pub(super) fn watched_over(&mut self, key: usize, first: Option<&str>) {
        let of_first = |wait: &&Wait| first == Some(&*wait.token);
        let Some(wait) = self.judge.waits.values().find(of_first) else { return };
        let (Some(rank), Weather::Deadly) = (wait.rank, self.plan.weather) else { return };
        let free_since = self.judge.records[key].free_since;
        let idle = self.now.saturating_sub(free_since.max(wait.begun));
        let lease = self.plan.longest_expiry.as_nanos() as Nanos;
        let bound = LOOK + stagger(rank) + lease / 100 + 8 * self.one_way();
        if idle > bound {
            let text = format!(
                "key{key} was free for {} while {} was the first to wait; {} are allowed",
                shown(idle),
                wait.token,
                shown(bound)
            );
            self.accuse("P10 (no lost wake-up)", &text);
        }
    }

    /// No message takes longer on its way, but for stalls.
    fn one_way(&self) -> Nanos {
        self.plan.latency.as_nanos() as Nanos * 61
    }

    /// The lock record has ended by itself since the judge last looked.
    pub(super) fn free_if_over(&mut self, key: usize, is_free: bool) {
        let record = &mut self.judge.records[key];
        if is_free && let Some(until_ms) = record.until_ms.take() {
            record.free_since = self.server.when_ms(until_ms + 1).min(self.now);
        }
    }

    /// The lock record is a new one, or gone.
    pub(super) fn record(&mut self, key: usize, names: &Names) {
        let record = self.server.machine.peek(names.lock.as_bytes());
        if record.is_some() && self.judge.records[key].until_ms.is_none() {
            self.free_for_whom(Some(key));
        }
        let until_ms = record.and_then(|(_, until)| until);
        if until_ms.is_none() && self.judge.records[key].until_ms.is_some() {
            self.judge.records[key].free_since = self.now;
        }
        self.judge.records[key].until_ms = until_ms;
    }

    /// Whether anybody has waited for too long for a lock that nobody held.
    pub(super) fn free_for_whom(&mut self, only: Option<usize>) {
        if !self.judge.remembers {
            return;
        }
        let bound = self.longest_free();
        self.server.look(self.now);
        for key in 0..self.judge.keys.len() {
            if only.is_some_and(|only| only != key) {
                continue;
            }
            if only.is_none() {
                let is_free = self.holder(&self.judge.keys[key]).is_none();
                self.free_if_over(key, is_free);
            }
            if self.judge.records[key].until_ms.is_some() {
                continue;
            }
            let free_since = self.judge.records[key].free_since;
            let longest = self.judge.waits.values().filter(|wait| wait.key == key).map(|wait| {
                let process = &self.processes[wait.process];
                let able = process.able_since.max(self.server.able_since);
                let since = free_since.max(wait.begun).max(able);
                (self.now.saturating_sub(since), wait.token.clone())
            });
            let Some((longest, token)) = longest.max() else { continue };
            self.tally.longest_free = self.tally.longest_free.max(longest);
            if longest > bound {
                let text = format!(
                    "key{key} was free for {} while {token} waited; {} are allowed",
                    shown(longest),
                    shown(bound)
                );
                self.accuse("P10 (no lost wake-up)", &text);
            }
        }
    }
}
