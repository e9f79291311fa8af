//! What each process believed, and when: written down as it happens, judged afterwards.
//!
//! Nobody's word is taken for who held a lock. Every process records when it began and ceased to
//! believe that it holds it, on the one clock that all processes of a host share, and
//! [`check`] looks for two that believed it at once.
//!
//! Knows events and clocks, no servers and no locks.

mod check;
mod event;
mod recorder;
mod report;

pub use check::check;
pub use event::{BadLine, Event, Kind};
pub use recorder::{Recorder, deadline_ns, now_ns, read};
pub use report::{Belief, Overlap, Report, StaleFence};
