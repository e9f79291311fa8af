//! What is said of holders and waiters, and tables.
//!
//! Knows text only. Keys and labels come from strangers: nothing of them reaches a terminal uncleaned.

use crate::text::{clean, span};
use redismutex::Holder;
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

/// A key as text.
pub(super) fn key_text(key: &[u8]) -> String {
    clean(&String::from_utf8_lossy(key))
}

/// What is left of a lease.
pub(super) fn left(remaining: Option<Duration>) -> String {
    remaining.map_or_else(|| "forever".to_owned(), span)
}

/// How long ago, by the server's clock at both ends.
pub(super) fn ago(since: SystemTime, now: SystemTime) -> String {
    span(now.duration_since(since).unwrap_or_default())
}

/// A holder or waiter by its label. Never by its owner token: that proves ownership, and what stands under the
/// key of another program may be anything, secrets included.
pub(super) fn name(label: Option<&str>, is_ours: bool) -> String {
    match (label, is_ours) {
        (Some(label), _) => clean(label),
        (None, true) => "a redismutex without a label".to_owned(),
        (None, false) => "another program".to_owned(),
    }
}

/// The holder by its label.
pub(super) fn holder_name(holder: &Holder) -> String {
    name(holder.label.as_deref(), holder.fence.is_some())
}

/// Seconds since 1970, for programs.
pub(super) fn unix(time: SystemTime) -> f64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    since.as_micros() as f64 / 1e6
}

/// Writes `rows` as columns; the last one is not padded, so that lines end where their text does.
pub(super) fn table(out: &mut dyn Write, rows: &[Vec<String>]) -> io::Result<()> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut out = Vec::new();
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        table(&mut out, &[row(["KEY", "HOLDER"]), row(["größer", "x"])]).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "KEY     HOLDER\ngrößer  x\n");
    }
}
