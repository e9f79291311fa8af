//! Bugs that other locks have had, and that no other test here would see: one test for each.
//!
//! Which bug each stands for is said in `docs/reliability.md`.

#![cfg(all(feature = "blocking", feature = "tokio"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "../bench/mod.rs"]
mod bench;
mod interference;
mod leases;
mod requests;
mod waiting;
mod with;
