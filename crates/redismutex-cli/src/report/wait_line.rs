//! The line that tells who holds the lock while we wait, for how long, and when it is our turn.

use super::Report;
use crate::text;
use redismutex::blocking::RedisMutex;
use redismutex::{Error, Inspection};
use std::time::Duration;

/// How often the line is renewed.
const EVERY: Duration = Duration::from_secs(1);

/// Keeps the line up to date until the report says that the wait is over. A thread of its own: what waits
/// must not be held up by what is told.
pub(crate) fn start(mutex: &RedisMutex, key: &[u8], token: Option<String>, report: &Report) {
    let (mutex, key, report) = (mutex.clone(), key.to_vec(), report.clone());
    let tell = move || {
        let name = text::clean(&String::from_utf8_lossy(&key));
        loop {
            let seen = mutex.inspect(&key);
            let line = Line::of(&name, token.as_deref(), &seen);
            if !report.waiting(&line) {
                return;
            }
            std::thread::sleep(EVERY);
        }
    };
    // Without a thread there is no line; the wait goes on.
    let _ = std::thread::Builder::new().name("wait line".into()).spawn(tell);
}

/// What is told of a wait.
pub(crate) struct Line {
    /// For people.
    pub(crate) text: String,
    /// What does not change with every second: a new line of a log is worth it when this does.
    pub(crate) gist: String,
    pub(crate) holder: Option<String>,
    pub(crate) place: Option<usize>,
    pub(crate) waiting: u64,
}

impl Line {
    pub(crate) fn of(name: &str, token: Option<&str>, seen: &Result<Inspection, Error>) -> Self {
        let Ok(seen) = seen else {
            let text = format!("waiting for {name}: the server does not answer");
            return Self { gist: text.clone(), text, holder: None, place: None, waiting: 0 };
        };
        let place = token.and_then(|token| seen.waiters.iter().position(|it| it.value == token));
        let place = place.map(|ahead| ahead + 1);
        let holder = held_by(seen);
        let held =
            seen.holder.as_ref().and_then(|it| seen.server_time.duration_since(it.since?).ok());
        let text = said(name, holder.as_deref(), held, place, seen.waiting);
        let gist = format!("{holder:?}");
        Self { text, gist, holder, place, waiting: seen.waiting }
    }
}

/// The line itself.
pub(crate) fn said(
    name: &str,
    holder: Option<&str>,
    held: Option<Duration>,
    place: Option<usize>,
    waiting: u64,
) -> String {
    let held = held.map(|age| format!(" for {}", text::span(age))).unwrap_or_default();
    let who =
        holder.map_or_else(|| "free just now".to_owned(), |who| format!("held by {who}{held}"));
    let turn = match (place, waiting) {
        (Some(1), 0 | 1) => ", we are next".to_owned(),
        (Some(place), of) => format!(", we are {} of {of} in line", text::ordinal(place)),
        (None, 0) => String::new(),
        (None, of) => format!(", {of} in line"),
    };
    format!("waiting for {name}: {who}{turn}")
}

/// Who holds the lock, in a few words fit for a terminal.
pub(crate) fn held_by(seen: &Inspection) -> Option<String> {
    let holder = seen.holder.as_ref()?;
    Some(match (&holder.label, holder.fence) {
        (Some(label), _) => text::clean(label),
        (None, Some(_)) => "a redismutex without a label".to_owned(),
        (None, None) => "another program".to_owned(),
    })
}
