//! Clocks that run fast or slow.
//!
//! Knows how true time and a clock's time belong together. Only the judge and the network know true time.

use crate::redis::clock;
use crate::rules::Moment;

/// True time, in nanoseconds since the run began.
pub(super) type Nanos = u64;

pub(super) const MILLISECOND: Nanos = 1_000_000;
pub(super) const SECOND: Nanos = 1_000_000_000;

/// Two clocks may differ by 1 % in rate; each runs wrong by less than half of that.
pub(super) const WORST_RATE: i64 = 4_900;

/// One process's or server's clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drifting {
    /// What it showed when the run began.
    pub(super) start: u64,
    /// How much faster than true time it runs, in parts per million.
    pub(super) ppm: i64,
}

impl Drifting {
    pub(super) fn shows(self, now: Nanos) -> Moment {
        Moment(self.start + scaled(now, 1_000_000 + self.ppm, 1_000_000))
    }

    /// The first instant at which it shows `moment`.
    pub(super) fn when(self, moment: Moment) -> Nanos {
        let passed = moment.0.saturating_sub(self.start);
        let mut guess = scaled(passed, 1_000_000, 1_000_000 + self.ppm);
        while self.shows(guess) < moment && guess < Nanos::MAX / 4 {
            guess += 1;
        }
        guess
    }
}

fn scaled(time: u64, times: i64, parts: i64) -> u64 {
    let scaled = u128::from(time) * times as u128 / parts as u128;
    u64::try_from(scaled).unwrap_or(u64::MAX / 4)
}

/// Runs `what` while this thread's clock shows `moment`.
pub(super) fn at<T>(moment: Moment, what: impl FnOnce() -> T) -> T {
    struct Before(Option<Moment>);
    impl Drop for Before {
        fn drop(&mut self) {
            clock::simulated::NOW.set(self.0);
        }
    }
    let _before = Before(clock::simulated::NOW.replace(Some(moment)));
    what()
}
