//! What is asked of a node.

use super::keys::Names;
use std::sync::Arc;
use std::time::Duration;

/// How long the last fence outlives its lease: longer than any step a server clock is likely to take.
pub(super) const FENCE_KEPT: Duration = Duration::from_secs(600);

/// A script: its source, in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Script {
    Acquire,
    Extend,
    Release,
    Inspect,
}

impl Script {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 4] = [Self::Acquire, Self::Extend, Self::Release, Self::Inspect];

    pub(crate) fn source(self) -> &'static str {
        match self {
            Self::Acquire => concat!(
                include_str!("acquire.lua"),
                include_str!("common.lua"),
                include_str!("acquire_queued.lua")
            ),
            Self::Release => concat!(
                include_str!("release.lua"),
                include_str!("common.lua"),
                include_str!("release_queued.lua")
            ),
            Self::Extend => include_str!("extend.lua"),
            Self::Inspect => include_str!("inspect.lua"),
        }
    }
}

/// One request about one lock.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) names: Arc<Names>,
    pub(crate) ask: Ask,
}

#[derive(Clone, Debug)]
pub(crate) enum Ask {
    Acquire {
        token: Arc<str>,
        expiry: Duration,
        label: Arc<str>,
        /// The entry in the queue; `None`: do not queue.
        entry: Option<Arc<[u8]>>,
        /// How long one who polls counts as alive; zero for one reached by push.
        window: Duration,
        /// It has queued before, and wants to know its place.
        again: bool,
    },
    Extend {
        token: Arc<str>,
        expiry: Duration,
        /// Replaces what is left, even where that is more.
        exact: bool,
    },
    Release {
        token: Arc<str>,
        entry: Option<Arc<[u8]>>,
    },
    Inspect {
        most: usize,
    },
}

impl Request {
    pub(crate) fn script(&self) -> Script {
        match self.ask {
            Ask::Acquire { .. } => Script::Acquire,
            Ask::Extend { .. } => Script::Extend,
            Ask::Release { .. } => Script::Release,
            Ask::Inspect { .. } => Script::Inspect,
        }
    }

    /// Whether it may bring somebody else a message, which should leave before our own answer does.
    pub(crate) fn wakes_another(&self) -> bool {
        matches!(self.ask, Ask::Release { .. })
    }

    /// KEYS of the script.
    pub(crate) fn keys(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        let names = &*self.names;
        let all = [names.lock.as_bytes(), names.queue(), names.seen(), names.grant()];
        let (keys, count) = match self.ask {
            Ask::Extend { .. } => ([all[0], all[3], all[1], all[2]], 2),
            _ => (all, 4),
        };
        keys.into_iter().take(count)
    }

    /// ARGV of the script.
    pub(crate) fn args(&self) -> impl ExactSizeIterator<Item = Arg<'_>> {
        let none = Arg::Bytes(b"");
        let (args, count) = match &self.ask {
            Ask::Acquire { token, expiry, label, entry, window, again } => (
                [
                    Arg::Bytes(token.as_bytes()),
                    Arg::Millis(*expiry),
                    Arg::Owner { token, label },
                    Arg::Millis(*expiry + FENCE_KEPT),
                    Arg::Bytes(entry.as_deref().unwrap_or_default()),
                    Arg::Millis(*window),
                    Arg::flag(*again),
                ],
                if entry.is_some() { 7 } else { 4 },
            ),
            Ask::Extend { token, expiry, exact } => {
                let (length, kept) = (Arg::Millis(*expiry), Arg::Millis(*expiry + FENCE_KEPT));
                let token = Arg::Bytes(token.as_bytes());
                ([token, length, kept, Arg::flag(*exact), none, none, none], 4)
            }
            Ask::Release { token, entry } => {
                let waiter = Arg::Bytes(entry.as_deref().unwrap_or_default());
                let token = Arg::Bytes(token.as_bytes());
                let count = if entry.is_some() { 2 } else { 1 };
                ([token, waiter, none, none, none, none, none], count)
            }
            Ask::Inspect { most } => {
                ([Arg::Number(*most as u64), none, none, none, none, none, none], 1)
            }
        };
        args.into_iter().take(count)
    }
}

/// One argument, written out only where it is sent: a request is made for every lock.
#[derive(Clone, Copy)]
pub(crate) enum Arg<'a> {
    Bytes(&'a [u8]),
    Number(u64),
    /// Whole milliseconds, rounded up: a lease is never shorter than was asked for.
    Millis(Duration),
    /// What follows the fence in a grant record: ` <length of token> <token><label>`.
    Owner {
        token: &'a str,
        label: &'a str,
    },
}

impl Arg<'_> {
    fn flag(on: bool) -> Self {
        Self::Number(on.into())
    }

    /// Calls `put` with the pieces that it consists of.
    pub(crate) fn pieces(&self, put: impl FnOnce(&[&[u8]])) {
        let mut digits = itoa::Buffer::new();
        match *self {
            Self::Bytes(bytes) => put(&[bytes]),
            Self::Number(number) => put(&[digits.format(number).as_bytes()]),
            Self::Millis(duration) => {
                put(&[digits.format(duration.as_micros().div_ceil(1000)).as_bytes()]);
            }
            Self::Owner { token, label } => {
                let length = digits.format(token.len()).as_bytes();
                put(&[b" ", length, b" ", token.as_bytes(), label.as_bytes()]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_script_takes_a_moment_from_a_client() {
        for script in Script::ALL {
            let absolute = ["EXAT", "PXAT", "EXPIREAT"];
            assert!(!absolute.iter().any(|word| script.source().contains(word)), "{script:?}");
        }
    }

    #[test]
    fn every_script_says_its_keys_arguments_and_returns() {
        for script in Script::ALL {
            let source = script.source();
            assert!(
                ["KEYS", "ARGV[1]", "-- returns"].iter().all(|word| source.contains(word)),
                "{script:?}"
            );
        }
    }
}
