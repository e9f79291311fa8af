//! `redismutex top`: the locks, live, on the whole screen.
//!
//! Knows the terminal and the order of events. Must not know how the view is drawn or what it remembers.

mod draw;
mod samples;
mod state;

pub(super) use draw::draw;
pub(super) use state::State;

use crate::args::TopArgs;
use crate::exit::Failure;
use crate::server;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use redismutex::internal::address;
use samples::Samples;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::io::{self, IsTerminal as _};
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long a key press or a sample may wait to be seen.
const BLINK: Duration = Duration::from_millis(50);

/// Shows the view until it is left.
pub(crate) fn run(args: &TopArgs) -> Result<u8, Failure> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return Err(Failure::usage("top needs a terminal: `redismutex ls --watch` does not"));
    }
    let mutex = server::connect(&args.server)?;
    let state = State::new(address(&mutex));
    let pattern = args.pattern.as_ref().map(|pattern| pattern.as_bytes().to_vec());
    let samples = Samples::start(mutex, pattern, args.delay)?;
    let ended = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGHUP, SIGINT] {
        signal_hook::flag::register(signal, ended.clone())?;
    }
    // Restores the terminal when it panics, too.
    let mut terminal = ratatui::try_init()?;
    let shown = show(&mut terminal, state, &samples, &ended);
    ratatui::restore();
    shown?;
    Ok(0)
}

fn show(
    terminal: &mut DefaultTerminal,
    mut state: State,
    samples: &Samples,
    ended: &AtomicBool,
) -> io::Result<()> {
    let mut stale = true;
    // A signal would leave the terminal as it is now: it ends the loop instead.
    while !state.left && !ended.load(Ordering::Relaxed) {
        while let Some(sample) = samples.next() {
            state.take(sample, Instant::now());
            stale = true;
        }
        if stale {
            terminal.draw(|frame| draw(frame, &mut state))?;
            stale = false;
        }
        if !event::poll(BLINK)? {
            continue;
        }
        match event::read()? {
            Event::Key(key) if key.kind != KeyEventKind::Release => state.key(key),
            _ => {}
        }
        // A press or another size of the window: both change the picture.
        stale = true;
    }
    Ok(())
}
