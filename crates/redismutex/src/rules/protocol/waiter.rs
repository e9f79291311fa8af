//! A waiter's entry in the queue, and the message that brings it the lock.

use super::Item;
use super::request::FENCE_KEPT;
use crate::rules::fence::Fence;
use std::time::Duration;

/// One who waits: its entry in the queue is the same at every attempt, so the server keeps its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Waiter {
    pub(crate) expiry: Duration,
    /// Where the grant is to be published; `None` for one that polls.
    pub(crate) channel: Option<String>,
    /// Tells the waiters of one process apart.
    pub(crate) id: u64,
    pub(crate) token: String,
    pub(crate) label: String,
}

/// `<expiry ms> <ms that its fence is kept> <length of token> <channel> <id> <token><label>`; no channel: it polls.
pub(crate) fn entry(
    expiry: Duration,
    channel: Option<&str>,
    id: u64,
    token: &str,
    label: &str,
) -> Vec<u8> {
    let channel = channel.unwrap_or("-");
    let (lasts, kept) = (expiry.as_millis(), (expiry + FENCE_KEPT).as_millis());
    format!("{lasts} {kept} {} {channel} {id} {token}{label}", token.len()).into_bytes()
}

impl Waiter {
    pub(crate) fn parse(entry: &[u8]) -> Option<Self> {
        let mut words = entry.splitn(6, |byte| *byte == b' ');
        let expiry = Duration::from_millis(number(words.next()?)?);
        let _kept = number(words.next()?)?;
        let length = usize::try_from(number(words.next()?)?).ok()?;
        let channel = text(words.next()?)?.to_owned();
        let id = number(words.next()?)?;
        let (token, label) = words.next()?.split_at_checked(length)?;
        Some(Self {
            expiry,
            channel: (channel != "-").then_some(channel),
            id,
            token: text(token)?.to_owned(),
            label: text(label)?.to_owned(),
        })
    }
}

/// A message on a process's channel: the lock was granted to one of its waiters, unless it is only a hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Push {
    pub(crate) id: u64,
    pub(crate) granted_us: u64,
    pub(crate) fence: Fence,
    pub(crate) expiry: Duration,
    pub(crate) token: String,
    pub(crate) lock: Vec<u8>,
}

impl Push {
    /// No grant, but news: this waiter is among the first now, and the holder's lease lasts for `expiry` yet.
    pub(crate) fn is_hint(&self) -> bool {
        self.fence.0 == 0
    }

    /// A hint for everybody who waits for the lock: no waiter has this number.
    pub(crate) fn is_for_all(&self) -> bool {
        self.id == 0 && self.is_hint()
    }

    /// `<id> <time us> <fence> <expiry ms> <length of token> <token><lock>`
    pub(crate) fn parse(message: &[u8]) -> Option<Self> {
        let mut words = message.splitn(6, |byte| *byte == b' ');
        let mut next = || number(words.next()?);
        let (id, granted_us, fence, expiry, length) = (next()?, next()?, next()?, next()?, next()?);
        let (token, lock) = words.next()?.split_at_checked(usize::try_from(length).ok()?)?;
        Some(Self {
            id,
            granted_us,
            fence: Fence(fence),
            expiry: Duration::from_millis(expiry),
            token: text(token)?.to_owned(),
            lock: lock.to_owned(),
        })
    }
}

/// The record of the last grant of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) fence: Fence,
    pub(crate) token: Vec<u8>,
    pub(crate) label: String,
}

impl Grant {
    /// `<fence> <length of token> <token><label>`
    pub(crate) fn parse(item: &Item) -> Option<Self> {
        let mut words = item.bytes()?.splitn(3, |byte| *byte == b' ');
        let fence = Fence(number(words.next()?)?);
        let length = usize::try_from(number(words.next()?)?).ok()?;
        let (token, label) = words.next()?.split_at_checked(length)?;
        Some(Self {
            fence,
            token: token.to_owned(),
            label: String::from_utf8_lossy(label).into_owned(),
        })
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

fn number(word: &[u8]) -> Option<u64> {
    text(word)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_entry_reads_back(
            token in "[ a-zé]{1,20}", label in "[ a-z\n]{0,20}", id: u64, expiry in 1u64..1_000_000, pushed: bool,
        ) {
            let channel = pushed.then(|| "redismutex:1f".to_owned());
            let expiry = Duration::from_millis(expiry);
            let entry = entry(expiry, channel.as_deref(), id, &token, &label);
            let waiter = Waiter { expiry, channel, id, token, label };
            prop_assert_eq!(Waiter::parse(&entry), Some(waiter));
        }

        #[test]
        fn a_garbled_message_is_no_grant(message in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = (Push::parse(&message), Waiter::parse(&message));
        }
    }

    #[test]
    fn a_push_names_its_waiter_and_its_lock() {
        let push = Push::parse(b"3 1790000000000000 1790000000000001 7000 2 ab{my} key").unwrap();
        assert_eq!((push.id, push.fence, &*push.token), (3, Fence(1_790_000_000_000_001), "ab"));
        assert_eq!((push.expiry, &*push.lock), (Duration::from_secs(7), &b"{my} key"[..]));
    }
}
