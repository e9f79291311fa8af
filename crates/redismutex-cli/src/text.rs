//! Words for people: spans of time, ordinals, and other people's words made harmless.
//!
//! Knows how things are written. Must not know what they are about.

use std::io::IsTerminal;
use std::time::Duration;

/// Text that others wrote, fit for a terminal: keys and labels may hold escape sequences.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// `0.4s`, `12s`, `3m 05s`, `2h 10m`, `4d 3h`.
pub(crate) fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match seconds {
        0..10 => format!("{:.1}s", span.as_secs_f64()),
        10..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m {:02}s", seconds % 60),
        3600..86400 => format!("{hours}h {:02}m", minutes % 60),
        _ => format!("{days}d {}h", hours % 24),
    }
}

/// `1st`, `2nd`, `3rd`, `11th`.
pub(crate) fn ordinal(number: usize) -> String {
    let ending = match (number % 10, number % 100) {
        (1, rest) if rest != 11 => "st",
        (2, rest) if rest != 12 => "nd",
        (3, rest) if rest != 13 => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

/// Whether colours and moving lines may be sent to `stream`.
pub(crate) fn is_lively(stream: &impl IsTerminal) -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb" || term.is_empty());
    stream.is_terminal() && !set("NO_COLOR") && !dumb
}

/// As much as the library bears: better refused when it is typed than when the command has ended.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// A span of time as people type it: `30`, `2.5`, `500ms`, `30s`, `2m`, `1h`. Without a unit: seconds.
pub(crate) fn parse_span(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        other => return Err(format!("`{other}` is not a unit: use ms, s, m, h or d")),
    };
    let number: f64 = digits.parse().map_err(|_| "write it like 30, 2.5, 500ms, 30s or 2m")?;
    match Duration::try_from_secs_f64(number * unit) {
        Ok(span) if span <= LONGEST => Ok(span),
        _ if number < 0.0 => Err("less than nothing".to_owned()),
        _ => Err("ten years (3650d) at most".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_typed() {
        let read = |text| parse_span(text).map(|span| span.as_millis());
        assert_eq!(read("30"), Ok(30_000));
        assert_eq!(read("0.25"), Ok(250));
        assert_eq!(read("500ms"), Ok(500));
        assert_eq!(read("2m"), Ok(120_000));
        assert!(read("-1").is_err() && read("3x").is_err() && read("").is_err());
        assert!(read("inf").is_err() && read("nan").is_err());
        assert!(read("3650d").is_ok() && read("3651d").is_err() && read("1e30").is_err());
    }

    #[test]
    fn spans_are_written_in_two_units_at_most() {
        let written = |seconds| span(Duration::from_secs_f64(seconds));
        assert_eq!(written(0.42), "0.4s");
        assert_eq!(written(59.9), "59s");
        assert_eq!(written(185.0), "3m 05s");
        assert_eq!(written(7800.0), "2h 10m");
        assert_eq!(written(356_400.0), "4d 3h");
    }

    #[test]
    fn ordinals_end_as_spoken() {
        assert_eq!(
            [1, 2, 3, 4, 11, 12, 13, 21, 112].map(ordinal).join(" "),
            "1st 2nd 3rd 4th 11th 12th 13th 21st 112th"
        );
    }

    #[test]
    fn escape_sequences_of_others_are_made_harmless() {
        assert_eq!(clean("a\x1b[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
    }
}
