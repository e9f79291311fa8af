//! Waiters that die, that cannot be told, or that stand behind holders of another kind.

use crate::bench::{
    Bench, Kind, Mutex, acquire_requests, ms, on_both_faces, release_requests, within,
};
use redismutex::{Error, RedisMutex};
use redismutex_testkit::child;
use redismutex_testkit::proxy::{Action, Matcher, Rule};
use std::thread;
use std::time::{Duration, Instant};

on_both_faces! {
    waiter_that_hears_no_message_gets_it_when_the_lease_would_end
    release_by_an_old_client_is_noticed_long_before_its_expiry
    old_and_new_clients_exclude_each_other
    a_thousand_dead_waiters_cost_one_release
    grant_that_is_told_late_is_believed_for_no_longer_than_it_lasts
    a_subscription_that_is_never_answered_does_not_hold_up_the_end_of_a_wait
    a_waiter_whose_channel_is_taken_away_polls
}

fn waiter_that_hears_no_message_gets_it_when_the_lease_would_end(kind: Kind) {
    let bench = Bench::new(kind);
    let guard = bench.direct().expiry(ms(1500)).acquire("k").unwrap();
    let waiter = bench.mutex().expiry(ms(1500)).block(ms(20_000)).acquiring("k");
    bench.queued("k", 1);
    let pushes = Rule::when(Matcher::push_containing("message")).then(Action::DropReply);
    let lost = bench.proxy.rule(pushes);
    let released = Instant::now();
    guard.release().unwrap();
    let (guard, wait) = waiter.guard_after(released);
    assert_eq!(lost.fired(), 1, "the grant was told and not heard");
    assert!(wait < ms(1500 + 1000), "{wait:?}");
    assert_eq!(bench.admin.get("k").as_deref(), Some(guard.value()));
    guard.release().unwrap();
    assert!(!bench.admin.exists("k"));
}

fn release_by_an_old_client_is_noticed_long_before_its_expiry(kind: Kind) {
    let bench = Bench::new(kind);
    bench.admin.cmd(&["SET", "k", "old", "NX", "PX", "60000"]);
    let mutex = bench.mutex().block(ms(20_000)).delay(ms(200));
    let waiter = mutex.acquiring("k");
    bench.queued("k", 1);
    let behind = mutex.acquiring("k");
    bench.queued("k", 2);
    thread::sleep(ms(500));
    let released = Instant::now();
    assert!(bench.admin.del("k"));
    let (guard, wait) = waiter.guard_after(released);
    assert!(wait < ms(2 * 200 + 600), "{wait:?}: within two delays, give or take a busy machine");
    assert!(!behind.is_over());
    guard.release().unwrap();
    behind.end().0.unwrap().release().unwrap();
}

fn old_and_new_clients_exclude_each_other(kind: Kind) {
    let bench = Bench::new(kind);
    let mutex = bench.mutex().expiry(ms(800)).block(ms(300));
    let try_old = || bench.admin.cmd(&["SET", "k", "old", "NX", "PX", "60000"]).text().is_some();
    let guard = mutex.acquire("k").unwrap();
    let until = Instant::now() + ms(1200);
    while Instant::now() < until {
        assert!(!try_old(), "taken from under a holder");
        thread::sleep(ms(5));
    }
    assert!(guard.is_valid());
    guard.release().unwrap();
    assert!(try_old());
    let outcome = mutex.acquire("k").map(drop);
    assert!(matches!(outcome, Err(Error::BlockTimeExceeded { .. })), "{outcome:?}");
    assert_eq!(bench.admin.get("k").as_deref(), Some("old"));
    assert!(bench.admin.pttl("k") > 50_000, "not touched");
}

