//! States in which a server refuses some or all of what a lock needs: the error says what to do about it, and
//! where the state passes, so does the trouble.

#![cfg(all(feature = "blocking", feature = "tokio"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "../bench/mod.rs"]
mod bench;
mod passing;
mod permissions;
mod states;
