//! Waiters that could be forgotten.

use crate::bench::{Bench, Kind, Mutex, ms, on_both_faces};
use redismutex_testkit::proxy::{Action, Matcher, Rule};
use redismutex_testkit::{Server, child};
use std::thread::{self, JoinHandle};
use std::time::Instant;

on_both_faces! {
    a_release_while_the_subscription_is_on_its_way_is_not_missed
    a_doubled_push_is_one_grant
    channels_that_are_taken_away_leave_nobody_waiting
    a_queue_that_was_deleted_is_made_again
    waiters_of_a_stopped_process_cost_a_lease_each_at_most
}

#[test]
#[ignore = "runs in a child process"]
fn worker() {
    if child::role().is_none() {
        return;
    }
    let url = std::env::var("URL").unwrap();
    let mutex = redismutex::blocking::RedisMutex::builder(url).expiry(ms(400)).connect().unwrap();
    let mutex = mutex.with_block_time(ms(60_000));
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let mutex = mutex.clone();
            thread::spawn(move || mutex.acquire("k").map(drop))
        })
        .collect();
    for waiting in waiting {
        let _ = waiting.join();
    }
}

fn a_release_while_the_subscription_is_on_its_way_is_not_missed(kind: Kind) {
    for action in [Action::HoldReply, Action::HoldRequest] {
        let bench = Bench::new(kind);
        let guard = bench.direct().expiry(ms(30_000)).acquire("k").unwrap();
        let subscribes = Matcher::command("SUBSCRIBE");
        let held = bench.proxy.rule(Rule::when(subscribes).nth(1).then(action));
        let waiter = bench.mutex().block(ms(20_000)).acquiring("k");
        assert!(held.wait_fired(ms(10_000)), "{action:?}");
        guard.release().unwrap();
        thread::sleep(ms(200));
        assert!(!waiter.is_over(), "it knows of nothing yet");
        bench.proxy.let_go();
        let (guard, wait) = waiter.guard_after(Instant::now());
        assert!(wait < ms(2000), "{action:?}: {wait:?}");
        guard.release().unwrap();
    }
}

fn a_doubled_push_is_one_grant(kind: Kind) {
    let bench = Bench::new(kind);
    let pushes = Matcher::push_containing("message");
    let doubled = bench.proxy.rule(Rule::when(pushes).then(Action::DuplicateRequest));
    let mutex = bench.mutex().block(ms(20_000));
    for _ in 0..5 {
        let guard = bench.direct().acquire("k").unwrap();
        let waiter = mutex.acquiring("k");
        bench.queued("k", 1);
        guard.release().unwrap();
        let guard = waiter.end().0.unwrap();
        thread::sleep(ms(30));
        assert!(guard.is_valid());
        assert_eq!(bench.admin.get("k").as_deref(), Some(guard.value()), "not passed on");
        guard.release().unwrap();
        assert!(bench.gone_within("k", ms(5000)), "and not taken again");
    }
    assert!(doubled.fired() >= 5);
}

/// Three in the queue, who say when they got it and let go at once.
fn three(bench: &Bench, mutex: &Mutex) -> Vec<JoinHandle<Instant>> {
    let turn = |mutex: Mutex| {
        thread::spawn(move || {
            let _guard = mutex.acquire("k").unwrap();
            Instant::now()
        })
    };
    let three = (0..3).map(|_| turn(mutex.clone())).collect();
    bench.queued("k", 3);
    three
}

/// The server cuts off whoever listens where it may not any more.
fn channels_that_are_taken_away_leave_nobody_waiting(kind: Kind) {
    let server = Server::start();
    let admin = server.admin();
    admin.acl_setuser("app", &["on", ">secret", "~*", "&*", "+@all"]);
    let bench = Bench::on(kind, server);
    let url = bench.server.url().replace("redis://", "redis://app:secret@");
    let mutex = Mutex::new(kind, url).expiry(ms(800)).block(ms(20_000));
    let guard = bench.direct().expiry(ms(800)).acquire("k").unwrap();
    let waiters = three(&bench, &mutex.delay(ms(50)));
    admin.acl_setuser("app", &["resetchannels"]);
    thread::sleep(ms(300));
    guard.release().unwrap();
    let free = Instant::now();
    for waiter in waiters {
        let wait = waiter.join().unwrap() - free;
        assert!(wait < ms(3 * 1800), "a lease and a second for each at the very most: {wait:?}");
    }
}

fn a_queue_that_was_deleted_is_made_again(kind: Kind) {
    let bench = Bench::new(kind);
    let mutex = bench.direct().expiry(ms(700)).block(ms(20_000));
    let guard = mutex.acquire("k").unwrap();
    let waiters = three(&bench, &mutex);
    bench.admin.del("redismutex:{k}:queue");
    guard.release().unwrap();
    let free = Instant::now();
    for waiter in waiters {
        let wait = waiter.join().unwrap() - free;
        assert!(wait < ms(4000), "{wait:?}");
    }
}

/// A process that stands still answers for its waiters, for the server cannot tell: each is granted the
/// lock in its turn and lets it lapse.
fn waiters_of_a_stopped_process_cost_a_lease_each_at_most(kind: Kind) {
    let bench = Bench::new(kind);
    let mutex = bench.direct().expiry(ms(400)).block(ms(30_000));
    let guard = mutex.acquire("k").unwrap();
    let crowd = child::spawn("waiting::worker", "crowd", &[("URL", &bench.server.url())]);
    bench.queued("k", 3);
    let live = mutex.acquiring("k");
    bench.queued("k", 4);
    let stopped = crowd.pause();
    guard.release().unwrap();
    let (guard, wait) = live.guard_after(Instant::now());
    assert!(wait < ms(3 * 400 + 1500), "{wait:?}");
    println!("three waiters of a stopped process, a lease of 400 ms: {wait:?}");
    guard.release().unwrap();
    stopped.resume();
}
