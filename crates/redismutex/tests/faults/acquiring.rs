//! Requests for the lock, and releases of it, whose replies are lost, late, doubled or in pieces.

use crate::bench::{Bench, Kind, acquire_requests, ms, on_both_faces, release_requests, within};
use redismutex::{Error, RedisMutex};
use redismutex_testkit::proxy::{Action, Matcher, Rule};
use std::time::{Duration, Instant};

on_both_faces! {
    acquire_whose_reply_is_lost_is_granted_and_locks_nobody_out
    acquire_whose_reply_never_comes_is_granted_in_the_end
    acquire_that_fails_leaves_no_key_behind
    acquire_that_arrives_after_it_was_given_up_leaves_no_key_behind
    the_late_twin_of_a_repeated_acquire_leaves_no_key_behind
    guard_never_outlives_the_lease_however_late_the_reply
    release_whose_reply_is_lost_is_a_release
    release_whose_reply_never_comes_is_not_called_a_loss
    doubled_requests_do_no_harm
    replies_byte_by_byte_are_understood
}

fn acquire_whose_reply_is_lost_is_granted_and_locks_nobody_out(kind: Kind) {
    let bench = Bench::new(kind);
    let mutex = bench.mutex();
    let lost =
        bench.proxy.rule(Rule::when(acquire_requests()).nth(1).then(Action::ResetAfterForward));
    let begun = Instant::now();
    let guard = mutex.acquire("k").unwrap();
    assert!(begun.elapsed() < ms(3000), "not for as long as the lease of its own first request");
    assert_eq!(lost.fired(), 1);
    assert_eq!(bench.admin.get("k").as_deref(), Some(guard.value()), "exactly one holder: us");
    assert!(guard.is_valid());
    guard.release().unwrap();
    assert!(!bench.admin.exists("k"));
}

fn acquire_whose_reply_never_comes_is_granted_in_the_end(kind: Kind) {
    let bench = Bench::new(kind);
    let mutex = bench.mutex().block(ms(10_000)).expiry(ms(30_000));
    let lost = bench.proxy.rule(Rule::when(acquire_requests()).nth(1).then(Action::DropReply));
    let begun = Instant::now();
    let guard = mutex.acquire("k").unwrap();
    assert!(
        begun.elapsed() < ms(8000),
        "a silent connection is given up long before the lease ends"
    );
    assert_eq!(lost.fired(), 1);
    assert_eq!(bench.admin.get("k").as_deref(), Some(guard.value()));
    guard.release().unwrap();
    assert!(!bench.admin.exists("k"));
}

fn acquire_that_fails_leaves_no_key_behind(kind: Kind) {
    for action in [Action::ResetAfterForward, Action::CloseAfterForward, Action::DropReply] {
        let bench = Bench::new(kind);
        let mutex = bench.mutex().block(ms(300)).expiry(ms(60_000));
        bench.proxy.rule(Rule::when(acquire_requests()).then(action));
        let outcome = mutex.acquire("k").map(|_| ());
        assert!(matches!(outcome, Err(Error::Unavailable { .. })), "{action:?}: {outcome:?}");
        assert!(bench.gone_within("k", ms(5000)), "{action:?}: {}", bench.admin.pttl("k"));
    }
}

fn acquire_that_arrives_after_it_was_given_up_leaves_no_key_behind(kind: Kind) {
    let bench = Bench::new(kind);
    let mutex = bench.mutex().block(ms(100)).expiry(ms(60_000));
    bench.proxy.rule(Rule::when(acquire_requests()).then(Action::HoldRequest));
    let outcome = mutex.acquire("k").map(|_| ());
    assert!(matches!(outcome, Err(Error::Unavailable { .. })), "{outcome:?}");
    std::thread::sleep(ms(500));
    bench.proxy.clear_rules();
    let late = bench.proxy.requests_matching(&acquire_requests()) + 1;
    bench.proxy.let_go();
    assert!(bench.proxy.wait_for(&acquire_requests(), late, ms(2000)), "it arrives late");
    assert!(bench.gone_within("k", ms(5000)), "{}", bench.admin.pttl("k"));
    std::thread::sleep(ms(200));
    assert!(!bench.admin.exists("k"));
}

/// The first request is stuck on a connection that is given up; the second is granted and given back; then the first one
/// arrives after all.
fn the_late_twin_of_a_repeated_acquire_leaves_no_key_behind(kind: Kind) {
    let bench = Bench::new(kind);
    let mutex = bench.mutex().block(ms(10_000)).expiry(ms(60_000));
    let stuck = Rule::when(acquire_requests()).first(1).then(Action::HoldRequest);
    let stuck = bench.proxy.rule(stuck);
    mutex.acquire("k").unwrap().release().unwrap();
    assert_eq!(stuck.fired(), 1);
    let last_grant = || bench.admin.get("redismutex:{k}:grant");
    let before = last_grant();
    bench.proxy.let_go();
    assert!(within(ms(5000), || last_grant() != before), "it arrives late");
    assert!(bench.gone_within("k", ms(10_000)), "{}", bench.admin.pttl("k"));
}

