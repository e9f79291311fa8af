//! Chance, from a seed.
//!
//! Knows numbers only. The same seed throws the same dice on every machine of one kind.

use std::time::Duration;

/// Splitmix64.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5bd1_e995)
    }

    pub(super) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        (self.number() % limit.max(1) as u64) as usize
    }

    /// From 0 to 1.
    fn part(&mut self) -> f64 {
        (self.number() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(super) fn chance(&mut self, of_one: f64) -> bool {
        self.part() < of_one
    }

    /// Short ones as often as long ones: evenly spread over the orders of magnitude.
    pub(super) fn between(&mut self, shortest: Duration, longest: Duration) -> Duration {
        let (low, high) = (shortest.as_secs_f64().ln(), longest.as_secs_f64().ln());
        Duration::from_secs_f64((low + (high - low) * self.part()).exp())
    }

    /// Around a median, never much less and at times many times as much, as networks do.
    pub(super) fn around(&mut self, median: Duration) -> Duration {
        let bell: f64 = (0..4).map(|_| self.part()).sum::<f64>() - 2.0;
        let tail = if self.chance(0.01) { 10.0 } else { 1.0 };
        median.mul_f64((bell * 0.9).exp() * tail)
    }

    /// In parts per million, often as far as it may go.
    pub(super) fn rate(&mut self, most: i64) -> i64 {
        match self.below(4) {
            0 => most,
            1 => -most,
            _ => (self.number() % (2 * most as u64 + 1)) as i64 - most,
        }
    }
}
