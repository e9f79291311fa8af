//! What the view remembers from one look to the next, and what the keys do to it.
//!
//! Knows no terminal and no server: samples, moments and keys come in as arguments.

use super::samples::Sample;
use crate::tools::locks::Row;
use crate::tools::words::key_text;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::widgets::TableState;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// Hand-offs are counted over this time.
const WINDOW: Duration = Duration::from_secs(10);

/// By what the locks are sorted, in the order in which `s` goes through them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Key,
    Waiters,
    Lease,
    HandOffs,
}

impl Sort {
    fn next(self) -> Self {
        match self {
            Self::Key => Self::Waiters,
            Self::Waiters => Self::Lease,
            Self::Lease => Self::HandOffs,
            Self::HandOffs => Self::Key,
        }
    }
}

/// One lock as it is shown.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) key: String,
    pub(super) holder: String,
    pub(super) row: Row,
    /// What is left of the lease, of 1; `None` where it never ends.
    pub(super) lease: Option<f64>,
    /// Per second, as far as they were seen.
    pub(super) hand_offs: f64,
    /// There may be more of them: between two looks one at most is seen.
    pub(super) is_floor: bool,
}

/// What is known of a key from earlier looks.
struct Past {
    fence: Option<u64>,
    /// The longest lease seen under this fence: what a full one must at least be.
    longest: Duration,
    /// When the fence was seen to change.
    changes: VecDeque<Instant>,
    /// When it was looked, from the second look on.
    looks: VecDeque<Instant>,
    first: Instant,
}

/// The view.
pub(crate) struct State {
    pub(super) address: String,
    pub(super) shown: Vec<Shown>,
    pub(super) table: TableState,
    pub(super) sort: Sort,
    pub(super) filter: String,
    pub(super) typing: bool,
    pub(super) paused: bool,
    pub(super) help: bool,
    pub(super) trouble: Option<String>,
    /// Whether the person has had enough.
    pub(crate) left: bool,
    all: Vec<Shown>,
    past: HashMap<Vec<u8>, Past>,
}

impl State {
    pub(crate) fn new(address: String) -> Self {
        Self {
            address,
            shown: Vec::new(),
            table: TableState::default(),
            sort: Sort::Key,
            filter: String::new(),
            typing: false,
            paused: false,
            help: false,
            trouble: None,
            left: false,
            all: Vec::new(),
            past: HashMap::new(),
        }
    }

    /// Takes in one look.
    pub(crate) fn take(&mut self, sample: Sample, now: Instant) {
        if self.paused {
            return;
        }
        match sample {
            Ok(rows) => {
                self.trouble = None;
                self.all = rows.into_iter().map(|row| self.remember(row, now)).collect();
                // What was not seen for so long has no rate any more.
                self.past.retain(|_, past| {
                    past.changes.back().unwrap_or(&past.first).elapsed_at(now) < WINDOW * 6
                });
            }
            // The last look stays on the screen, with the reason why it is old.
            Err(why) => self.trouble = Some(why),
        }
        self.arrange();
    }

    fn remember(&mut self, row: Row, now: Instant) -> Shown {
        let fence = row.fence;
        let past = self.past.entry(row.key.clone()).or_insert_with(|| Past {
            fence,
            longest: Duration::ZERO,
            changes: VecDeque::new(),
            looks: VecDeque::new(),
            first: now,
        });
        if past.first < now {
            past.looks.push_back(now);
        }
        if past.fence != fence {
            past.fence = fence;
            past.longest = Duration::ZERO;
            past.changes.push_back(now);
        }
        for seen in [&mut past.changes, &mut past.looks] {
            while seen.front().is_some_and(|when| when.elapsed_at(now) > WINDOW) {
                seen.pop_front();
            }
        }
        let seen_for = past.first.elapsed_at(now).min(WINDOW).max(Duration::from_secs(1));
        let lease = row.remaining.map(|left| {
            past.longest = past.longest.max(left);
            left.as_secs_f64() / past.longest.as_secs_f64().max(0.001)
        });
        Shown {
            key: key_text(&row.key),
            holder: row.holder(),
            lease,
            hand_offs: past.changes.len() as f64 / seen_for.as_secs_f64(),
            // A lock that has changed hands at most looks has surely done so more than once between some.
            is_floor: past.changes.len() * 2 > past.looks.len(),
            row,
        }
    }

    /// Sorts and filters anew.
    fn arrange(&mut self) {
        let selected = self.selected().map(|shown| shown.row.key.clone());
        let wanted = self.filter.to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&wanted);
        self.shown =
            self.all.iter().filter(|it| has(&it.key) || has(&it.holder)).cloned().collect();
        // Stable: what is equal stays in the order of its keys.
        self.shown.sort_by(|a, b| match self.sort {
            Sort::Key => a.row.key.cmp(&b.row.key),
            Sort::Waiters => b.row.waiting.cmp(&a.row.waiting),
            // A lease that never ends comes last.
            Sort::Lease => {
                let left = |it: &Shown| it.row.remaining.unwrap_or(Duration::MAX);
                left(a).cmp(&left(b))
            }
            Sort::HandOffs => b.hand_offs.total_cmp(&a.hand_offs),
        });
        // The bar stays on its lock, wherever that has gone.
        let place = selected.and_then(|key| self.shown.iter().position(|it| it.row.key == key));
        let last = self.shown.len().checked_sub(1);
        let place = place.or(self.table.selected()).unwrap_or_default();
        self.table.select(last.map(|last| place.min(last)));
    }

    fn selected(&self) -> Option<&Shown> {
        self.shown.get(self.table.selected()?)
    }

    /// Does what the key says.
    pub(crate) fn key(&mut self, key: KeyEvent) {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            self.left |= key.code == KeyCode::Char('c');
            return;
        }
        if self.typing {
            self.type_filter(key.code);
            return;
        }
        if std::mem::take(&mut self.help) {
            self.left |= key.code == KeyCode::Char('q');
            return;
        }
        match key.code {
            KeyCode::Char('q') | KeyCode::F(10) => self.left = true,
            KeyCode::Esc => self.filter.clear(),
            KeyCode::Down | KeyCode::Char('j') => self.table.select_next(),
            KeyCode::Up | KeyCode::Char('k') => self.table.select_previous(),
            KeyCode::PageDown => self.table.scroll_down_by(10),
            KeyCode::PageUp => self.table.scroll_up_by(10),
            KeyCode::Home | KeyCode::Char('g') => self.table.select_first(),
            KeyCode::End | KeyCode::Char('G') => self.table.select_last(),
            KeyCode::Char('s') | KeyCode::F(6) => self.sort = self.sort.next(),
            KeyCode::Char('/') | KeyCode::F(4) => self.typing = true,
            KeyCode::Char(' ') => self.paused = !self.paused,
            KeyCode::Char('?' | 'h') | KeyCode::F(1) => self.help = true,
            _ => {}
        }
        self.arrange();
    }

    fn type_filter(&mut self, code: KeyCode) {
        match code {
            KeyCode::Enter => self.typing = false,
            KeyCode::Esc => {
                self.typing = false;
                self.filter.clear();
            }
            KeyCode::Backspace => drop(self.filter.pop()),
            KeyCode::Char(character) => self.filter.push(character),
            _ => {}
        }
        self.arrange();
    }
}

/// How long before `now`.
trait ElapsedAt {
    fn elapsed_at(&self, now: Instant) -> Duration;
}

impl ElapsedAt for Instant {
    fn elapsed_at(&self, now: Instant) -> Duration {
        now.saturating_duration_since(*self)
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
