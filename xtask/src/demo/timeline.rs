//! The picture: one row a worker, time to the right, and the holds that are in it as a table.
//!
//! Knows how to draw a stretch of the history. Must not judge it.

use std::fmt::Write as _;

use super::history::{History, Hold};
use super::paint::{Paint, duration};

/// Columns that a hold of average length gets: enough to carry its number.
const COLUMNS_PER_HOLD: u64 = 6;

/// The table's length, and so the most holds that the picture shows.
const ROWS: usize = 16;

/// Before a row's first column.
const MARGIN: usize = 12;

/// The stretch that is drawn.
struct Window {
    begin: u64,
    /// Nanoseconds a column.
    step: u64,
    columns: usize,
    /// The holds with numbers, as places in the history.
    shown: std::ops::Range<usize>,
}

/// Draws a stretch out of the middle.
pub(crate) fn draw(history: &History, paint: &Paint) -> String {
    let window = Window::of(history, paint.width);
    let mut out = String::new();
    let span = duration(window.step * window.columns as u64);
    let legend =
        format!("{} holds it   {} waits", paint.worker(0, true, &full(paint, 3)), paint.dim("···"));
    let _ = writeln!(out, "{:MARGIN$}{span} out of the middle of the run   {legend}\n", "");
    for worker in 0..history.workers {
        let name = format!("  {:<10}", format!("worker {}", worker + 1));
        let _ = writeln!(
            out,
            "{}{}",
            paint.worker(worker, false, &name),
            row(history, &window, worker, paint)
        );
    }
    let _ = writeln!(out, "{:MARGIN$}{}\n", "", paint.dim(&axis(&window)));
    out.push_str(&table(history, &window, paint));
    out
}

impl Window {
    fn of(history: &History, width: usize) -> Self {
        let holds = &history.holds;
        let columns = width - MARGIN - 1;
        let middle = holds.len() / 2;
        let near = &holds[middle.saturating_sub(ROWS)..(middle + ROWS).min(holds.len())];
        let span = near[near.len() - 1].releasing - near[0].acquired;
        let step = round((span / near.len() as u64 / COLUMNS_PER_HOLD).max(1_000));
        // Half a block before the first, so that one sees it begin.
        let begin = holds[middle].acquired.saturating_sub(3 * step);
        let end = begin + step * columns as u64;
        let inside =
            holds[middle..].iter().take_while(|hold| hold.acquired < end).count().min(ROWS);
        let last = holds.get(middle + inside).map_or(end, |next| next.acquired);
        let columns = columns.min(((last.min(end) - begin) / step) as usize + 1);
        Self { begin, step, columns, shown: middle..middle + inside }
    }
}

/// The next of 1, 2, 5, 10, 20 … microseconds.
fn round(ns: u64) -> u64 {
    let mut unit = 1_000;
    loop {
        if let Some(factor) = [1, 2, 5].into_iter().find(|factor| factor * unit >= ns) {
            return factor * unit;
        }
        unit *= 10;
    }
}

/// What a worker does at the instant of a column.
#[derive(Clone, Copy, PartialEq)]
enum Doing {
    Other,
    Waits,
    Holds(usize),
}

/// A column shows the instant of its left edge, so two holds can stand in the same column only if both
/// held at that instant.
fn row(history: &History, window: &Window, worker: usize, paint: &Paint) -> String {
    let end = window.begin + window.step * window.columns as u64;
    let own: Vec<(usize, &Hold)> = history
        .holds
        .iter()
        .enumerate()
        .filter(|(_, hold)| hold.worker == worker)
        .filter(|(_, hold)| hold.waiting < end && hold.releasing >= window.begin)
        .collect();
    let doing = |column: usize| {
        let at = window.begin + window.step * column as u64;
        let of = |(place, hold): &(usize, &Hold)| match at {
            at if (hold.acquired..hold.releasing).contains(&at) => Some(Doing::Holds(*place)),
            at if (hold.waiting..hold.acquired).contains(&at) => Some(Doing::Waits),
            _ => None,
        };
        own.iter().find_map(of).unwrap_or(Doing::Other)
    };
    let columns: Vec<_> = (0..window.columns).map(doing).collect();
    let runs = columns.chunk_by(|a, b| a == b);
    runs.map(|run| match run[0] {
        Doing::Other => " ".repeat(run.len()),
        Doing::Waits => paint.dim(&"·".repeat(run.len())),
        Doing::Holds(place) => paint.worker(worker, true, &block(place, window, run.len(), paint)),
    })
    .collect()
}

