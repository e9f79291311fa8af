//! `redismutex ls`: who holds what, since when, for how long yet, and how many wait.

use super::locks::{Row, locks};
use super::output::Output;
use super::words::{key_text, left, table, unix};
use crate::args::LsArgs;
use crate::exit::Failure;
use crate::{server, text};
use serde_json::json;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::thread::sleep;

/// Lists the locks that are held; with `--watch`, again and again.
pub(crate) fn run(args: &LsArgs) -> Result<u8, Failure> {
    let mutex = server::connect(&args.server)?;
    let pattern = args.pattern.as_ref().map(|pattern| pattern.as_bytes());
    let in_place = args.watch.is_some() && !args.json && text::is_lively(&io::stdout());
    let mut out = Output::new();
    loop {
        let rows = locks(&mutex, pattern)?;
        if in_place {
            // Home and clear: the list stays where it is, as with watch(1).
            write!(out, "\x1b[H\x1b[2J")?;
        }
        let write = if args.json { program } else { people };
        write(&mut out, &rows)?;
        let Some(pause) = args.watch else { return Ok(0) };
        if !in_place && !args.json {
            writeln!(out)?;
        }
        out.flush()?;
        sleep(pause);
    }
}

fn people(out: &mut dyn Write, rows: &[Row]) -> io::Result<()> {
    let head = ["KEY", "HOLDER", "HELD", "LEFT", "WAITERS", "FENCE"];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    lines.extend(rows.iter().map(|row| {
        vec![
            key_text(&row.key),
            row.holder(),
            row.age.map_or_else(dash, text::span),
            left(row.remaining),
            row.waiting.to_string(),
            row.fence.map_or_else(dash, |fence| fence.to_string()),
        ]
    }));
    table(out, &lines)
}

fn dash() -> String {
    "-".to_owned()
}

/// One object on a line of its own for each lock: what a pipe can read while it watches.
fn program(out: &mut dyn Write, rows: &[Row]) -> io::Result<()> {
    for row in rows {
        let line = json!({
            "key": String::from_utf8_lossy(&row.key),
            "label": row.label,
            "age": row.age.map(|age| age.as_secs_f64()),
            "remaining": row.remaining.map(|left| left.as_secs_f64()),
            "fence": row.fence,
            "waiting": row.waiting,
            "time": unix(row.server_time),
        });
        writeln!(out, "{line}")?;
    }
    Ok(())
}