fn a_thousand_dead_waiters_cost_one_release(kind: Kind) {
    let bench = Bench::new(kind);
    let mutex = bench.mutex().block(ms(20_000)).expiry(ms(10_000));
    let guard = mutex.acquire("k").unwrap();
    for n in 0..1000 {
        let token = format!("dead-{n}");
        let waiter = format!("10000 {} redismutex:nobody {n} {token}", token.len());
        let queue = "redismutex:{k}:queue";
        assert_eq!(bench.admin.cmd(&["ZADD", queue, &n.to_string(), &waiter]).int(), Some(1));
    }
    let waiter = mutex.acquiring("k");
    bench.queued("k", 1001);
    bench.proxy.clear_log();
    let released = Instant::now();
    guard.release().unwrap();
    let (guard, wait) = waiter.guard_after(released);
    assert!(wait < ms(2000), "{wait:?}: no dead waiter is waited for");
    assert_eq!(bench.proxy.requests_matching(&release_requests()), 1);
    assert_eq!(bench.proxy.requests_matching(&acquire_requests()), 0, "the waiter was told");
    guard.release().unwrap();
    assert_eq!(bench.admin.keys_matching("redismutex:*:queue"), Vec::<String>::new());
    assert!(!bench.admin.exists("k"));
}

fn grant_that_is_told_late_is_believed_for_no_longer_than_it_lasts(kind: Kind) {
    let expiry = ms(600);
    for percent in [50, 99, 150] {
        let bench = Bench::new(kind);
        let guard = bench.direct().expiry(ms(10_000)).acquire("k").unwrap();
        let mutex = bench.mutex().expiry(expiry).block(ms(600)).no_renewal();
        let waiter = mutex.acquiring("k");
        bench.queued("k", 1);
        let delay = expiry * percent / 100;
        let late = Rule::when(Matcher::push_containing("message")).then(Action::DelayReply(delay));
        let late = bench.proxy.rule(late);
        guard.release().unwrap();
        let (outcome, _) = waiter.end();
        // Once more where the grant was over by then, and it asked whether the server lost its data.
        assert!(late.fired() >= 1);
        // Without it the wait ended first: that is no harm.
        if let Ok(guard) = outcome {
            let on_server = u128::try_from(bench.admin.pttl("k").max(0)).unwrap();
            let remaining = guard.remaining().as_millis();
            assert!(remaining <= on_server, "{percent} %: {remaining} of {on_server} ms");
        }
        assert!(bench.gone_within("k", ms(3000)));
    }
}

fn a_subscription_that_is_never_answered_does_not_hold_up_the_end_of_a_wait(kind: Kind) {
    let bench = Bench::new(kind);
    let guard = bench.direct().acquire("k").unwrap();
    bench.proxy.rule(Rule::when(Matcher::command("SUBSCRIBE")).then(Action::DropRequest));
    let begun = Instant::now();
    let outcome = bench.mutex().block(ms(300)).acquire("k").map(drop);
    assert!(matches!(outcome, Err(Error::Unavailable { .. })), "{outcome:?}");
    let waited = begun.elapsed();
    assert!(waited < ms(300 + 2000), "{waited:?}: what one answer may take beyond the end");
    guard.release().unwrap();
}

fn a_waiter_whose_channel_is_taken_away_polls(kind: Kind) {
    let bench = Bench::new(kind);
    bench.admin.acl_setuser("app", &["reset", "on", ">secret", "~*", "&*", "+@all"]);
    let url = format!("redis://app:secret@{}/0", bench.server.address());
    let guard = bench.direct().expiry(ms(30_000)).acquire("k").unwrap();
    let waiter = Mutex::new(kind, url).block(ms(20_000)).delay(ms(200)).acquiring("k");
    bench.queued("k", 1);
    thread::sleep(ms(600));
    bench.admin.acl_setuser("app", &["resetchannels"]);
    bench.admin.kill_clients();
    thread::sleep(ms(1000));
    let released = Instant::now();
    guard.release().unwrap();
    let (guard, wait) = waiter.guard_after(released);
    assert!(wait < ms(1500), "{wait:?}: it polls");
    guard.release().unwrap();
}

