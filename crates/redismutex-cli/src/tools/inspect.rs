//! `redismutex inspect KEY`: all that is known of one lock.

use super::output::Output;
use super::words::{ago, holder_name, key_text, left, name, table, unix};
use crate::args::InspectArgs;
use crate::exit::Failure;
use crate::server;
use redismutex::Inspection;
use serde_json::json;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt as _;

/// Shows who holds the lock and who waits for it, in order.
pub(crate) fn run(args: &InspectArgs) -> Result<u8, Failure> {
    let key = args.key.as_bytes();
    let seen = server::connect(&args.server)?.inspect(key)?;
    let mut out = Output::new();
    let write = if args.json { program } else { people };
    write(&mut out, key, &seen)?;
    Ok(0)
}

fn people(out: &mut dyn Write, key: &[u8], seen: &Inspection) -> io::Result<()> {
    let mut lines = vec![("key", key_text(key))];
    match &seen.holder {
        None => lines.push(("holder", "nobody".to_owned())),
        Some(holder) => {
            lines.push(("holder", holder_name(holder)));
            if let Some(since) = holder.since {
                lines.push(("since", format!("{} ago", ago(since, seen.server_time))));
            }
            lines.push(("lease", format!("{} left", left(holder.remaining))));
            match holder.fence {
                Some(fence) => lines.push(("fence", fence.to_string())),
                None => lines.push(("fence", "none: a plain SET NX client".to_owned())),
            }
        }
    }
    lines.push(("waiters", seen.waiting.to_string()));
    let lines: Vec<_> = lines.into_iter().map(|(name, text)| vec![name.to_owned(), text]).collect();
    table(out, &lines)?;

    let waiters = seen.waiters.iter().enumerate().map(|(place, waiter)| {
        let since = format!("for {}", ago(waiter.since, seen.server_time));
        vec![format!("{:>5}.", place + 1), name(waiter.label.as_deref(), true), since]
    });
    table(out, &waiters.collect::<Vec<_>>())?;
    let unlisted = seen.waiting.saturating_sub(seen.waiters.len() as u64);
    if unlisted > 0 {
        writeln!(out, "       and {unlisted} more")?;
    }
    Ok(())
}

fn program(out: &mut dyn Write, key: &[u8], seen: &Inspection) -> io::Result<()> {
    let holder = seen.holder.as_ref().map(|holder| {
        json!({
            "label": holder.label,
            "since": holder.since.map(unix),
            "remaining": holder.remaining.map(|left| left.as_secs_f64()),
            "fence": holder.fence.map(u64::from),
        })
    });
    let waiters = seen
        .waiters
        .iter()
        .map(|waiter| json!({ "label": waiter.label, "since": unix(waiter.since) }));
    let answer = json!({
        "key": String::from_utf8_lossy(key),
        "holder": holder,
        "waiting": seen.waiting,
        "waiters": waiters.collect::<Vec<_>>(),
        "time": unix(seen.server_time),
    });
    writeln!(out, "{answer}")
}
