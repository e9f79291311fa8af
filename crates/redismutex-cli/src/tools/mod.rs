//! The subcommands that look at locks, and the one that takes them away.
//!
//! Knows what a mutex can be asked and how the answers are shown to people and to programs. Must not know how
//! the server was chosen, nor anything of `run`.

pub(crate) mod completions;
pub(crate) mod doctor;
pub(crate) mod inspect;
mod locks;
pub(crate) mod ls;
pub(crate) mod man;
mod output;
#[cfg(feature = "pictures")]
pub(crate) mod pictures;
pub(crate) mod release;
#[cfg(feature = "top")]
pub(crate) mod top;
pub(crate) mod wait;
mod words;
