//! Which locks there are: the keys, found by SCAN, and what each is.
//!
//! Knows how the companions of a lock are named. Never says KEYS: that stops the server for all while it looks.

use super::words::name;
use redismutex::blocking::RedisMutex;
use redismutex::internal::{Reply, command, key_of_grant};
use redismutex::{Error, Inspection};
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

/// Every record of a last grant, whatever hash tag its key has.
const GRANTS: &[u8] = b"redismutex:{*:grant";
/// What our companions begin with: they are no locks.
const COMPANION: &[u8] = b"redismutex:{";
/// How many keys the server looks at in one step: enough to be quick, too few to be felt by others.
const STEP: &[u8] = b"500";
/// A longer value is no owner token but somebody's data, which need not be fetched to know that.
const LONGEST_TOKEN: i64 = 1024;

/// One lock that somebody holds.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// Its key.
    pub(crate) key: Vec<u8>,
    /// What the holder said of itself.
    pub(crate) label: Option<String>,
    /// How long it has been held; `None` where the holder is not a redismutex.
    pub(crate) age: Option<Duration>,
    /// What is left of the lease; `None` where it never ends.
    pub(crate) remaining: Option<Duration>,
    /// The fence; `None` where the holder is not a redismutex.
    pub(crate) fence: Option<u64>,
    /// How many wait.
    pub(crate) waiting: u64,
    /// The server's clock when it was seen.
    pub(crate) server_time: SystemTime,
}

impl Row {
    /// `None` where nobody holds it: a record of a grant outlives the lock by ten minutes.
    fn of(key: Vec<u8>, seen: Inspection) -> Option<Self> {
        let Inspection { holder, waiting, server_time, .. } = seen;
        let holder = holder?;
        Some(Self {
            key,
            age: holder.since.map(|since| server_time.duration_since(since).unwrap_or_default()),
            label: holder.label,
            remaining: holder.remaining,
            fence: holder.fence.map(u64::from),
            waiting,
            server_time,
        })
    }

    /// The holder by its label.
    pub(crate) fn holder(&self) -> String {
        name(self.label.as_deref(), self.fence.is_some())
    }
}

/// The locks that are held, by key: all that redismutex granted, or, with a pattern, all strings whose key matches
/// it, so that the locks of plain `SET NX` clients are among them.
pub(crate) fn locks(mutex: &RedisMutex, pattern: Option<&[u8]>) -> Result<Vec<Row>, Error> {
    let keys = match pattern {
        None => granted(mutex)?,
        Some(pattern) => matching(mutex, pattern)?,
    };
    let mut rows = Vec::with_capacity(keys.len());
    let mut refused = None;
    for key in keys {
        match mutex.inspect(&key) {
            Ok(seen) => rows.extend(Row::of(key, seen)),
            // One key that holds something else by now, or that this user may not read, hides no others.
            Err(error @ Error::Config { .. }) => refused = Some(error),
            Err(error) => return Err(error),
        }
    }
    // But nothing at all to be seen is not the same as nobody holding a lock.
    if let (true, Some(error)) = (rows.is_empty(), refused) {
        return Err(error);
    }
    Ok(rows)
}

fn granted(mutex: &RedisMutex) -> Result<BTreeSet<Vec<u8>>, Error> {
    let grants = scan(mutex, &[b"MATCH", GRANTS])?;
    let keys = grants.iter().filter_map(|grant| key_of_grant(grant));
    Ok(keys.map(|key| key.as_bytes().to_vec()).collect())
}

fn matching(mutex: &RedisMutex, pattern: &[u8]) -> Result<BTreeSet<Vec<u8>>, Error> {
    let mut keys = scan(mutex, &[b"MATCH", pattern, b"TYPE", b"string"])?;
    keys.retain(|key| !key.starts_with(COMPANION) && may_be_lock(mutex, key));
    Ok(keys)
}

fn may_be_lock(mutex: &RedisMutex, key: &[u8]) -> bool {
    // A user who may not ask for the length shall see the lock all the same.
    !matches!(command(mutex, &[b"STRLEN", key]), Ok(Reply::Int(length)) if length > LONGEST_TOKEN)
}

/// The keys of this database that `filter` lets through; SCAN may tell one twice.
fn scan(mutex: &RedisMutex, filter: &[&[u8]]) -> Result<BTreeSet<Vec<u8>>, Error> {
    let mut keys = BTreeSet::new();
    let mut cursor = b"0".to_vec();
    loop {
        let mut words: Vec<&[u8]> = vec![b"SCAN", &cursor, b"COUNT", STEP];
        words.extend(filter);
        let reply = command(mutex, &words)?;
        let Some((next, found)) = parts(reply) else { break };
        keys.extend(found);
        if next == b"0" {
            break;
        }
        cursor = next;
    }
    Ok(keys)
}

fn parts(reply: Reply) -> Option<(Vec<u8>, Vec<Vec<u8>>)> {
    let Reply::List(parts) = reply else { return None };
    let [Reply::Bytes(next), Reply::List(found)] = <[Reply; 2]>::try_from(parts).ok()? else {
        return None;
    };
    let found = found.into_iter().filter_map(|item| match item {
        Reply::Bytes(key) => Some(key),
        _ => None,
    });
    Some((next, found.collect()))
}