/// Where an acquisition is dropped must not matter.
#[tokio::test]
async fn acquire_that_is_cancelled_leaves_no_key_behind() {
    let bench = Bench::new(Kind::Async);
    let mutex = RedisMutex::connect(bench.proxy.url()).await.unwrap();
    let mutex = mutex.with_expiry(Duration::from_secs(60));
    bench.proxy.delay_all(ms(3));
    for step in 0..24 {
        let key = format!("k{step}");
        let acquiring = tokio::time::timeout(ms(step), mutex.acquire(&key)).await;
        drop(acquiring);
        assert!(bench.gone_within(&key, ms(5000)), "cancelled after {step} ms");
    }
    // The same for one that waits behind another.
    let guard = mutex.acquire("busy").await.unwrap();
    for step in 0..24 {
        drop(tokio::time::timeout(ms(step), mutex.acquire("busy")).await);
    }
    guard.release().await.unwrap();
    assert!(bench.gone_within("busy", ms(5000)), "nobody is left to hold it");
    let queues = || bench.admin.keys_matching("redismutex:*:queue");
    assert!(within(ms(5000), || queues().is_empty()), "{:?}", queues());
}

fn guard_never_outlives_the_lease_however_late_the_reply(kind: Kind) {
    for percent in [50, 99, 150] {
        // A machine that is too busy to answer within a second beyond block time gives no guard at all.
        assert!(
            (0..5).any(|_| got_a_guard_that_is_right(kind, percent)),
            "{percent} %: never a guard"
        );
    }
}

/// Acquires with a first reply that takes that part of the expiry.
fn got_a_guard_that_is_right(kind: Kind, percent: u32) -> bool {
    let expiry = ms(400);
    let bench = Bench::new(kind);
    let mutex = bench.mutex().expiry(expiry).block(expiry).no_renewal();
    // Opens the connection.
    if mutex.acquire("other").and_then(|guard| guard.release()).is_err() {
        return false;
    }
    let delay = expiry * percent / 100;
    let late =
        bench.proxy.rule(Rule::when(acquire_requests()).nth(1).then(Action::DelayReply(delay)));
    let Ok(guard) = mutex.acquire("k") else { return false };
    // Asked in this order, for both run out.
    let on_server = bench.admin.pttl("k");
    let remaining = guard.remaining();
    assert_eq!(late.fired(), 1);
    assert!(remaining.as_millis() <= u128::try_from(on_server.max(0)).unwrap(), "{percent} %");
    if late.matched() == 1 {
        assert!(remaining <= expiry - delay, "{percent} %: {remaining:?}");
    }
    assert!(percent == 50 || late.matched() > 1, "{percent} %: the first lease was over");
    true
}

fn release_whose_reply_is_lost_is_a_release(kind: Kind) {
    for action in [Action::ResetAfterForward, Action::CloseAfterForward, Action::TruncateReply(2)] {
        let bench = Bench::new(kind);
        let guard = bench.mutex().acquire("k").unwrap();
        let lost = bench.proxy.rule(Rule::when(release_requests()).nth(1).then(action));
        guard.release().unwrap();
        assert_eq!(lost.fired(), 1);
        assert!(lost.matched() > 1, "it was asked again");
        assert!(!bench.admin.exists("k"));
    }
}

fn release_whose_reply_never_comes_is_not_called_a_loss(kind: Kind) {
    let bench = Bench::new(kind);
    let guard = bench.mutex().acquire("k").unwrap();
    bench.proxy.rule(Rule::when(release_requests()).nth(1).then(Action::DropReply));
    let begun = Instant::now();
    let outcome = guard.release();
    assert!(matches!(outcome, Ok(()) | Err(Error::Unavailable { .. })), "{outcome:?}");
    assert!(begun.elapsed() < ms(5000));
    assert!(!bench.admin.exists("k"));
}

fn doubled_requests_do_no_harm(kind: Kind) {
    let bench = Bench::new(kind);
    let mutex = bench.mutex().expiry(ms(600));
    let scripts = Matcher::test(|args| args[0].starts_with(b"EVAL"));
    let doubled = bench.proxy.rule(Rule::when(scripts).then(Action::DuplicateRequest));
    let guard = mutex.acquire("k").unwrap();
    let waiter = mutex.acquiring("k");
    bench.queued("k", 1);
    // Long enough for renewals.
    assert!(!guard.lost_within(ms(1000)));
    let first = guard.fence();
    guard.release().unwrap();
    let guard = waiter.end().0.unwrap();
    assert_eq!(bench.admin.get("k").as_deref(), Some(guard.value()));
    assert!(guard.fence() > first);
    guard.release().unwrap();
    assert!(!bench.admin.exists("k"));
    assert!(doubled.fired() >= 5, "{}", doubled.fired());
}

fn replies_byte_by_byte_are_understood(kind: Kind) {
    let bench = Bench::new(kind);
    let mutex = bench.mutex();
    let mut guard = mutex.acquire("other").unwrap();
    guard.extend(ms(20_000)).unwrap();
    guard.release().unwrap();
    // Not before the scripts are loaded: in drops, these would take seconds.
    bench.proxy.drip(true);
    let mut guard = mutex.acquire("k").unwrap();
    guard.extend(ms(20_000)).unwrap();
    assert!(bench.admin.pttl("k") > 10_000);
    let waiter = mutex.acquiring("k");
    bench.queued("k", 1);
    guard.release().unwrap();
    waiter.end().0.unwrap().release().unwrap();
    assert!(!bench.admin.exists("k"));
}
