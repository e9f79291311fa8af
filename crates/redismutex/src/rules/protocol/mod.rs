//! The protocol: what is said to a node, and what its answers mean. Written out in `docs/protocol.md`.

pub(crate) mod fault;
pub(crate) mod item;
pub(crate) mod keys;
pub(crate) mod reply;
pub(crate) mod request;
pub(crate) mod waiter;

pub(crate) use fault::{Fault, FaultKind};
pub(crate) use item::Item;
pub use keys::Key;
pub(crate) use keys::Names;
pub(crate) use reply::{AcquireReply, Inspection, OwnerReply};
pub(crate) use request::{Request, Script};
pub(crate) use waiter::Push;
