//! Colours, and numbers as people read them.
//!
//! Knows the terminal. Must not know what is drawn.

use std::io::{IsTerminal as _, stdout};

/// One per worker, told apart also by those who see colours differently: neighbours differ in brightness.
const PALETTE: &[u8] = &[39, 220, 199, 78, 208, 123, 141, 190];

/// How to draw on what is behind standard output.
pub(crate) struct Paint {
    pub(crate) colours: bool,
    pub(crate) width: usize,
}

impl Paint {
    /// Colours only for a person at a terminal who has not said no.
    pub(crate) fn of_stdout() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colours = stdout().is_terminal() && !refused;
        let width =
            rustix::termios::tcgetwinsize(stdout()).map_or(0, |size| usize::from(size.ws_col));
        Self { colours, width: if width == 0 { 100 } else { width.clamp(60, 160) } }
    }

    /// Text in a worker's colour, as a block if `filled`.
    pub(crate) fn worker(&self, worker: usize, filled: bool, text: &str) -> String {
        let colour = PALETTE[worker % PALETTE.len()];
        match (self.colours, filled) {
            (false, _) => text.to_owned(),
            (true, false) => format!("\x1b[38;5;{colour}m{text}\x1b[0m"),
            (true, true) => format!("\x1b[38;5;16;48;5;{colour}m{text}\x1b[0m"),
        }
    }

    pub(crate) fn dim(&self, text: &str) -> String {
        if self.colours { format!("\x1b[2m{text}\x1b[0m") } else { text.to_owned() }
    }

    pub(crate) fn bold(&self, text: &str) -> String {
        if self.colours { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// The mark before something that was checked.
    pub(crate) fn mark(&self, good: bool) -> String {
        match (self.colours, good) {
            (true, true) => "\x1b[32m✓\x1b[0m".to_owned(),
            (true, false) => "\x1b[1;31m✗\x1b[0m".to_owned(),
            (false, true) => "✓".to_owned(),
            (false, false) => "✗".to_owned(),
        }
    }
}

/// Nanoseconds in the unit that leaves few digits.
pub(crate) fn duration(ns: u64) -> String {
    match ns as f64 {
        ns if ns < 999_500.0 => format!("{:.0} µs", ns / 1e3),
        ns if ns < 99_950_000.0 => format!("{:.1} ms", ns / 1e6),
        ns if ns < 999_500_000.0 => format!("{:.0} ms", ns / 1e6),
        ns => format!("{:.2} s", ns / 1e9),
    }
}

/// So many processes.
pub(crate) fn processes(count: usize) -> String {
    if count == 1 { "1 process".to_owned() } else { format!("{count} processes") }
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn durations_are_short() {
        let shown = [0, 87_400, 999_700, 24_130_000, 99_960_000, 1_500_000_000].map(duration);
        assert_eq!(shown, ["0 µs", "87 µs", "1.0 ms", "24.1 ms", "100 ms", "1.50 s"]);
    }
}
