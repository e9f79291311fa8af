#![doc = include_str!("../README.md")]

pub use builder::Builder;
pub use error::{Cause, Error};
pub use guard::Guard;
pub use inspect::{Holder, Inspection, Waiting};
pub use mutex::RedisMutex;
pub use rules::fence::Fence;
pub use rules::protocol::Key;

#[cfg(feature = "macros")]
pub use redismutex_macros::with_redismutex;

#[cfg(feature = "blocking")]
pub mod blocking;
mod builder;
mod drive;
mod error;
mod face;
mod guard;
mod inspect;
#[doc(hidden)]
pub mod internal;
mod mutex;
mod redis;
mod rules;
#[cfg(test)]
mod simulation;
