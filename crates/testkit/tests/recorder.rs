//! What is recorded is what is read, and deadlines are those that were believed in.

use std::cell::Cell;
use std::time::Duration;

use redismutex_testkit::history::Kind::{
    self, Acquired, Failed, Killed, Lost, Released, Renewed, Wait,
};
use redismutex_testkit::history::{Recorder, check, deadline_ns, now_ns, read};

#[test]
fn what_is_recorded_is_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history");
    assert!(Recorder::append(&path).is_err());
    let recorder = Recorder::create(&path).unwrap();
    let before = now_ns();
    let deadline = deadline_ns(|| Duration::from_secs(7));
    recorder.wait("a key", "w1");
    recorder.acquired("a key", "w1", Some(3), Some(deadline));
    recorder.renewed("a key", "w1", deadline + 1);
    Recorder::append(&path).unwrap().released("a key", "w1");
    recorder.wait("a key", "w2");
    recorder.failed("a key", "w2");
    recorder.lost("a key", "w1");
    recorder.killed(77);
    let events = read(&path).unwrap();
    let kinds: Vec<Kind> = events.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [Wait, Acquired, Renewed, Released, Wait, Failed, Lost, Killed]);
    assert!(events.windows(2).all(|pair| pair[0].t_ns <= pair[1].t_ns));
    assert_eq!((&events[1].key[..], events[1].fence), ("a key", Some(3)));
    assert!(deadline >= before + 7_000_000_000 && deadline <= now_ns() + 7_000_000_000);
    assert_eq!((events[1].pid, events[7].pid), (std::process::id(), 77));
    check(&events).assert_sound();
    Recorder::create(&path).unwrap();
    assert_eq!(read(&path).unwrap(), []);
}

#[test]
fn a_deadline_is_not_taken_from_two_different_times() {
    let tries = Cell::new(0);
    let deadline = deadline_ns(|| {
        tries.set(tries.get() + 1);
        if tries.get() == 1 {
            std::thread::sleep(Duration::from_millis(20));
        }
        Duration::ZERO
    });
    assert!(tries.get() > 1);
    assert!(deadline <= now_ns());
}
