//! How long a lease lasts, to the millisecond, and what it takes to keep it.

use crate::bench::{Bench, Kind, extend_requests, ms, on_both_faces, renewals, within};
use redismutex::{Error, RedisMutex, blocking};
use redismutex_testkit::proxy::{Action, Rule};
use redismutex_testkit::{Server, random_key};
use std::thread;
use std::time::{Duration, Instant};

on_both_faces! {
    the_defaults_are_five_seconds_and_seven
    a_lease_is_kept_to_the_millisecond
    no_expiry_makes_a_key_that_lives_for_ever
    every_renewal_may_fail_once
    two_extensions_at_once_are_no_loss
    a_renewal_that_comes_late_does_not_cut_an_extension_short
    an_extension_answered_after_the_lease_is_a_loss
    nothing_is_renewed_after_it_was_given_back
    a_release_that_meets_a_renewal_is_no_loss
    each_waiter_gets_its_own_expiry
}

fn the_defaults_are_five_seconds_and_seven(kind: Kind) {
    let bench = Bench::new(kind);
    let mutex = bench.direct();
    let guard = mutex.acquire("k").unwrap();
    assert!((6000..=7000).contains(&bench.admin.pttl("k")), "{}", bench.admin.pttl("k"));
    let begun = Instant::now();
    let outcome = mutex.acquire("k").map(|_| ());
    assert!(matches!(outcome, Err(Error::BlockTimeExceeded { .. })), "{outcome:?}");
    assert!(begun.elapsed() >= ms(5000) && begun.elapsed() < ms(6500), "{:?}", begun.elapsed());
    assert!(guard.is_valid());
}

fn a_lease_is_kept_to_the_millisecond(kind: Kind) {
    let bench = Bench::new(kind);
    for expiry in [1234, 1999, 60_001] {
        let guard = bench.direct().block(ms(500)).expiry(ms(expiry)).acquire("k").unwrap();
        let left = bench.admin.pttl("k");
        assert!(left <= i64::try_from(expiry).unwrap());
        assert!(left > i64::try_from(expiry).unwrap() - 900, "no whole seconds: {left}");
        guard.release().unwrap();
    }
    // A part of a millisecond is rounded up: never a shorter lease than was asked for, never none.
    let guard = bench.direct().expiry(Duration::from_micros(60_000_100)).acquire("k").unwrap();
    assert!(bench.admin.pttl("k") <= 60_001 && guard.is_valid());
}

fn no_expiry_makes_a_key_that_lives_for_ever(kind: Kind) {
    let server = Server::start();
    let admin = server.admin();
    let odd = [
        Duration::ZERO,
        Duration::from_nanos(1),
        Duration::from_micros(999),
        ms(1),
        ms(9),
        ms(10),
        ms(11),
        Duration::from_secs(3600 * 24 * 365),
        Duration::from_secs(u64::MAX / 1000),
        Duration::from_secs(u64::MAX),
        Duration::MAX,
    ];
    for expiry in odd {
        let key = random_key();
        let outcome = match kind {
            Kind::Async => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.unwrap().block_on(async {
                    let mutex = RedisMutex::connect(server.url()).await.unwrap();
                    mutex.with_expiry(expiry).try_acquire(&key).await.map(|guard| {
                        guard.into_iter().for_each(|guard| guard.leak());
                    })
                })
            }
            Kind::Blocking => {
                let mutex = blocking::RedisMutex::connect(server.url()).unwrap();
                mutex.with_expiry(expiry).try_acquire(&key).map(|guard| {
                    guard.into_iter().for_each(blocking::Guard::leak);
                })
            }
        };
        match outcome {
            Ok(()) => assert!(admin.pttl(&key) != -1, "{expiry:?} is no expiry at all"),
            Err(Error::Config { message, .. }) => assert!(message.contains("expiry"), "{message}"),
            // Shorter than its own margins on a busy machine.
            Err(error) => assert!(expiry < ms(20), "{expiry:?}: {error}"),
        }
        for key in admin.keys_matching("*") {
            assert_ne!(admin.pttl(&key), -1, "{key} after {expiry:?}");
        }
    }
}

/// Whichever renewal it is that fails, the next one makes up for it.
fn every_renewal_may_fail_once(kind: Kind) {
    let bench = Bench::new(kind);
    let guard = bench.mutex().expiry(ms(1200)).acquire("k").unwrap();
    let actions = [Action::CloseBefore, Action::CloseAfterForward, Action::ResetAfterForward];
    for action in actions {
        let failing = bench.proxy.rule(Rule::when(extend_requests()).nth(1).then(action));
        assert!(failing.wait_fired(ms(10_000)), "{action:?}: no renewal came");
        let again = within(ms(10_000), || failing.matched() >= 2);
        assert!(again, "{action:?}: none came after it");
        failing.remove();
        assert!(guard.is_valid(), "{action:?}");
    }
    assert!(!guard.lost_within(ms(800)));
    guard.release().unwrap();
}

