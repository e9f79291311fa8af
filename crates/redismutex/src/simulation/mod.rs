//! A simulation: many processes, one server, every kind of fault, in virtual time and from a seed.
//!
//! The rules, the lease and the scripts are the real ones; the scripts run in Lua over a simulated server's
//! memory. What stands between them in life (sockets, threads, executors) is re-told here as small drivers,
//! which name what they re-tell and decide nothing. A judge who knows true time and every memory looks for
//! broken promises, and mistakes made on purpose show that it finds them.
//!
//! `cargo xtask simulate` runs many seeds, `cargo xtask simulate --seed N` shows one again with its trace.
//! What it can and cannot show stands in `docs/reliability.md`.

mod background;
mod crowd;
mod delivery;
mod dice;
mod faults;
mod holding;
mod judge;
mod me;
mod mistakes;
mod network;
mod plan;
mod process;
mod run;
mod scripts;
mod server;
mod tasks;
mod time;
mod trace;
mod waiting;
mod world;

mod tests;
