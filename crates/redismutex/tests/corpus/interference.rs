//! What others may do to the key while we hold it.

use crate::bench::{Bench, Kind, ms, on_both_faces};
use redismutex::Error;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

on_both_faces! {
    whatever_becomes_of_the_key_is_noticed_and_left_alone
    what_leaves_the_key_ours_is_no_loss
    fences_grow_over_everything_that_can_be_deleted
    a_restart_without_data_does_not_set_fences_back
    waiters_far_back_learn_of_lost_data_when_a_lease_would_have_ended
    waiters_far_back_learn_of_lost_data_though_another_took_the_lock_meanwhile
}

/// Each takes the key away, or makes it another's: a loss, and the next one gets what is left.
fn whatever_becomes_of_the_key_is_noticed_and_left_alone(kind: Kind) {
    let interference: [(&[&str], Option<&str>); 9] = [
        (&["DEL", "k"], None),
        (&["UNLINK", "k"], None),
        (&["PEXPIRE", "k", "1"], None),
        (&["RENAME", "k", "elsewhere"], None),
        (&["FLUSHDB"], None),
        (&["SWAPDB", "0", "5"], None),
        (&["SET", "k", "another's", "PX", "60000"], Some("another's")),
        (&["SET", "k", "", "PX", "60000"], Some("")),
        (&["APPEND", "k", "x"], Some("ours, and more")),
    ];
    for (command, left) in interference {
        let bench = Bench::new(kind);
        let guard = bench.direct().expiry(ms(900)).acquire("k").unwrap();
        let value = guard.value().to_owned();
        bench.admin.cmd(command);
        assert!(guard.lost_within(ms(5000)), "{command:?}: nobody is told");
        assert!(!guard.is_valid(), "{command:?}");
        let outcome = guard.release();
        assert!(matches!(outcome, Err(Error::Lost { .. })), "{command:?}: {outcome:?}");
        let expected = left.map(|left| match left {
            "ours, and more" => format!("{value}x"),
            other => other.to_owned(),
        });
        // Ours had an expiry when it was taken over: it may be over by now.
        let found = bench.admin.get("k");
        let lapsed = command[0] == "APPEND" && found.is_none();
        assert!(found == expected || lapsed, "{command:?}: {found:?}");
        bench.admin.del("k");
        bench.direct().acquire("k").unwrap().release().unwrap();
    }
}

/// Each leaves the record ours, with another expiry: the next renewal makes it long enough.
fn what_leaves_the_key_ours_is_no_loss(kind: Kind) {
    let commands = [
        (&["PERSIST", "k"][..], 900),
        (&["PEXPIRE", "k", "60000"], 60_000),
        (&["PEXPIRE", "k", "700"], 900),
    ];
    for (command, most) in commands {
        let bench = Bench::new(kind);
        let guard = bench.direct().expiry(ms(900)).acquire("k").unwrap();
        bench.admin.cmd(command);
        thread::sleep(ms(1500));
        assert!(guard.is_valid(), "{command:?}");
        assert!((1..=most).contains(&bench.admin.pttl("k")), "{command:?}");
        guard.release().unwrap();
        assert!(!bench.admin.exists("k"), "{command:?}");
    }
}

fn fences_grow_over_everything_that_can_be_deleted(kind: Kind) {
    let bench = Bench::new(kind);
    let mutex = bench.direct();
    let mut last = mutex.acquire("k").unwrap().fence();
    for command in [&["FLUSHALL"][..], &["DEL", "redismutex:{k}:grant"], &["FLUSHDB"]] {
        bench.admin.cmd(command);
        let guard = mutex.acquire("k").unwrap();
        assert!(guard.fence() > last, "{command:?}: {:?} after {last:?}", guard.fence());
        last = guard.fence();
        drop(guard);
    }
    // A record from a server whose clock was ahead is respected, however far.
    let ahead = "4000000000000000 1 t";
    bench.admin.cmd(&["SET", "redismutex:{k}:grant", ahead, "PX", "60000"]);
    thread::sleep(ms(20));
    let guard = mutex.acquire("k").unwrap();
    assert_eq!(guard.fence().map(u64::from), Some(4_000_000_000_000_001));
    assert!(guard.fence() > last);
}

fn a_restart_without_data_does_not_set_fences_back(kind: Kind) {
    let bench = Bench::new(kind);
    let mutex = bench.direct().block(ms(10_000));
    let before = mutex.acquire("k").unwrap().fence();
    bench.server.restart();
    let guard = mutex.acquire("k").unwrap();
    assert!(guard.fence() > before, "{:?} after {before:?}", guard.fence());
    guard.release().unwrap();
}

/// Waiters of many processes, all of whom have looked at their place for the last time for long; each takes its turn and
/// lets go at once.
fn queue(bench: &Bench, count: usize) -> Vec<JoinHandle<Instant>> {
    let waiter = |so_many: usize| {
        let mutex = bench.mutex().expiry(ms(2000)).block(ms(60_000));
        let waiter = thread::spawn(move || {
            drop(mutex.acquire("k").unwrap());
            Instant::now()
        });
        bench.queued("k", so_many as i64);
        waiter
    };
    let waiters = (1..=count).map(waiter).collect();
    thread::sleep(ms(600));
    waiters
}

fn all_within(waiters: Vec<JoinHandle<Instant>>, since: Instant, patience: Duration) {
    for waiter in waiters {
        let wait = waiter.join().unwrap().saturating_duration_since(since);
        assert!(wait < patience, "{wait:?}");
    }
}

fn waiters_far_back_learn_of_lost_data_when_a_lease_would_have_ended(kind: Kind) {
    let bench = Bench::new(kind);
    let guard = bench.direct().expiry(ms(2000)).acquire("k").unwrap();
    let waiters = queue(&bench, 20);
    let flushed = Instant::now();
    bench.admin.flush_all();
    all_within(waiters, flushed, ms(2000 + 2500));
    drop(guard);
}

fn waiters_far_back_learn_of_lost_data_though_another_took_the_lock_meanwhile(kind: Kind) {
    let bench = Bench::new(kind);
    let guard = bench.direct().expiry(ms(2000)).acquire("k").unwrap();
    let waiters = queue(&bench, 20);
    let flushed = Instant::now();
    bench.admin.flush_all();
    let other = bench.direct().expiry(ms(30_000)).acquire("k").unwrap();
    thread::sleep(ms(2500));
    other.release().unwrap();
    all_within(waiters, flushed, ms(2500 + 2500));
    drop(guard);
}
