//! Connections that break, hang or cannot be had, and servers that forget their scripts.

use crate::bench::{
    Bench, Kind, acquire_requests, extend_requests, ms, on_both_faces, release_requests, within,
};
use redismutex::Error;
use redismutex_testkit::proxy::{Action, Direction, Matcher, Rule};
use std::thread;
use std::time::{Duration, Instant};

on_both_faces! {
    waiter_whose_connection_is_killed_goes_on_waiting
    waiter_behind_a_black_hole_goes_on_when_it_is_gone
    waiter_behind_a_black_hole_gives_up_in_time
    refused_connections_are_not_asked_for_in_a_hot_loop
    hanging_connections_are_not_asked_for_in_a_hot_loop
    forgotten_scripts_are_sent_again
    guard_dropped_on_a_dead_connection_is_given_back
    guard_dropped_last_on_a_dead_connection_is_given_back
}

/// Past its block time an acquisition may wait so long for an answer.
const PATIENCE: Duration = ms(4000);

fn waiter_whose_connection_is_killed_goes_on_waiting(kind: Kind) {
    let bench = Bench::new(kind);
    let guard = bench.direct().acquire("k").unwrap();
    let waiters = [1, 2].map(|place| {
        let waiter = bench.mutex().block(ms(20_000)).acquiring("k");
        bench.queued("k", place);
        waiter
    });
    for _ in 0..3 {
        bench.admin.kill_clients();
        thread::sleep(ms(150));
    }
    let released = Instant::now();
    guard.release().unwrap();
    let [first, second] = waiters;
    let (guard, wait) = first.guard_after(released);
    assert!(wait < ms(2000), "{wait:?}: long before any lease ends");
    assert!(!second.is_over(), "they keep their places");
    let released = Instant::now();
    guard.release().unwrap();
    let (guard, wait) = second.guard_after(released);
    assert!(wait < ms(2000), "{wait:?}");
    guard.release().unwrap();
}

fn waiter_behind_a_black_hole_goes_on_when_it_is_gone(kind: Kind) {
    let bench = Bench::new(kind);
    let guard = bench.direct().expiry(ms(1000)).acquire("k").unwrap();
    let waiter = bench.mutex().expiry(ms(1000)).block(ms(20_000)).acquiring("k");
    bench.queued("k", 1);
    bench.proxy.blackhole(Direction::Both);
    guard.release().unwrap();
    // The grant goes into the hole and its lease ends; what comes out late must not be believed.
    assert!(bench.gone_within("k", ms(5000)));
    bench.admin.cmd(&["SET", "k", "other", "PX", "1500"]);
    let other = Instant::now();
    bench.proxy.heal();
    let (guard, _) = waiter.guard_after(other);
    assert!(guard.is_valid());
    assert_eq!(bench.admin.get("k").as_deref(), Some(guard.value()), "not while the other has it");
    guard.release().unwrap();
}

fn waiter_behind_a_black_hole_gives_up_in_time(kind: Kind) {
    let bench = Bench::new(kind);
    let guard = bench.direct().acquire("k").unwrap();
    let begun = Instant::now();
    let waiter = bench.mutex().block(ms(1000)).acquiring("k");
    bench.queued("k", 1);
    bench.proxy.blackhole(Direction::Both);
    let (outcome, when) = waiter.end();
    let outcome = outcome.map(drop);
    let is_error =
        matches!(outcome, Err(Error::Unavailable { .. } | Error::BlockTimeExceeded { .. }));
    assert!(is_error, "{outcome:?}");
    assert!(when - begun < ms(1000) + PATIENCE);
    guard.release().unwrap();
    // It is in the queue still, or was granted the lock: it must be out of the way before long.
    bench.proxy.heal();
    assert!(bench.gone_within("k", ms(5000)));
}

/// So many connections a second may be tried for, by the face itself and by its background.
const TRIES_A_SECOND: u64 = 25;

