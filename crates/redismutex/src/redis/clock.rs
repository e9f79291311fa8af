//! The one place that reads a clock.

use crate::rules::Moment;
use rustix::time::{ClockId, clock_gettime};

/// Linux and Android have a clock that goes on while the machine sleeps; elsewhere the monotonic clock has
/// to do, and a holder that slept through its lease learns of it by its first request.
#[cfg(any(target_os = "linux", target_os = "android"))]
const CLOCK: ClockId = ClockId::Boottime;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const CLOCK: ClockId = ClockId::Monotonic;

/// Now.
pub(crate) fn now() -> Moment {
    #[cfg(test)]
    if let Some(now) = simulated::NOW.get() {
        return now;
    }
    let time = clock_gettime(CLOCK);
    Moment(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}

/// A test may say what time it is, for its own thread.
#[cfg(test)]
pub(crate) mod simulated {
    use crate::rules::Moment;
    use std::cell::Cell;

    thread_local! {
        pub(crate) static NOW: Cell<Option<Moment>> = const { Cell::new(None) };
    }
}
