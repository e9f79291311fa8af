//! What a node's reply means.

use super::waiter::{Grant, Waiter};
use super::{Fault, FaultKind, Item};
use crate::rules::fence::Fence;
use std::time::Duration;

/// The answer to an acquire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AcquireReply {
    /// For as long as was asked.
    Granted(Option<Fence>),
    Busy(Busy),
}

/// Someone else has the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Busy {
    /// The server's clock; 0 where it did not say.
    pub(crate) server_us: u64,
    /// What is told to those who ask again.
    pub(crate) place: Option<Place>,
}

/// Where one stands who has queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// How long the holder's record lives yet; `None` where it has no expiry.
    pub(crate) left: Option<Duration>,
    /// How many wait before us.
    pub(crate) rank: u32,
    /// The holder is not one of ours: its release wakes nobody.
    pub(crate) foreign: bool,
}

impl AcquireReply {
    pub(crate) fn parse(item: &Item) -> Result<Self, Fault> {
        Self::read(item).ok_or_else(|| nonsense("acquire", item))
    }

    fn read(item: &Item) -> Option<Self> {
        if let Some([server_us, left, rank, foreign]) = item.list() {
            let place = Place {
                left: left.count().map(Duration::from_millis),
                rank: rank.int()?.try_into().ok()?,
                foreign: foreign.int()? == 1,
            };
            return Some(Self::Busy(Busy { server_us: server_us.count()?, place: Some(place) }));
        }
        if let Some(server_us) = item.int().and_then(i64::checked_neg).filter(|it| *it > 0) {
            return Some(Self::Busy(Busy { server_us: server_us.unsigned_abs(), place: None }));
        }
        // Without scripts there is no fence, only an OK.
        let fence = item.count().map(Fence);
        (fence.is_some() || item.bytes() == Some(b"OK")).then_some(Self::Granted(fence))
    }
}

/// The answer to an extend or a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OwnerReply {
    Done,
    NotOurs,
}

impl OwnerReply {
    pub(crate) fn parse(item: &Item) -> Result<Self, Fault> {
        match item.int() {
            Some(1) => Ok(Self::Done),
            Some(0) => Ok(Self::NotOurs),
            _ => Err(nonsense("extend or release", item)),
        }
    }
}

/// The answer to an inspect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Inspection {
    pub(crate) server_us: u64,
    pub(crate) token: Option<Vec<u8>>,
    pub(crate) left: Option<Duration>,
    /// The last grant by our scripts, where it is the present holder's.
    pub(crate) grant: Option<Grant>,
    pub(crate) waiting: u64,
    /// Waiters in order, each with its ticket: the server's time in us when it first came.
    pub(crate) waiters: Vec<(Waiter, u64)>,
}

impl Inspection {
    pub(crate) fn parse(item: &Item) -> Result<Self, Fault> {
        Self::read(item).ok_or_else(|| nonsense("inspect", item))
    }

    fn read(item: &Item) -> Option<Self> {
        let [time, token, left, grant, waiting, waiters] = item.list()? else {
            return None;
        };
        let token = token.bytes().map(<[u8]>::to_vec);
        let grant = Grant::parse(grant).filter(|grant| Some(&grant.token) == token.as_ref());
        let waiters = waiters
            .list()?
            .chunks_exact(2)
            .filter_map(|pair| Some((Waiter::parse(pair[0].bytes()?)?, pair[1].count()?)));
        Some(Self {
            server_us: time.count()?,
            left: left.count().map(Duration::from_millis),
            grant,
            waiting: waiting.count()?,
            waiters: waiters.collect(),
            token,
        })
    }
}

fn nonsense(asked: &str, item: &Item) -> Fault {
    let shown: String = format!("{item:?}").chars().take(120).collect();
    Fault::new(
        FaultKind::Nonsense,
        format!(
            "the answer to {asked} makes no sense: {shown} (is something between us and the server?)"
        ),
    )
}