fn two_extensions_at_once_are_no_loss(kind: Kind) {
    let bench = Bench::new(kind);
    let mut guard = bench.direct().acquire("k").unwrap();
    for _ in 0..50 {
        guard.extend(ms(9000)).unwrap();
    }
    assert!(guard.is_valid() && guard.remaining() > ms(7000));
    guard.release().unwrap();
}

fn a_renewal_that_comes_late_does_not_cut_an_extension_short(kind: Kind) {
    let bench = Bench::new(kind);
    let mut guard = bench.mutex().block(ms(500)).expiry(ms(900)).acquire("k").unwrap();
    let late = Action::DelayRequest(ms(400));
    let late = bench.proxy.rule(Rule::when(renewals()).first(1).then(late));
    assert!(within(ms(5000), || late.matched() > 0), "no renewal came");
    guard.extend(ms(30_000)).unwrap();
    thread::sleep(ms(1500));
    assert!(guard.is_valid() && guard.remaining() > ms(20_000), "{:?}", guard.remaining());
    assert!(bench.admin.pttl("k") > 20_000, "{}", bench.admin.pttl("k"));
    guard.extend(ms(2000)).unwrap();
    assert!(bench.admin.pttl("k") <= 2000, "an extension replaces what is left");
    guard.release().unwrap();
}

fn an_extension_answered_after_the_lease_is_a_loss(kind: Kind) {
    let bench = Bench::new(kind);
    let mutex = bench.mutex().block(ms(500)).expiry(ms(600)).no_renewal();
    let mut guard = mutex.acquire("k").unwrap();
    let late = Action::DelayReply(ms(900));
    let late = bench.proxy.rule(Rule::when(extend_requests()).then(late));
    let outcome = guard.extend(ms(30_000));
    assert!(matches!(outcome, Err(Error::Lost { .. })), "{outcome:?}");
    assert!(late.fired() > 0 && !guard.is_valid());
    drop(guard);
    assert!(bench.gone_within("k", ms(10_000)), "what it did extend is given back");
}

fn nothing_is_renewed_after_it_was_given_back(kind: Kind) {
    let bench = Bench::new(kind);
    let mutex = bench.mutex().block(ms(2000)).expiry(ms(150));
    for turn in 0..12 {
        let guard = mutex.acquire("k").unwrap();
        // Long enough for a renewal or two, which this may then meet.
        thread::sleep(ms(30 + 7 * turn));
        if turn % 2 == 0 { drop(guard) } else { drop(guard.release()) }
    }
    thread::sleep(ms(150));
    bench.proxy.clear_log();
    thread::sleep(ms(600));
    let after = bench.proxy.requests_matching(&extend_requests());
    assert_eq!(after, 0, "the dead are renewed");
    assert!(!bench.admin.exists("k"));
}

fn a_release_that_meets_a_renewal_is_no_loss(kind: Kind) {
    let bench = Bench::new(kind);
    // Renewals every 20 ms, each under way for 2: releases of every age meet some.
    bench.proxy.delay_all(ms(1));
    let mutex = bench.mutex().block(ms(5000)).expiry(ms(300));
    let mut met = 0;
    for turn in 0..40 {
        let guard = mutex.acquire("k").unwrap();
        thread::sleep(ms(95 + turn % 12));
        let (left, asked) = (guard.remaining(), Instant::now());
        let outcome = guard.release();
        // A busy machine may keep us from releasing until the lease is over; that would be a loss indeed.
        if asked.elapsed() < left {
            assert!(outcome.is_ok(), "turn {turn}: {outcome:?} with {left:?} left");
            assert!(!bench.admin.exists("k"), "turn {turn}");
            met += 1;
        }
    }
    assert!(met > 0, "the machine is too busy to see anything");
}

fn each_waiter_gets_its_own_expiry(kind: Kind) {
    let bench = Bench::new(kind);
    let guard = bench.direct().expiry(ms(1500)).acquire("k").unwrap();
    let long = bench.direct().expiry(ms(40_000)).block(ms(10_000)).acquiring("k");
    bench.queued("k", 1);
    let short = bench.direct().expiry(ms(900)).block(ms(10_000)).acquiring("k");
    bench.queued("k", 2);
    guard.release().unwrap();
    let guard = long.end().0.unwrap();
    assert!(bench.admin.pttl("k") > 30_000 && guard.remaining() > ms(30_000));
    guard.release().unwrap();
    let guard = short.end().0.unwrap();
    assert!(bench.admin.pttl("k") <= 900 && guard.remaining() <= ms(900));
    guard.release().unwrap();
}

/// Renewal needs no thread of the runtime.
#[test]
fn a_blocked_executor_does_not_stall_renewal() {
    let server = Server::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let builder = RedisMutex::builder(server.url()).expiry(ms(600)).block_time(ms(600));
        let mutex = builder.connect().await.unwrap();
        let guard = mutex.acquire("k").await.unwrap();
        // What no task of an executor should do, and some do.
        thread::sleep(ms(2000));
        assert!(guard.is_valid());
        assert_eq!(server.admin().get("k").as_deref(), Some(guard.value()));
        guard.release().await.unwrap();
    });
}
