//! `redismutex wait KEY`: until nobody holds it. Takes no lock and joins no queue.

use super::words::{holder_name, key_text, left};
use crate::args::WaitArgs;
use crate::exit::Failure;
use crate::{server, text};
use redismutex::Holder;
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How often to look: a person does not see the difference, a server does not feel it.
const PAUSE: Duration = Duration::from_millis(100);
/// A shorter wait is not worth a line.
const SHORT: Duration = Duration::from_secs(1);

/// Blocks until nobody holds the lock, or the time is up.
pub(crate) fn run(args: &WaitArgs) -> Result<u8, Failure> {
    let mutex = server::connect(&args.server)?;
    let key = args.key.as_bytes();
    let lively = !args.quiet && text::is_lively(&io::stderr());
    let began = Instant::now();
    let mut line = Line { shown: false };
    loop {
        let Some(holder) = mutex.holder(key)? else { return Ok(0) };
        let patience = args.wait.map(|wait| wait.saturating_sub(began.elapsed()));
        if patience == Some(Duration::ZERO) {
            return Ok(args.conflict_exit_code);
        }
        if lively && began.elapsed() >= SHORT {
            line.show(key, &holder, began.elapsed());
        }
        // Looks once more at the very end: the lock may have become free in the last pause.
        sleep(patience.unwrap_or(PAUSE).min(PAUSE));
    }
}

/// The line on the terminal while it lasts; gone when dropped.
struct Line {
    shown: bool,
}

impl Line {
    fn show(&mut self, key: &[u8], holder: &Holder, waited: Duration) {
        self.shown = true;
        // A terminal that cannot be written to is no reason to give up the wait.
        let _ = write!(
            io::stderr(),
            "\r\x1b[Kwaiting {} for {}: held by {}, lease {} left",
            text::span(waited),
            key_text(key),
            holder_name(holder),
            left(holder.remaining)
        );
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
