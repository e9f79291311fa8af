//! The judge of histories acquits the innocent and, more important, convicts the guilty.

use std::time::Duration;

use redismutex_testkit::history::{Event, Report, check};

/// `when pid kind owner [fence] [until]`, one event a line; `-` for no fence. The key is `k`, or
/// what stands before a `/` in the owner's place.
fn history(text: &str) -> Vec<Event> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(event).collect()
}

fn event(line: &str) -> Event {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let place = fields.get(3).copied().unwrap_or("");
    let (key, owner) = place.split_once('/').unwrap_or(("k", place));
    let field = |n: usize| fields.get(n).copied().unwrap_or("-");
    format!("{} {} {} {key} {owner} {} {}", field(0), field(1), field(2), field(4), field(5))
        .parse()
        .unwrap_or_else(|error| panic!("{line:?}: {error}"))
}

fn judge(text: &str) -> Report {
    check(&history(text))
}

fn overlaps(text: &str) -> usize {
    judge(text).overlaps.len()
}

#[test]
fn one_after_the_other_is_sound() {
    let report = judge(
        "10 1 wait a
         20 1 acquired a 1 1000
         15 2 wait b
         50 1 released a
         50 2 acquired b 2 1000
         90 2 released b",
    );
    report.assert_sound();
    assert_eq!(report.acquisitions, 2);
    assert_eq!(report.longest_wait, Duration::from_nanos(35));
    assert!((report.jain - 1.0).abs() < 1e-9);
}

#[test]
fn two_believers_at_once_are_found() {
    let report = judge(
        "10 1 acquired a 1 100
         99 2 acquired b 2 200",
    );
    assert_eq!(report.overlaps.len(), 1);
    let overlap = &report.overlaps[0];
    assert_eq!((overlap.first.pid, overlap.second.pid), (1, 2));
    assert_eq!(overlap.length(), Duration::from_nanos(1));
    let text = report.to_string();
    assert!(text.contains("two held \"k\"") && text.contains("process 2 attempt b"), "{text}");
    assert!(std::panic::catch_unwind(|| report.assert_sound()).is_err());
}

#[test]
fn two_threads_of_one_process_are_two() {
    assert_eq!(overlaps("10 1 acquired a 1 100\n 20 1 acquired b 2 100"), 1);
}

#[test]
fn a_belief_ends_with_whatever_comes_first() {
    let ends = [
        ("its deadline", ""),
        ("a release", "40 1 released a"),
        ("news of the loss", "40 1 lost a"),
        ("death", "40 1 killed"),
    ];
    for (what, end) in ends {
        let deadline = if end.is_empty() { 40 } else { 1000 };
        let until = |begin: u32| {
            overlaps(&format!("10 1 acquired a - {deadline}\n{end}\n{begin} 2 acquired b - 99"))
        };
        assert_eq!(until(40), 0, "{what}");
        assert_eq!(until(39), 1, "{what}");
    }
    // What comes later than the first end changes nothing.
    assert_eq!(overlaps("10 1 acquired a - 40\n50 1 released a\n45 2 acquired b - 99"), 0);
}

#[test]
fn a_belief_without_deadline_lasts() {
    assert_eq!(overlaps("10 1 acquired a\n1000000 2 acquired b"), 1);
}

#[test]
fn a_death_ends_only_the_beliefs_of_the_dead() {
    assert_eq!(overlaps("10 1 acquired a - 99\n20 3 killed\n30 2 acquired b - 99"), 1);
}

#[test]
fn the_last_deadline_counts_whether_later_or_sooner() {
    let renewed = |until: u32| {
        overlaps(&format!(
            "10 1 acquired a - 40\n20 1 renewed a - {until}\n35 2 acquired b - 38\n50 2 acquired c - 99"
        ))
    };
    assert_eq!(renewed(60), 2);
    assert_eq!(renewed(30), 0);
}

#[test]
fn between_a_passed_deadline_and_a_renewal_nobody_believes() {
    let other = |from: u32, until: u32| {
        judge(&format!(
            "10 1 acquired a 1 40
             60 1 renewed a - 80
             {from} 2 acquired b 2 {until}
             {until} 2 released b"
        ))
    };
    other(45, 55).assert_sound();
    assert_eq!(other(45, 65).overlaps.len(), 1);
    assert_eq!(other(70, 75).overlaps.len(), 1);
}

