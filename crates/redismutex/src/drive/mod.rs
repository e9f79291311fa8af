//! Thin loops that feed the rules: they do what the rules say and report back how it went.
//!
//! Knows: how to wait, on which thread, for how long; who has to be told what. Must not know: what a reply
//! means or when a lease ends. There is one loop for each thing that takes time, written as a future;
//! [`block_on`] runs the same futures on a plain thread, reading the connection itself.

pub(crate) mod acquire;
pub(crate) mod block_on;
pub(crate) mod claim;
pub(crate) mod core;
pub(crate) mod lease;
pub(crate) mod reader;
pub(crate) mod release;
pub(crate) mod telemetry;
pub(crate) mod timer;
pub(crate) mod token;
pub(crate) mod watchdog;
