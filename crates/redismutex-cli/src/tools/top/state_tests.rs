//! The view, driven by samples and keys, and drawn on a buffer.

use super::super::draw::draw;
use super::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent};
use std::time::SystemTime;

// The library makes holders only from replies of a server; the tests of the binary have one.
fn press(state: &mut State, code: KeyCode) {
    state.key(KeyEvent::from(code));
}

fn drawn(state: &mut State) -> String {
    let mut terminal = Terminal::new(TestBackend::new(100, 12)).unwrap();
    terminal.draw(|frame| draw(frame, state)).unwrap();
    terminal.backend().to_string()
}
