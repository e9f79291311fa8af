//! The rules of the lock, and nothing else.
//!
//! Knows: what a lease is worth, what a reply means, what to do next. Everything in here is a
//! function of what is handed to it: times come in as [`Moment`]s, replies as [`protocol::Item`]s, and
//! requests and waits go out as values. Must not know: sockets, threads, executors, clocks, the client
//! crate. That is what lets one rulebook serve every driver, and be tested at any speed.

pub(crate) mod acquire;
pub(crate) mod fence;
pub(crate) mod lease;
pub(crate) mod protocol;
pub(crate) mod release;
pub(crate) mod renewal;
pub(crate) mod settings;
pub(crate) mod tally;
pub(crate) mod time;

pub(crate) use time::Moment;