#[test]
fn what_is_over_when_it_is_learned_of_is_no_belief() {
    let report = judge(
        "10 1 acquired a 2 1000
         20 2 acquired late 1 15",
    );
    report.assert_sound();
    assert_eq!(report.acquisitions, 2);
}

#[test]
fn other_keys_do_not_matter() {
    let report = judge("10 1 acquired x/a 5 100\n20 2 acquired y/b 4 100\n30 3 acquired z/c 3 99");
    report.assert_sound();
}

#[test]
fn every_newcomer_during_a_long_belief_is_found() {
    let text = "10 1 acquired a - 1000
                20 2 acquired b - 30
                40 3 acquired c - 50
                1000 4 acquired d - 2000";
    assert_eq!(overlaps(text), 2);
}

#[test]
fn the_order_of_the_lines_does_not_matter() {
    let mut events = history("10 1 acquired a 1 100\n40 1 released a\n50 2 acquired b 2 100");
    check(&events).assert_sound();
    events.reverse();
    check(&events).assert_sound();
}

#[test]
fn fences_must_grow() {
    let second = |fence: u32| {
        judge(&format!(
            "10 1 acquired a 7 100
             20 1 released a
             30 2 acquired b {fence} 100
             40 2 released b"
        ))
    };
    second(8).assert_sound();
    for stale in [7, 6] {
        let report = second(stale);
        assert_eq!(report.stale_fences.len(), 1);
        assert!(report.to_string().contains("was 7 already"), "{report}");
    }
}

#[test]
fn a_fence_is_compared_with_all_that_came_before() {
    let report = judge(
        "10 1 acquired a 7 20
         30 2 acquired b - 40
         50 3 acquired c 9 60
         70 4 acquired d 8 80",
    );
    assert_eq!(report.stale_fences.len(), 1);
    assert_eq!((report.stale_fences[0].before, report.stale_fences[0].later.pid), (9, 4));
}

#[test]
fn grants_that_overlap_have_no_order() {
    let report = judge("10 1 acquired a 8 100\n20 2 acquired b 7 90");
    assert_eq!((report.overlaps.len(), report.stale_fences.len()), (1, 0));
}

#[test]
fn when_a_grant_that_came_too_late_was_made_is_unknown() {
    judge("10 1 acquired a 7 15\n20 2 acquired late 6 18").assert_sound();
}

#[test]
fn a_grant_that_came_too_late_still_raises_the_fence() {
    let report = judge("10 1 acquired late 8 5\n20 2 acquired b 7 90");
    assert_eq!(report.stale_fences.len(), 1);
}

#[test]
fn waits_are_measured_and_the_unanswered_counted() {
    let report = judge(
        "10 1 wait a
         10 2 wait b
         10 3 wait c
         10 4 wait d
         30 2 failed b
         40 3 killed
         90 4 acquired d - 99",
    );
    assert_eq!(report.unanswered, 1);
    assert_eq!(report.longest_wait, Duration::from_nanos(80));
    report.assert_sound();
}

#[test]
fn fairness_counts_those_who_got_nothing() {
    let mut text = String::from("1 4 wait x\n1 3 wait y\n1 2 wait z\n");
    for n in 0..10 {
        text += &format!("{} 1 acquired a{n} - {}\n", 10 * n, 10 * n + 5);
    }
    assert!((judge(&text).jain - 0.25).abs() < 1e-9);
    assert!((check(&[]).jain - 1.0).abs() < 1e-9);
}

#[test]
fn mistakes_of_the_test_are_not_taken_for_soundness() {
    for text in [
        "10 1 released a",
        "10 1 renewed a - 50",
        "10 1 lost a",
        "10 1 acquired a - 50\n20 1 acquired a - 60",
        "10 1 wait a\n20 1 wait a",
    ] {
        let report = judge(text);
        assert_eq!(report.nonsense.len(), 1, "{text}");
        assert!(!report.is_sound(), "{text}");
    }
    judge("10 1 acquired a - 50\n20 1 lost a\n21 1 released a\n22 1 renewed a - 90").assert_sound();
}
