//! A screen of cells as SVG.
//!
//! Knows cells and colours. Must not know what they show.

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use std::fmt::Write as _;

/// The size of a cell in pixels; any monospaced font is stretched to it.
const CELL: (u32, u32) = (8, 18);
const MARGIN: u32 = 14;
const PAPER: &str = "#16181d";
const INK: &str = "#d8dee9";

/// The picture of `buffer`, with `title` for those who cannot see it.
pub(super) fn of(buffer: &Buffer, title: &str) -> String {
    let (columns, rows) = (u32::from(buffer.area.width), u32::from(buffer.area.height));
    let (width, height) = (columns * CELL.0 + 2 * MARGIN, rows * CELL.1 + 2 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\">\n<title>{title}</title>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{PAPER}\"/>\n\
         <g font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" font-size=\"13\" \
         xml:space=\"preserve\">\n"
    );
    for y in 0..buffer.area.height {
        let cells: Vec<&Cell> = (0..buffer.area.width).map(|x| &buffer[(x, y)]).collect();
        let mut x = 0;
        // What looks the same is written as one piece.
        for run in cells.chunk_by(|a, b| (a.fg, a.bg, a.modifier) == (b.fg, b.bg, b.modifier)) {
            piece(&mut svg, run, x, u32::from(y));
            x += run.len() as u32;
        }
    }
    svg.push_str("</g>\n</svg>\n");
    svg
}

fn piece(svg: &mut String, run: &[&Cell], x: u32, y: u32) {
    let (left, top) = (MARGIN + x * CELL.0, MARGIN + y * CELL.1);
    let Some(first) = run.first() else { return };
    if first.bg != Color::Reset {
        let (width, fill) = (run.len() as u32 * CELL.0, hex(first.bg, PAPER));
        let height = CELL.1;
        let _ = writeln!(
            svg,
            "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" fill=\"{fill}\"/>"
        );
    }
    let text: String = run.iter().map(|cell| cell.symbol()).collect();
    let ended = text.trim_end();
    let written = ended.trim_start();
    if written.is_empty() {
        return;
    }
    let left = left + (ended.chars().count() - written.chars().count()) as u32 * CELL.0;
    let length = written.chars().count() as u32 * CELL.0;
    let (base, fill) = (top + CELL.1 - 5, hex(first.fg, INK));
    let weight = if first.modifier.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
    let _ = writeln!(
        svg,
        "<text x=\"{left}\" y=\"{base}\" textLength=\"{length}\" fill=\"{fill}\"{weight}>{}</text>",
        escaped(written)
    );
}

fn escaped(text: &str) -> String {
    // Spaces would be drawn together by viewers that do not know xml:space.
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace(' ', "\u{a0}")
}

fn hex(color: Color, default: &'static str) -> &'static str {
    match color {
        Color::Black => "#16181d",
        Color::Red => "#e06c75",
        Color::Green => "#98c379",
        Color::Yellow => "#e5c07b",
        Color::Cyan => "#56b6c2",
        Color::Gray => "#abb2bf",
        Color::DarkGray => "#7f8796",
        _ => default,
    }
}
