//! The verdict must be able to be bad: histories that break the mutex are called broken.

use super::{History, Hold, jain, parse};

fn hold(worker: usize, waiting: u64, acquired: u64, releasing: u64, fence: u64) -> Hold {
    Hold { worker, waiting, acquired, releasing, released: releasing + 1, fence: Some(fence) }
}

#[test]
fn one_after_another_is_no_violation() {
    let history = History::new(2, vec![hold(1, 5, 20, 30, 2), hold(0, 0, 10, 20, 1)]);
    assert_eq!(history.violations(), Vec::<String>::new());
}

#[test]
fn an_overlap_is_found_behind_a_short_hold() {
    // The third overlaps the first, and not its neighbour in the order.
    let history =
        History::new(3, vec![hold(0, 0, 10, 100, 1), hold(1, 0, 20, 30, 2), hold(2, 0, 40, 50, 3)]);
    let found = history.violations();
    assert_eq!(found.len(), 2);
    assert!(found[1].contains("worker 3 held the lock while worker 1"), "{found:?}");
}

#[test]
fn a_fence_that_does_not_grow_is_found() {
    let history = History::new(2, vec![hold(0, 0, 10, 20, 7), hold(1, 0, 30, 40, 7)]);
    assert_eq!(history.violations(), ["fence 7 was followed by 7"]);
}

#[test]
fn only_who_already_waited_was_handed_the_lock() {
    let history = History::new(
        2,
        vec![hold(0, 0, 10, 20, 1), hold(1, 15, 23, 30, 2), hold(0, 35, 40, 50, 3)],
    );
    assert_eq!([0, 1, 2].map(|at| history.hand_off(at)), [None, Some(3), None]);
}

#[test]
fn lines_are_read_as_written() {
    assert_eq!(parse(0, "1 2 3 4 9"), Some(hold(0, 1, 2, 3, 9)));
    assert_eq!(parse(0, "1 2 3 4 -").map(|hold| hold.fence), Some(None));
    for wrong in ["", "1 2 3 4", "1 2 3 4 x", "2 1 3 4 9", "1 2 3 4 9 9"] {
        assert_eq!(parse(0, wrong), None, "{wrong}");
    }
}

#[test]
fn fairness_is_between_one_and_one_nth() {
    assert!((jain(&[5, 5, 5, 5]) - 1.0).abs() < 1e-9);
    assert!((jain(&[20, 0, 0, 0]) - 0.25).abs() < 1e-9);
}
