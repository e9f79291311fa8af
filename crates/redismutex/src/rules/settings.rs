//! The settings of a mutex, and which of them contradict each other.

use std::sync::Arc;
use std::time::Duration;

/// Longest time to wait for a lock, unless set otherwise.
pub(crate) const DEFAULT_BLOCK_TIME: Duration = Duration::from_secs(5);
/// Poll interval where push is not to be had, unless set otherwise.
pub(crate) const DEFAULT_DELAY: Duration = Duration::from_millis(500);
/// How long a grant lasts on the server, unless set otherwise.
pub(crate) const DEFAULT_EXPIRY: Duration = Duration::from_secs(7);

const SHORTEST: Duration = Duration::from_millis(1);
/// A lease shorter than this is eaten up by the margins that make it safe.
const SHORTEST_EXPIRY: Duration = Duration::from_millis(10);
/// Far above any sensible lease, far below what the server's arithmetic bears.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// How one mutex behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) block_time: Duration,
    /// `None`: the default, or `block_time` where that is shorter.
    pub(crate) delay: Option<Duration>,
    pub(crate) expiry: Duration,
    pub(crate) renew: bool,
    pub(crate) max_hold: Option<Duration>,
    pub(crate) label: Arc<str>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            block_time: DEFAULT_BLOCK_TIME,
            delay: None,
            expiry: DEFAULT_EXPIRY,
            renew: true,
            max_hold: None,
            label: "".into(),
        }
    }
}

impl Settings {
    /// The first thing wrong with these settings, as a sentence that names the values and the remedy.
    pub(crate) fn check(&self, waits: bool) -> Result<(), String> {
        check_range("expiry", self.expiry, SHORTEST_EXPIRY)?;
        if let Some(max_hold) = self.max_hold {
            check_range("max_hold", max_hold, SHORTEST_EXPIRY)?;
            if !self.renew && max_hold < self.expiry {
                return Err(format!(
                    "max_hold ({max_hold:?}) is shorter than expiry ({:?}): without renewal set the \
                     expiry itself",
                    self.expiry
                ));
            }
        }
        if waits { self.check_waiting() } else { Ok(()) }
    }

    /// How often to ask where push is not to be had.
    pub(crate) fn delay(&self) -> Duration {
        self.delay.unwrap_or_else(|| DEFAULT_DELAY.min(self.block_time).max(SHORTEST))
    }

    fn check_waiting(&self) -> Result<(), String> {
        let Self { block_time, expiry, renew, .. } = self;
        let delay = self.delay.unwrap_or(SHORTEST);
        check_range("delay", delay, SHORTEST)?;
        if *block_time > LONGEST {
            return Err(format!("block_time ({block_time:?}) is longer than {LONGEST:?}"));
        }
        if block_time.is_zero() {
            return Ok(());
        }
        if delay > *block_time {
            return Err(format!(
                "delay ({delay:?}) is longer than block_time ({block_time:?}): poll more often or wait longer"
            ));
        }
        if !renew && expiry < block_time {
            return Err(format!(
                "expiry ({expiry:?}) is shorter than block_time ({block_time:?}) and renewal is off: raise the \
                 expiry, wait for less, or turn renewal on"
            ));
        }
        Ok(())
    }
}

fn check_range(name: &str, value: Duration, shortest: Duration) -> Result<(), String> {
    if value < shortest {
        return Err(format!("{name} ({value:?}) is shorter than {shortest:?}"));
    }
    if value > LONGEST {
        return Err(format!("{name} ({value:?}) is longer than {LONGEST:?}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(change: impl FnOnce(&mut Settings)) -> Result<(), String> {
        let mut settings = Settings::default();
        change(&mut settings);
        settings.check(true)
    }

    #[test]
    fn the_defaults_are_those_of_the_seed_and_agree() {
        let settings = Settings::default();
        let Settings { block_time, expiry, .. } = settings;
        let delay = settings.delay();
        assert_eq!(
            (block_time.as_millis(), delay.as_millis(), expiry.as_millis()),
            (5000, 500, 7000)
        );
        assert_eq!(with(|_| {}), Ok(()));
    }

    #[test]
    fn delay_may_equal_block_time_but_not_exceed_it() {
        assert_eq!(with(|s| s.delay = Some(s.block_time)), Ok(()));
        let sentence = with(|s| s.delay = Some(s.block_time + SHORTEST)).unwrap_err();
        assert!(sentence.contains("5.001s") && sentence.contains("block_time"), "{sentence}");
    }

    #[test]
    fn a_delay_that_nobody_set_fits_any_block_time() {
        let brief = Settings { block_time: Duration::from_millis(100), ..Settings::default() };
        assert_eq!((brief.check(true), brief.delay()), (Ok(()), brief.block_time));
    }

    #[test]
    fn expiry_below_block_time_is_refused_only_without_renewal() {
        assert_eq!(with(|s| s.expiry = Duration::from_secs(3)), Ok(()));
        assert!(with(|s| (s.expiry, s.renew) = (Duration::from_secs(3), false)).is_err());
        assert_eq!(with(|s| (s.expiry, s.renew) = (s.block_time, false)), Ok(()));
    }

    #[test]
    fn one_who_does_not_wait_is_not_held_to_the_rules_of_waiting() {
        let settings =
            Settings { expiry: Duration::from_secs(3), renew: false, ..Settings::default() };
        assert_eq!(settings.check(false), Ok(()));
    }

    #[test]
    fn zero_sub_millisecond_and_absurd_durations_are_refused() {
        assert!(with(|s| s.expiry = Duration::ZERO).is_err());
        assert!(with(|s| s.expiry = Duration::from_micros(900)).is_err());
        assert!(with(|s| s.expiry = Duration::MAX).is_err());
        assert!(with(|s| s.delay = Some(Duration::ZERO)).is_err());
        assert!(with(|s| s.block_time = Duration::MAX).is_err());
        assert_eq!(with(|s| s.block_time = Duration::ZERO), Ok(()), "tries once");
    }
}
