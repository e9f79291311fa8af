//! `redismutex __pictures DIR`: the pictures of the documentation, drawn by the code that draws the screen.
//!
//! Knows a made-up day at work, the same each time, so that a picture changes only when the program does.

mod svg;

use super::locks::Row;
use super::top::{State, draw};
use crate::args::PicturesArgs;
use crate::exit::{Failure, OTHER};
use crate::report::wait_line;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Style};
use std::time::{Duration, Instant, SystemTime};

const WIDTH: u16 = 112;

/// Draws all of them.
pub(crate) fn run(args: &PicturesArgs) -> Result<u8, Failure> {
    for (name, title, buffer) in
        [("top.svg", "redismutex top", top()?), ("wait.svg", "a deployment waits its turn", wait())]
    {
        let file = args.dir.join(name);
        std::fs::write(&file, svg::of(&buffer, title))
            .map_err(|error| Failure::new(OTHER, format!("{}: {error}", file.display())))?;
    }
    Ok(0)
}

/// Key, holder, lease left and full in seconds, waiters, hand-offs in the last ten seconds.
const DAY: [(&str, &str, f64, f64, u64, u64); 8] = [
    ("cron/backup", "db-1:811 pg_dump", 24.6, 30.0, 0, 0),
    ("cron/mail-digest", "web-2:20144 digest", 21.2, 30.0, 1, 0),
    ("deploy/production", "ci-runner-4:5127 deploy.sh", 26.3, 30.0, 3, 1),
    ("deploy/staging", "ci-runner-1:99310 deploy.sh", 11.8, 30.0, 1, 2),
    ("import/customer-118", "worker-7:402 import", 28.9, 30.0, 0, 4),
    ("import/customer-204", "worker-3:398 import", 4.1, 30.0, 2, 0),
    ("migrations", "web-1:31002 alembic", 28.0, 30.0, 4, 0),
    ("stock/SKU-4711", "shop-2:7 order-api", 6.6, 7.0, 12, 87),
];

fn top() -> Result<Buffer, Failure> {
    let mut state = State::new("redis://locks.internal:6379/0".into());
    let begin = Instant::now();
    // So many looks that all hand-offs of the busiest lock are surely seen, within the time over which they
    // are counted.
    let looks = 2 * (DAY.iter().map(|day| day.5).max().unwrap_or_default() + 1);
    for look in 0..=looks {
        let left = looks - look;
        let rows = DAY.iter().map(|day| row(day, left)).collect();
        let at = begin + Duration::from_secs(10).mul_f64(look as f64 / looks as f64);
        state.take(Ok(rows), at);
    }
    let mut terminal = Terminal::new(TestBackend::new(WIDTH, DAY.len() as u16 + 5))
        .map_err(|error| Failure::new(OTHER, error.to_string()))?;
    terminal
        .draw(|frame| draw(frame, &mut state))
        .map_err(|error| Failure::new(OTHER, error.to_string()))?;
    Ok(terminal.backend().buffer().clone())
}

/// One lock, `looks` before the picture; the last hand-off is no later than one look before it.
fn row(day: &(&str, &str, f64, f64, u64, u64), looks: u64) -> Row {
    let (key, label, left, full, waiting, hand_offs) = *day;
    let age = Duration::from_secs_f64(full - left);
    Row {
        key: key.into(),
        label: Some(label.into()),
        age: Some(age),
        // Full a look earlier, so that the bar knows what a full lease is.
        remaining: Some(Duration::from_secs_f64(if looks == 0 { left } else { full })),
        fence: Some(
            1_790_000_000_000_000 + 7_919_000 * (waiting + key.len() as u64)
                - looks.saturating_sub(1).min(hand_offs),
        ),
        waiting,
        server_time: SystemTime::UNIX_EPOCH,
    }
}

fn wait() -> Buffer {
    let said = wait_line::said(
        "deploy/production",
        Some("ci-runner-4:5127 deploy.sh"),
        Some(Duration::from_secs(102)),
        Some(2),
        3,
    );
    let mut buffer = Buffer::empty(ratatui::layout::Rect::new(0, 0, WIDTH, 2));
    let call = "redismutex run deploy/production -- ./deploy.sh";
    buffer.set_string(0, 0, "$ ", Style::new().fg(Color::Green));
    buffer.set_string(2, 0, call, Style::new());
    buffer.set_string(0, 1, said, Style::new());
    buffer
}
