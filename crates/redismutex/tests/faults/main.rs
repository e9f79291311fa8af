//! What the network, the server and other clients may do to a lock, and what it must come to all the same.
//!
//! Order and bounds are asserted, not times: the machine may be busy.

#![cfg(all(feature = "blocking", feature = "tokio"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod acquiring;
#[path = "../bench/mod.rs"]
mod bench;
mod chaos;
mod connections;
mod holding;
mod waiting;
