//! The subcommands that look at locks, as their users call them, on real servers.

mod common;
mod doctor;
mod look;
mod pages;
#[cfg(feature = "top")]
mod top;
