//! What the tests of redismutex stand on: real servers and a simulated one, faults between client and
//! server, and a judge of what many processes believed.
//!
//! The kit knows Redis and Valkey from the outside: how to start one, how its wire protocol is
//! framed, what an administrator may ask of it. It knows nothing of redismutex and must not: a
//! test is worth something only if what it is measured with cannot share the mistakes of what it
//! measures. It uses plain threads and blocking I/O, so that it works under every test, with or
//! without an async runtime.
//!
//! - [`Server`] starts a private server; [`Admin`] looks into it and disturbs it.
//! - [`Proxy`] sits between client and server and loses, delays, repeats and cuts
//!   what passes.
//! - [`Simulated`] runs real scripts in memory, at whatever time it is told.
//! - [`history`] writes down what each process believed and finds two believers at one time.
//! - [`child`] runs parts of a test in processes of their own.

#![allow(
    clippy::missing_panics_doc,
    reason = "a test helper that cannot do its work panics: that is what fails the test"
)]

mod admin;
pub mod child;
pub mod history;
pub mod proxy;
mod random;
mod resp;
pub mod server;
mod signals;
mod simulated;

pub use admin::Admin;
pub use proxy::Proxy;
pub use random::{random_key, random_key_named};
pub use resp::Reply;
pub use server::{Flavor, Server};
pub use simulated::{Loaded, Published, Simulated};