fn assert_few_connections(bench: &Bench) {
    let mutex = bench.mutex().block(ms(2000));
    let begun = Instant::now();
    let waiters: Vec<_> = (0..50).map(|_| mutex.acquiring("k")).collect();
    for waiter in waiters {
        let (outcome, when) = waiter.end();
        let outcome = outcome.map(drop);
        assert!(matches!(outcome, Err(Error::Unavailable { .. })), "{outcome:?}");
        assert!(when - begun < ms(2000) + PATIENCE);
    }
    let tried = bench.proxy.connections();
    let bound = (begun.elapsed().as_secs() + 1) * TRIES_A_SECOND;
    assert!((1..=bound).contains(&tried), "{tried} connections in {:?}", begun.elapsed());
    bench.proxy.heal();
    mutex.block(ms(5000)).acquire("k").unwrap().release().unwrap();
}

fn refused_connections_are_not_asked_for_in_a_hot_loop(kind: Kind) {
    let bench = Bench::new(kind);
    bench.proxy.refuse();
    assert_few_connections(&bench);
}

fn hanging_connections_are_not_asked_for_in_a_hot_loop(kind: Kind) {
    let bench = Bench::new(kind);
    bench.proxy.accept_and_hang();
    assert_few_connections(&bench);
}

fn forgotten_scripts_are_sent_again(kind: Kind) {
    let bench = Bench::new(kind);
    let mutex = bench.mutex().expiry(ms(900)).block(ms(10_000));
    for _ in 0..3 {
        bench.admin.script_flush();
        let mut guard = mutex.acquire("k").unwrap();
        bench.admin.script_flush();
        guard.extend(ms(900)).unwrap();
        let waiter = mutex.acquiring("k");
        bench.queued("k", 1);
        bench.admin.script_flush();
        guard.release().unwrap();
        let guard = waiter.end().0.unwrap();
        bench.admin.script_flush();
        guard.release().unwrap();
        assert!(!bench.admin.exists("k"));
    }
    // Before every renewal, and before a release that nobody waits for.
    let guard = mutex.acquire("k").unwrap();
    let until = Instant::now() + ms(1500);
    while Instant::now() < until {
        bench.admin.script_flush();
        assert!(guard.is_valid());
        thread::sleep(ms(10));
    }
    bench.admin.script_flush();
    drop(guard);
    assert!(within(ms(600), || !bench.admin.exists("k")), "given back, not run out");
    let whole = Matcher::command("EVAL");
    assert!(bench.proxy.requests_matching(&whole) > 0, "scripts were sent in full");
}

fn guard_dropped_on_a_dead_connection_is_given_back(kind: Kind) {
    let bench = Bench::new(kind);
    let mutex = bench.mutex().expiry(ms(30_000));
    let guard = mutex.acquire("k").unwrap();
    bench.admin.kill_clients();
    drop(guard);
    assert!(bench.gone_within("k", ms(3000)), "long before its lease ends");
}

/// With the guard goes all that could try again.
fn guard_dropped_last_on_a_dead_connection_is_given_back(kind: Kind) {
    let bench = Bench::new(kind);
    let guard = bench.direct().expiry(ms(30_000)).acquire("k").unwrap();
    bench.admin.kill_clients();
    drop(guard);
    assert!(bench.gone_within("k", ms(3000)), "long before its lease ends");
}

#[test]
fn a_killed_connection_costs_no_waiter_its_grant() {
    // The release's push is lost with the connection it was written to.
    let bench = Bench::new(Kind::Async);
    let guard = bench.direct().acquire("k").unwrap();
    let waiter = bench.mutex().block(ms(20_000)).acquiring("k");
    bench.queued("k", 1);
    let push = Rule::when(Matcher::push_containing("message")).nth(1).then(Action::CloseBefore);
    let lost = bench.proxy.rule(push);
    let released = Instant::now();
    guard.release().unwrap();
    let (guard, wait) = waiter.guard_after(released);
    assert_eq!(lost.fired(), 1);
    assert!(wait < ms(2000), "{wait:?}: asks at once after it connected again");
    guard.release().unwrap();
    let log = [acquire_requests(), extend_requests(), release_requests()];
    let counts = log.map(|requests| bench.proxy.requests_matching(&requests));
    assert!(counts.iter().sum::<usize>() < 12, "{counts:?}");
}
