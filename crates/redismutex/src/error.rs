//! What can go wrong, by what the caller can do about it.

use crate::Key;
use crate::drive::acquire::NotAcquired;
use crate::drive::core::Unusable;
use crate::drive::release::Extended;
use crate::rules::protocol::{Fault, FaultKind};
use crate::rules::release::Outcome;
use std::time::Duration;

/// Why there is no lock, or no longer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Someone else held the lock for the whole of `block_time`. Try later, or wait for longer.
    #[error("{key:?} was held by someone else for all of the {waited:.1?} that were waited")]
    #[non_exhaustive]
    BlockTimeExceeded {
        /// The lock's key.
        key: Key,
        /// How long was waited.
        waited: Duration,
    },

    /// The lease ended, or somebody took the lock away: work done under it since then was not protected.
    #[error("{key:?} is not ours any more: its lease ended or it was taken away")]
    #[non_exhaustive]
    Lost {
        /// The lock's key.
        key: Key,
    },

    /// The server could not be reached, or would not do it now. Nobody else need have the lock.
    #[error("{}no answer about the lock: {source}", prefix(key))]
    #[non_exhaustive]
    Unavailable {
        /// The lock's key, where it is about one.
        key: Option<Key>,
        /// What the server or the system said.
        source: Cause,
    },

    /// Something that trying again does not change: settings, the URL, the key, permissions.
    #[error("{}{message}", prefix(key))]
    #[non_exhaustive]
    Config {
        /// The lock's key, where it is about one.
        key: Option<Key>,
        /// What is wrong and what to do about it.
        message: String,
    },
}

/// What the server or the system said.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Cause(#[from] Fault);

fn prefix(key: &Option<Key>) -> String {
    key.as_ref().map(|key| format!("{key:?}: ")).unwrap_or_default()
}

impl Error {
    /// The key of the lock that it is about.
    pub fn key(&self) -> Option<&Key> {
        match self {
            Self::BlockTimeExceeded { key, .. } | Self::Lost { key } => Some(key),
            Self::Unavailable { key, .. } | Self::Config { key, .. } => key.as_ref(),
        }
    }

    pub(crate) fn config(message: impl Into<String>) -> Self {
        Self::Config { key: None, message: message.into() }
    }

    pub(crate) fn lost(key: &Key) -> Self {
        Self::Lost { key: key.clone() }
    }

    /// `fault` about `key`, whether or not it may pass.
    pub(crate) fn of_fault(key: Option<&Key>, fault: Fault) -> Self {
        let key = key.cloned();
        match fault.kind {
            FaultKind::WrongType => Self::Config {
                key,
                message: "the key, or one of those that redismutex keeps beside it, holds something that is not a \
                          lock: choose another key, or delete it"
                    .into(),
            },
            FaultKind::Denied | FaultKind::Nonsense | FaultKind::NoScript => {
                Self::Config { key, message: fault.to_string() }
            }
            FaultKind::NotSent | FaultKind::Unknown | FaultKind::Refusing => {
                Self::Unavailable { key, source: Cause(fault) }
            }
        }
    }

    pub(crate) fn of_acquire(key: &Key, failure: NotAcquired) -> Self {
        match failure {
            NotAcquired::Busy { waited } => Self::BlockTimeExceeded { key: key.clone(), waited },
            NotAcquired::Unavailable(fault) | NotAcquired::Hopeless(fault) => {
                Self::of_fault(Some(key), fault)
            }
        }
    }

    pub(crate) fn of_unusable(unusable: Unusable) -> Self {
        match unusable {
            Unusable::Forked => Self::config(
                "this RedisMutex was made before a fork and this is the child: connect again here",
            ),
            Unusable::NoThread(error) => {
                let fault =
                    Fault::new(FaultKind::NotSent, format!("the system gives no thread: {error}"));
                Self::of_fault(None, fault)
            }
        }
    }

    pub(crate) fn of_release(key: &Key, released: Outcome) -> Result<(), Self> {
        match released {
            Outcome::Released => Ok(()),
            Outcome::Lost => Err(Self::lost(key)),
            Outcome::Unknown(fault) | Outcome::Denied(fault) => {
                Err(Self::of_fault(Some(key), fault))
            }
        }
    }

    pub(crate) fn of_extend(key: &Key, extended: Extended) -> Result<(), Self> {
        match extended {
            Extended::Done => Ok(()),
            Extended::Lost => Err(Self::lost(key)),
            Extended::Unknown(fault) => Err(Self::of_fault(Some(key), fault)),
        }
    }
}
