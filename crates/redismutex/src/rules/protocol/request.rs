//! What is asked of a node.

use super::keys::Names;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// How long the last fence outlives its lease. The same number stands in `common.lua`.
const FENCE_KEPT: Duration = Duration::from_secs(600);

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
        /// It has been told of its place before.
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
    pub(crate) fn args(&self) -> Vec<Cow<'_, [u8]>> {
        match &self.ask {
            Ask::Acquire { token, expiry, label, entry, window, again } => {
                let mut owner = Vec::with_capacity(token.len() + label.len() + 8);
                owner.push(b' ');
                owner.extend(itoa::Buffer::new().format(token.len()).bytes());
                owner.push(b' ');
                owner.extend_from_slice(token.as_bytes());
                owner.extend_from_slice(label.as_bytes());
                let mut args = vec![
                    token.as_bytes().into(),
                    millis(*expiry),
                    owner.into(),
                    millis(*expiry + FENCE_KEPT),
                ];
                if let Some(entry) = entry {
                    args.extend([Cow::from(&**entry), millis(*window), flag(*again)]);
                }
                args
            }
            Ask::Extend { token, expiry, exact } => vec![
                token.as_bytes().into(),
                millis(*expiry),
                millis(*expiry + FENCE_KEPT),
                flag(*exact),
            ],
            Ask::Release { token, entry } => {
                let entry = entry.as_deref().map(Cow::from);
                std::iter::once(token.as_bytes().into()).chain(entry).collect()
            }
            Ask::Inspect { most } => vec![most.to_string().into_bytes().into()],
        }
    }
}

fn flag(on: bool) -> Cow<'static, [u8]> {
    Cow::Borrowed(if on { b"1" } else { b"0" })
}

/// Whole milliseconds as the wire wants them, rounded up: a lease is never shorter than was asked for.
fn millis(duration: Duration) -> Cow<'static, [u8]> {
    let millis = duration.as_micros().div_ceil(1000);
    itoa::Buffer::new().format(millis).as_bytes().to_vec().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fence_is_kept_as_long_after_an_extension_as_after_a_grant() {
        let line = format!("FENCE_KEPT_MS = {}", FENCE_KEPT.as_millis());
        assert!(Script::Acquire.source().contains(&line));
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
