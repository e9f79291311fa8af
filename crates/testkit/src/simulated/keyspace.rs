//! Keys, values, expiry and channels.
//!
//! Knows what a value is and when it is over. Must not know commands.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::Published;

/// What a key holds. A further type goes here, and the commands that use it into `commands.rs`.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(Vec<u8>),
    Sorted(Sorted),
}

#[derive(Clone, Debug)]
struct Entry {
    value: Value,
    /// The last millisecond in which it is there.
    until_ms: Option<u64>,
}

/// The answer to a command on a key of another type.
pub(super) struct WrongType;

/// Everything that a server holds.
#[derive(Default)]
pub(super) struct Keyspace {
    pub(super) now_us: u64,
    entries: BTreeMap<Vec<u8>, Entry>,
    pub(super) subscribers: BTreeMap<Vec<u8>, usize>,
    pub(super) published: Vec<Published>,
}

impl Keyspace {
    pub(super) fn now_ms(&self) -> u64 {
        self.now_us / 1000
    }

    fn is_over(&self, entry: &Entry) -> bool {
        entry.until_ms.is_some_and(|until| self.now_ms() > until)
    }

    fn live(&mut self, key: &[u8]) -> Option<&mut Entry> {
        if self.entries.get(key).is_some_and(|entry| self.is_over(entry)) {
            self.entries.remove(key);
        }
        self.entries.get_mut(key)
    }

    pub(super) fn exists(&mut self, key: &[u8]) -> bool {
        self.live(key).is_some()
    }

    pub(super) fn text(&mut self, key: &[u8]) -> Result<Option<&[u8]>, WrongType> {
        match self.live(key).map(|entry| &entry.value) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(WrongType),
        }
    }

    pub(super) fn sorted(&mut self, key: &[u8]) -> Result<Option<&mut Sorted>, WrongType> {
        match self.live(key).map(|entry| &mut entry.value) {
            None => Ok(None),
            Some(Value::Sorted(sorted)) => Ok(Some(sorted)),
            Some(_) => Err(WrongType),
        }
    }

    /// The sorted set, made where there is none.
    pub(super) fn sorted_or_new(&mut self, key: &[u8]) -> Result<&mut Sorted, WrongType> {
        if !self.exists(key) {
            self.put(key, Value::Sorted(Sorted::default()), None);
        }
        self.sorted(key)?.ok_or(WrongType)
    }

    pub(super) fn put(&mut self, key: &[u8], value: Value, until_ms: Option<u64>) {
        self.entries.insert(key.to_vec(), Entry { value, until_ms });
    }

    pub(super) fn remove(&mut self, key: &[u8]) -> bool {
        let there = self.exists(key);
        self.entries.remove(key);
        there
    }

    /// No set stays without members.
    pub(super) fn remove_if_empty(&mut self, key: &[u8]) {
        if matches!(self.entries.get(key), Some(Entry { value: Value::Sorted(set), .. }) if set.0.is_empty())
        {
            self.entries.remove(key);
        }
    }

    /// `None`: no such key. `Some(None)`: it does not expire.
    pub(super) fn until_ms(&mut self, key: &[u8]) -> Option<Option<u64>> {
        self.live(key).map(|entry| entry.until_ms)
    }

    pub(super) fn expire_at(&mut self, key: &[u8], until_ms: Option<u64>) {
        if let Some(entry) = self.live(key) {
            entry.until_ms = until_ms;
        }
    }

    pub(super) fn listeners(&self, channel: &[u8]) -> usize {
        self.subscribers.get(channel).copied().unwrap_or_default()
    }

    /// Those that somebody listens to, in order.
    pub(super) fn channels(&self) -> impl Iterator<Item = &[u8]> {
        self.subscribers.iter().filter(|(_, count)| **count > 0).map(|(channel, _)| &**channel)
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    pub(super) fn live_keys(&mut self) -> Vec<Vec<u8>> {
        let live = self.entries.iter().filter(|(_, entry)| !self.is_over(entry));
        live.map(|(key, _)| key.clone()).collect()
    }

    pub(super) fn peek(&self, key: &[u8]) -> Option<(Vec<u8>, Option<u64>)> {
        let entry = self.entries.get(key).filter(|entry| !self.is_over(entry))?;
        match &entry.value {
            Value::Text(text) => Some((text.clone(), entry.until_ms)),
            Value::Sorted(_) => None,
        }
    }

    pub(super) fn members(&self, key: &[u8]) -> Vec<(Vec<u8>, f64)> {
        match self.entries.get(key).filter(|entry| !self.is_over(entry)) {
            Some(Entry { value: Value::Sorted(set), .. }) => {
                set.0.iter().map(|(score, member)| (member.clone(), *score)).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// A sorted set, by score and then by member.
#[derive(Clone, Debug, Default)]
pub(super) struct Sorted(Vec<(f64, Vec<u8>)>);

impl Sorted {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn rank(&self, member: &[u8]) -> Option<usize> {
        self.0.iter().position(|(_, other)| other == member)
    }

    pub(super) fn score(&self, member: &[u8]) -> Option<f64> {
        self.rank(member).map(|rank| self.0[rank].0)
    }

    pub(super) fn remove(&mut self, member: &[u8]) -> bool {
        self.rank(member).map(|rank| self.0.remove(rank)).is_some()
    }

    pub(super) fn insert(&mut self, score: f64, member: &[u8]) {
        let order = |other: &(f64, Vec<u8>)| match other.0.total_cmp(&score) {
            Ordering::Equal => other.1.as_slice().cmp(member),
            unequal => unequal,
        };
        if let Err(at) = self.0.binary_search_by(order) {
            self.0.insert(at, (score, member.to_vec()));
        }
    }

    pub(super) fn pop_first(&mut self) -> Option<(f64, Vec<u8>)> {
        (!self.0.is_empty()).then(|| self.0.remove(0))
    }

    /// From one place to another, both included; negative ones count from the end.
    pub(super) fn range(&self, from: i64, to: i64) -> &[(f64, Vec<u8>)] {
        let len = self.0.len() as i64;
        let place = |at: i64| if at < 0 { at + len } else { at };
        let (from, to) = (place(from).max(0), place(to).min(len - 1));
        if from > to { &[] } else { &self.0[from as usize..=to as usize] }
    }
}
