//! The command line as its users meet it: real servers, real signals, a real terminal.
//!
//! Each test is a row of the promise that this be plainly better than flock(1), `consul lock` and
//! `etcdctl lock`. The tests know the program from the outside only, and assert order and bounds, never
//! exact times.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, unreachable_pub)]

mod busy;
mod corners;
mod ends;
mod environment;
mod looks;
mod lost;
mod servers;
mod signals;
mod status;
mod support;
mod terminal;
