//! The subcommands that look at locks, as their users call them, on real servers.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;
mod doctor;
mod look;
mod pages;
#[cfg(feature = "top")]
mod top;
