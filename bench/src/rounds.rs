//! Rounds that alternate between ours and the floor.

use std::time::Duration;

/// The middle one.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// One line of the table: ours and the floor's median in microseconds, and the median of the rounds' ratios.
pub struct Compared {
    /// Our median.
    pub ours: f64,
    /// The floor's median.
    pub floor: f64,
    /// The median of ours / floor, round by round.
    pub ratio: f64,
}

/// Runs both in turn, `rounds` times, after one round that does not count.
pub fn alternate(
    rounds: usize,
    mut ours: impl FnMut() -> Duration,
    mut floor: impl FnMut() -> Duration,
) -> Compared {
    let (mut a, mut b, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=rounds {
        // Whoever goes first in one round goes second in the next.
        let (x, y) = if round % 2 == 0 {
            let x = ours();
            (x, floor())
        } else {
            let y = floor();
            (ours(), y)
        };
        if round > 0 {
            let (x, y) = (x.as_secs_f64() * 1e6, y.as_secs_f64() * 1e6);
            a.push(x);
            b.push(y);
            ratios.push(x / y);
        }
    }
    Compared { ours: median(&mut a), floor: median(&mut b), ratio: median(&mut ratios) }
}

/// Prints one line of the table.
pub fn line(what: &str, compared: &Compared, limit: f64) {
    let Compared { ours, floor, ratio } = compared;
    let mark = if *ratio <= limit { "ok" } else { "MISSED" };
    println!("{what:<52} {ours:>9.1} us {floor:>9.1} us  {ratio:>6.3} x  (<= {limit:.2}) {mark}");
}
