//! The picture of the view.
//!
//! Knows colours and columns. Draws on whatever ratatui gives it: a terminal, or the buffer of a test.

use super::state::{Shown, Sort, State};
use crate::text::span;
use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Cell, Clear, Paragraph, Row, Table};

/// How many cells the bar of a lease has, with its brackets and the time left.
const BAR: usize = 20;

const HELP: [(&str, &str); 8] = [
    ("↑ ↓ j k", "move"),
    ("PgUp PgDn", "move by ten"),
    ("s  F6", "sort by key, waiters, lease, hand-offs"),
    ("/  F4", "filter by key or holder"),
    ("Esc", "no filter"),
    ("Space", "pause"),
    ("?  F1", "this help"),
    ("q  F10", "quit"),
];

/// Draws the whole screen.
pub(crate) fn draw(frame: &mut Frame<'_>, state: &mut State) {
    let [head, body, foot] =
        Layout::vertical([Constraint::Length(2), Constraint::Min(1), Constraint::Length(1)])
            .areas(frame.area());
    frame.render_widget(Paragraph::new(summary(state)), head);
    locks(frame, state, body);
    frame.render_widget(Paragraph::new(footer(state)), foot);
    if state.help {
        help(frame);
    }
}

fn summary(state: &State) -> Vec<Line<'static>> {
    let bold = |text: String| Span::styled(text, Style::new().add_modifier(Modifier::BOLD));
    let waiting: u64 = state.shown.iter().map(|it| it.row.waiting).sum();
    let rate: f64 = state.shown.iter().map(|it| it.hand_offs).sum();
    let mut first = vec![
        bold("redismutex".into()),
        format!("  {}", state.address).fg(Color::Cyan),
        "   locks ".into(),
        bold(state.shown.len().to_string()),
        "   waiters ".into(),
        bold(waiting.to_string()),
        "   hand-offs/s ".into(),
        bold(per_second(rate, state.shown.iter().any(|it| it.is_floor))),
    ];
    if state.paused {
        first.push("   paused".fg(Color::Yellow));
    }
    let second = match &state.trouble {
        Some(why) => Line::from(why.clone().fg(Color::Red)),
        None => Line::default(),
    };
    vec![Line::from(first), second]
}

/// Colour by name at the end of a text: reads in the order in which it is seen.
trait Coloured {
    fn fg(self, color: Color) -> Span<'static>;
}

impl<T: Into<String>> Coloured for T {
    fn fg(self, color: Color) -> Span<'static> {
        Span::styled(self.into(), Style::new().fg(color))
    }
}

fn locks(frame: &mut Frame<'_>, state: &mut State, area: Rect) {
    let title = |name: &'static str, sort: Option<Sort>| {
        let sorted = sort == Some(state.sort);
        let text = if sorted { format!("{name}▾") } else { name.to_owned() };
        Cell::from(text)
    };
    let head = Row::new([
        title("KEY", Some(Sort::Key)),
        title("HOLDER", None),
        title("LEASE", Some(Sort::Lease)),
        title("WAITERS", Some(Sort::Waiters)),
        title("HAND-OFFS/S", Some(Sort::HandOffs)),
        title("FENCE", None),
    ])
    .style(Style::new().fg(Color::Black).bg(Color::Green));
    let rows: Vec<Row<'_>> = state.shown.iter().map(row).collect();
    let widths = [
        Constraint::Fill(3),
        Constraint::Fill(4),
        Constraint::Length(BAR as u16),
        Constraint::Length(8),
        Constraint::Length(12),
        Constraint::Length(17),
    ];
    let empty = rows.is_empty();
    let table = Table::new(rows, widths)
        .header(head)
        .row_highlight_style(Style::new().fg(Color::Black).bg(Color::Cyan));
    frame.render_stateful_widget(table, area, &mut state.table);
    if empty && area.height > 2 {
        let text = if state.filter.is_empty() { "nobody holds a lock" } else { "none matches" };
        let middle = Rect { y: area.y + area.height / 2, height: 1, ..area };
        frame.render_widget(Paragraph::new(text).alignment(Alignment::Center), middle);
    }
}

fn row(shown: &Shown) -> Row<'static> {
    let waiting = shown.row.waiting;
    let waiters = Style::new().fg(if waiting == 0 { Color::DarkGray } else { Color::Yellow });
    let fence = shown.row.fence.map_or_else(|| "-".to_owned(), |it| it.to_string());
    Row::new([
        Cell::from(shown.key.clone()),
        Cell::from(shown.holder.clone()),
        Cell::from(bar(shown)),
        Cell::from(Line::from(waiting.to_string()).alignment(Alignment::Right)).style(waiters),
        Cell::from(
            Line::from(per_second(shown.hand_offs, shown.is_floor)).alignment(Alignment::Right),
        ),
        Cell::from(fence).style(Style::new().fg(Color::DarkGray)),
    ])
}

fn per_second(rate: f64, is_floor: bool) -> String {
    format!("{}{rate:.1}", if is_floor { "≥" } else { "" })
}

/// `[||||||     12s]`, as htop draws its meters.
fn bar(shown: &Shown) -> Line<'static> {
    let Some(share) = shown.lease else {
        // Nobody gets this lock if its holder dies.
        return Line::from("forever".fg(Color::Red));
    };
    let left = shown.row.remaining.map(span).unwrap_or_default();
    let inner = BAR - 2;
    let full = ((share.clamp(0.0, 1.0) * inner as f64).round() as usize).min(inner);
    let mut cells: Vec<char> = (0..inner).map(|at| if at < full { '|' } else { ' ' }).collect();
    // The time stands at the right end, over the bar where that reaches so far.
    let start = inner.saturating_sub(left.chars().count());
    for (cell, character) in cells.iter_mut().skip(start).zip(left.chars()) {
        *cell = character;
    }
    let upto = full.min(start);
    let text = |range: &[char]| range.iter().collect::<String>();
    Line::from(vec![
        "[".into(),
        text(&cells[..upto]).fg(colour(share)),
        text(&cells[upto..]).fg(Color::Gray),
        "]".into(),
    ])
}

/// A holder that lives renews at a third of its lease: half gone is late, little left is about to be lost.
fn colour(share: f64) -> Color {
    match share {
        share if share > 0.5 => Color::Green,
        share if share > 0.2 => Color::Yellow,
        _ => Color::Red,
    }
}

fn footer(state: &State) -> Line<'static> {
    if state.typing {
        return Line::from(vec!["/".fg(Color::Cyan), state.filter.clone().into(), "▏".into()]);
    }
    let keys =
        [("F1", "Help"), ("F4", "Filter"), ("F6", "Sort"), ("Space", "Pause"), ("F10", "Quit")];
    let mut parts = Vec::new();
    for (key, what) in keys {
        parts.push(Span::raw(key));
        let style = Style::new().fg(Color::Black).bg(Color::Cyan);
        parts.push(Span::styled(format!("{what:<7}"), style));
    }
    if !state.filter.is_empty() {
        parts.push(format!("  filter: {}", state.filter).fg(Color::Yellow));
    }
    Line::from(parts)
}

fn help(frame: &mut Frame<'_>) {
    let area = frame.area();
    let (width, height) = (56.min(area.width), (HELP.len() as u16 + 2).min(area.height));
    let window = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    let lines = HELP
        .map(|(keys, what)| Line::from(vec![format!(" {keys:<12}").fg(Color::Cyan), what.into()]));
    frame.render_widget(Clear, window);
    let block = Block::bordered().title(" keys ");
    frame.render_widget(Paragraph::new(lines.to_vec()).block(block), window);
}