/// However its end and its grant cross, the next one gets the lock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiter_dropped_around_its_grant_passes_it_on() {
    let bench = Bench::new(Kind::Async);
    let mutex = RedisMutex::connect(bench.proxy.url()).await.unwrap();
    let mutex = mutex.with_expiry(Duration::from_secs(30)).with_block_time(Duration::from_secs(10));
    for step in 0..30 {
        let guard = mutex.acquire("k").await.unwrap();
        let waiter = tokio::spawn({
            let mutex = mutex.clone();
            async move { mutex.acquire("k").await.map(drop) }
        });
        bench.queued("k", 1);
        let behind = tokio::spawn({
            let mutex = mutex.clone();
            async move { mutex.acquire("k").await }
        });
        bench.queued("k", 2);
        let released = tokio::spawn(guard.release());
        tokio::time::sleep(Duration::from_micros(step * 50)).await;
        waiter.abort();
        let next = tokio::time::timeout(ms(3000), behind).await;
        next.expect("it gets the lock long before a lease ends")
            .unwrap()
            .unwrap()
            .release()
            .await
            .unwrap();
        released.await.unwrap().unwrap();
        assert!(!bench.admin.exists("k"), "step {step}");
    }
}

/// A wait that ends just when the lock comes: one or the other, never a lock that nobody has.
#[test]
fn a_wait_that_ends_at_its_grant_leaves_no_key_behind() {
    let bench = Bench::new(Kind::Blocking);
    let mutex = bench.mutex().expiry(ms(30_000));
    for step in 0..20 {
        let guard = mutex.acquire("k").unwrap();
        let waiter = mutex.clone().block(ms(60)).delay(ms(60)).acquiring("k");
        thread::sleep(ms(50 + step));
        guard.release().unwrap();
        match waiter.end().0 {
            Ok(guard) => guard.release().unwrap(),
            Err(error) => assert!(matches!(error, Error::BlockTimeExceeded { .. }), "{error:?}"),
        }
        assert!(bench.gone_within("k", ms(2000)), "step {step}");
    }
}

#[test]
#[ignore = "runs in a child process"]
fn worker() {
    if child::role().is_none() {
        return;
    }
    let mutex = redismutex::blocking::RedisMutex::builder(std::env::var("URL").unwrap())
        .expiry(ms(1500))
        .block_time(ms(20_000))
        .build()
        .unwrap();
    child::say("waiting");
    let guard = mutex.acquire("k").unwrap();
    let mut last = Instant::now();
    child::say("holding");
    loop {
        // Before the look, so that it tells whether the look came after the pause, wherever that struck.
        let now = Instant::now();
        let valid = guard.is_valid();
        if now - last > ms(1500) {
            child::say(if valid { "deceived" } else { "knows" });
            return;
        }
        last = now;
        thread::sleep(ms(5));
    }
}

#[test]
fn a_waiter_killed_after_its_grant_holds_up_nobody_for_longer_than_its_lease() {
    let bench = Bench::new(Kind::Blocking);
    let guard = bench.mutex().acquire("k").unwrap();
    let process = child::spawn("waiting::worker", "waiter", &[("URL", &bench.server.url())]);
    bench.queued("k", 1);
    let behind = bench.mutex().block(ms(20_000)).acquiring("k");
    bench.queued("k", 2);
    // Killed between being chosen and knowing of it: stopped first, so that it cannot hear.
    let paused = process.pause();
    guard.release().unwrap();
    assert!(within(ms(2000), || bench.admin.exists("k")));
    process.kill9();
    drop(paused);
    let (guard, wait) = behind.guard_after(Instant::now());
    assert!(wait < ms(1500 + 1500), "{wait:?}");
    guard.release().unwrap();
}

#[test]
fn a_process_that_was_stopped_past_its_lease_knows_at_its_first_look() {
    let bench = Bench::new(Kind::Blocking);
    let process = child::spawn("waiting::worker", "holder", &[("URL", &bench.server.url())]);
    assert!(process.heard("holding", Duration::from_secs(10)));
    let paused = process.pause();
    let guard = bench.mutex().block(ms(20_000)).acquire("k").unwrap();
    // The lease may have been renewed a while before: this is longer than all of it.
    thread::sleep(ms(1000));
    paused.resume();
    assert!(process.heard("knows", Duration::from_secs(5)), "{:?}", process.said());
    guard.release().unwrap();
}
