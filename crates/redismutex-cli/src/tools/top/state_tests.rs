//! The view, driven by samples and keys, and drawn on a buffer.

use super::super::draw::draw;
use super::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Color;
use std::time::SystemTime;

fn row(key: &str, fence: u64, waiting: u64, left_s: u64) -> Row {
    Row {
        key: key.into(),
        label: Some(format!("web-1:7 {key}.sh")),
        age: Some(Duration::from_secs(3)),
        remaining: Some(Duration::from_secs(left_s)),
        fence: Some(fence),
        waiting,
        server_time: SystemTime::UNIX_EPOCH,
    }
}

fn view() -> (State, Instant) {
    let mut state = State::new("localhost:6379".into());
    let now = Instant::now();
    state.take(Ok(vec![row("build", 1, 0, 30), row("deploy", 2, 3, 30)]), now);
    (state, now)
}

fn press(state: &mut State, keys: &str) {
    for character in keys.chars() {
        state.key(KeyEvent::from(KeyCode::Char(character)));
    }
}

fn keys(state: &State) -> Vec<&str> {
    state.shown.iter().map(|shown| &*shown.key).collect()
}

fn drawn(state: &mut State) -> String {
    let mut terminal = Terminal::new(TestBackend::new(110, 14)).unwrap();
    terminal.draw(|frame| draw(frame, state)).unwrap();
    terminal.backend().to_string()
}

#[test]
fn every_lock_is_drawn_with_what_is_known_of_it() {
    let (mut state, _) = view();
    let picture = drawn(&mut state);
    for word in ["localhost:6379", "KEY", "deploy", "web-1:7 build.sh", "|||", "30s]", "Quit"] {
        assert!(picture.contains(word), "{word} is missing:\n{picture}");
    }
}

#[test]
fn a_lease_that_runs_out_turns_yellow_then_red() {
    let (mut state, now) = view();
    let colours = [30, 12, 3].map(|left| {
        // On the second row: the bar of the selection hides the colours of the first.
        state.take(Ok(vec![row("build", 1, 0, 30), row("zoo", 9, 0, left)]), now);
        let mut terminal = Terminal::new(TestBackend::new(110, 14)).unwrap();
        terminal.draw(|frame| draw(frame, &mut state)).unwrap();
        let cells = terminal.backend().buffer().content();
        cells.iter().rfind(|cell| cell.symbol() == "|").map(|cell| cell.fg)
    });
    assert_eq!(colours, [Color::Green, Color::Yellow, Color::Red].map(Some));
}

#[test]
fn a_changed_fence_is_a_hand_off() {
    let (mut state, now) = view();
    for (second, fence) in [(1, 10), (2, 11), (3, 11), (4, 12)] {
        let at = now + Duration::from_secs(second);
        state.take(Ok(vec![row("build", fence, 0, 30), row("deploy", 2, 3, 30)]), at);
    }
    assert_eq!(state.shown[0].hand_offs, 3.0 / 4.0);
    assert_eq!(state.shown[1].hand_offs, 0.0);
    state.take(Ok(vec![row("build", 12, 0, 30)]), now + Duration::from_secs(60));
    assert_eq!(state.shown[0].hand_offs, 0.0);
}

#[test]
fn more_hand_offs_than_looks_are_shown_as_a_lower_bound() {
    let (mut state, now) = view();
    for look in 1..=20 {
        // A thousand a second; the other once in five seconds.
        let rows = vec![row("build", 500 * look, 0, 30), row("deploy", 2 + look / 10, 3, 30)];
        state.take(Ok(rows), now + Duration::from_millis(500 * look));
    }
    let picture = drawn(&mut state);
    assert!(picture.contains("≥2.0") && picture.contains(" 0.2"), "{picture}");
    assert!(picture.contains("hand-offs/s ≥2.2"), "the sum is one, too: {picture}");
}

#[test]
fn s_sorts_and_the_bar_stays_on_its_lock() {
    let (mut state, _) = view();
    assert_eq!(keys(&state), ["build", "deploy"]);
    press(&mut state, "s");
    assert_eq!(keys(&state), ["deploy", "build"]);
    assert_eq!(state.selected().map(|shown| &*shown.key), Some("build"));
    press(&mut state, "k");
    assert_eq!(state.selected().map(|shown| &*shown.key), Some("deploy"));
    press(&mut state, "kjjj");
    assert_eq!(state.selected().map(|shown| &*shown.key), Some("build"));
}

#[test]
fn the_filter_takes_letters_that_are_keys_elsewhere() {
    let (mut state, _) = view();
    press(&mut state, "/q");
    assert!(keys(&state).is_empty() && !state.left);
    assert!(drawn(&mut state).contains("none matches"));
    state.key(KeyEvent::from(KeyCode::Backspace));
    press(&mut state, "DEPL");
    state.key(KeyEvent::from(KeyCode::Enter));
    assert_eq!(keys(&state), ["deploy"]);
    state.key(KeyEvent::from(KeyCode::Esc));
    assert_eq!(keys(&state).len(), 2);
}

#[test]
fn what_is_paused_stays() {
    let (mut state, now) = view();
    press(&mut state, " ");
    state.take(Ok(Vec::new()), now);
    assert_eq!(keys(&state).len(), 2);
    press(&mut state, " ");
    state.take(Ok(Vec::new()), now);
    assert!(drawn(&mut state).contains("nobody holds a lock"));
}

#[test]
fn trouble_is_told_and_the_last_look_stays() {
    let (mut state, now) = view();
    state.take(Err("connection refused".into()), now);
    let picture = drawn(&mut state);
    assert!(picture.contains("connection refused") && picture.contains("deploy"), "{picture}");
}

#[test]
fn q_and_ctrl_c_leave_and_question_mark_helps() {
    let (mut state, _) = view();
    press(&mut state, "?");
    assert!(drawn(&mut state).contains("filter by key or holder"));
    press(&mut state, "j");
    assert!(!state.help && !state.left);
    press(&mut state, "q");
    assert!(state.left);
    let (mut state, _) = view();
    press(&mut state, "/");
    state.key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL));
    assert!(state.left);
}
