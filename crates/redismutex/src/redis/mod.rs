//! Talking to a server: the only place that names the client crate.
//!
//! Knows: addresses, sockets, RESP, scripts and their fallbacks, reconnection. Must not know: what a
//! lease is, when to wait, when to renew. Asks come down as [`Request`](crate::rules::protocol::Request)s,
//! answers go up as [`Item`](crate::rules::protocol::Item)s or [`Fault`](crate::rules::protocol::Fault)s.
//!
//! The client crate reads URLs. The connection is our own, because a waiter and a caller must share one
//! socket without a thread between them and it (`docs/decisions/0001-own-connection.md`); so is the reader
//! of replies, because it is on the way of every hand-off (`0007-own-reader-of-replies.md`).

pub(crate) mod address;
pub(crate) mod clock;
mod encode;
mod handshake;
pub(crate) mod hub;
pub(crate) mod link;
pub(crate) mod node;
pub(crate) mod origin;
mod query;
mod resp;
mod scriptless;
pub(crate) mod slot;
#[cfg(feature = "tls-rustls")]
mod tls;
pub(crate) mod turn;
mod wire;
