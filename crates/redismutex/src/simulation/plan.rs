//! What one run is like: everything that a seed decides before the run begins.
//!
//! Knows sizes and rates. Must not know what happens.

use super::dice::Dice;
use super::mistakes::Mistake;
use super::time::{Nanos, SECOND};
use std::time::Duration;

/// What goes wrong, and so what is promised all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weather {
    /// Nothing: every promise, and a hand-off without delay.
    Calm,
    /// Now and then a process dies, or forgets that it holds: every promise, and the next one knows when to look.
    Deadly,
    /// Crashes, pauses, lost and stalled connections, restarts that keep the data: every promise.
    Rough,
    /// Also, the server's clock is set back: every promise, but that the dead keep a lock for longer.
    SetBack,
    /// The server also loses its data: only fences and ends are promised.
    Forgetful,
}

#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) weather: Weather,
    pub(super) mistake: Option<Mistake>,
    pub(super) processes: usize,
    /// How many tasks in each want locks.
    pub(super) workers: usize,
    pub(super) keys: usize,
    /// How many others take the same keys by plain commands.
    pub(super) foreigners: usize,
    /// For so long new work begins.
    pub(super) length: Nanos,
    /// One way.
    pub(super) latency: Duration,
    /// No lease is longer.
    pub(super) longest_expiry: Duration,
    /// The longest pause between two wishes.
    pub(super) think: Duration,
    /// Between two faults.
    pub(super) peace: Duration,
    /// The part of the processes to which nothing can be pushed.
    pub(super) pollers: f64,
    /// Whether a message to oneself follows the reply, as in newer servers.
    pub(super) pushes_follow: bool,
    /// How often a task has to wait for its turn.
    pub(super) sluggish: f64,
}

impl Plan {
    pub(super) fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let weather = match dice.below(9) {
            0 | 1 => Weather::Calm,
            8 => Weather::Deadly,
            2 => Weather::Forgetful,
            3 => Weather::SetBack,
            _ => Weather::Rough,
        };
        let ms = Duration::from_millis;
        let plan = Self {
            seed,
            weather,
            mistake: None,
            processes: 1 + dice.below(6),
            workers: 1 + dice.below(4),
            keys: 1 + dice.below(3),
            foreigners: dice.below(4).saturating_sub(2),
            length: 20 * SECOND + dice.below(100) as u64 * SECOND,
            latency: dice.between(ms(1) / 10, ms(30)),
            longest_expiry: dice.between(ms(200), ms(10_000)),
            think: dice.between(ms(20), ms(5_000)),
            peace: dice.between(ms(500), ms(10_000)),
            pollers: [0.0, 0.0, 0.3, 1.0][dice.below(4)],
            pushes_follow: dice.chance(0.5),
            sluggish: [0.0, 0.01, 0.1][dice.below(3)],
        };
        plan.under(weather)
    }

    fn under(self, weather: Weather) -> Self {
        match weather {
            Weather::Calm => self.calm(),
            Weather::Deadly => self.deadly(),
            _ => Self { weather, ..self },
        }
    }

    /// Nobody interferes, nobody is slow and no lease is so short that it runs out.
    fn calm(self) -> Self {
        let ms = Duration::from_millis;
        Self {
            weather: Weather::Calm,
            foreigners: 0,
            latency: self.latency.min(ms(3)),
            longest_expiry: self.longest_expiry.max(ms(4_000)),
            sluggish: 0.0,
            ..self
        }
    }

    /// All are quick and can be told, and no second process dies before the first one's leases are over.
    fn deadly(self) -> Self {
        let calm = self.calm();
        let (weather, peace) = (Weather::Deadly, calm.longest_expiry * 16);
        Self { weather, peace, pollers: 0.0, processes: calm.processes.max(3), ..calm }
    }

    pub(super) fn with(self, mistake: Mistake, weather: Weather) -> Self {
        Self { mistake: Some(mistake), ..self.under(weather) }
    }

    pub(super) fn is(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }
}