/// A hold, with its number in the table where there is room.
fn block(place: usize, window: &Window, length: usize, paint: &Paint) -> String {
    let number =
        window.shown.contains(&place).then(|| (place - window.shown.start + 1).to_string());
    let number = number.filter(|number| number.len() <= length).unwrap_or_default();
    let rest = full(paint, length - number.len());
    number + &rest
}

/// Without colours the block itself must be seen.
fn full(paint: &Paint, length: usize) -> String {
    if paint.colours { " ".repeat(length) } else { "█".repeat(length) }
}

/// Times below the rows.
fn axis(window: &Window) -> String {
    let mut line = String::new();
    for column in (0..window.columns).step_by(20) {
        let tick = format!("╵{}", duration(window.step * column as u64).replace(".0 ", " "));
        let room = (window.columns - column).min(20);
        if tick.chars().count() <= room {
            let _ = write!(line, "{tick:<room$}");
        }
    }
    line.trim_end().to_owned()
}

fn table(history: &History, window: &Window, paint: &Paint) -> String {
    let head =
        format!("  {:>3}  {:<10}{:>10}{:>10}{:>10}  fence", "", "", "waited", "held", "hand-off");
    let mut out = format!("{}\n", paint.dim(&head));
    for place in window.shown.clone() {
        let hold = &history.holds[place];
        let number = place - window.shown.start + 1;
        let name = paint.worker(
            hold.worker,
            false,
            &format!("{:<10}", format!("worker {}", hold.worker + 1)),
        );
        let waited = duration(hold.acquired - hold.waiting);
        let held = duration(hold.releasing - hold.acquired);
        // A dash: it was free for a while, so nobody handed it over.
        let hand_off = history.hand_off(place).map_or("–".to_owned(), duration);
        let fence = hold.fence.map_or("none".to_owned(), |fence| fence.to_string());
        let _ = writeln!(out, "  {number:>3}  {name}{waited:>10}{held:>10}{hand_off:>10}  {fence}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Paint, draw, round};
    use crate::demo::history::{History, Hold};

    #[test]
    fn steps_are_round() {
        assert_eq!([1, 1_001, 350_000, 1_000_000].map(round), [1_000, 2_000, 500_000, 1_000_000]);
    }

    #[test]
    fn the_picture_fits_and_shows_one_holder_a_column() {
        let hold = |n: u64| Hold {
            worker: (n % 4) as usize,
            waiting: n.saturating_sub(3) * 2_000_000,
            acquired: n * 2_000_000 + 90_000,
            releasing: (n + 1) * 2_000_000,
            released: (n + 1) * 2_000_000 + 50_000,
            fence: Some(n + 1),
        };
        let history = History::new(4, (0..100).map(hold).collect());
        let text = draw(&history, &Paint { colours: false, width: 100 });
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        let rows: Vec<Vec<char>> = text
            .lines()
            .filter(|line| line.contains("worker") && line.contains('█'))
            .map(|l| l.chars().collect())
            .collect();
        assert_eq!(rows.len(), 4, "{text}");
        for column in super::MARGIN..100 {
            let holders = rows
                .iter()
                .filter(|row| row.get(column).is_some_and(|c| *c == '█' || c.is_ascii_digit()));
            assert!(holders.count() <= 1, "column {column}\n{text}");
        }
    }

    #[test]
    fn a_single_hold_can_be_drawn() {
        let only =
            Hold { worker: 0, waiting: 1, acquired: 2, releasing: 3, released: 4, fence: None };
        assert!(
            draw(&History::new(1, vec![only]), &Paint { colours: true, width: 60 })
                .contains("worker 1")
        );
    }
}
