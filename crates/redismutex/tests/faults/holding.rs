//! A lease that cannot be renewed, or is taken away: its holder must know first.

use crate::bench::{Bench, Guard, Kind, extend_requests, ms, on_both_faces, renewals};
use redismutex::Error;
use redismutex_testkit::Server;
use redismutex_testkit::proxy::{Action, Direction, Rule};
use std::thread;
use std::time::{Duration, Instant};

on_both_faces! {
    holder_whose_renewals_are_lost_knows_before_another_holds
    one_failed_renewal_is_survived
    holder_survives_a_killed_connection
    holder_behind_a_black_hole_knows_before_another_holds
    holder_of_a_stopped_server_knows_when_the_lease_ends
    holder_learns_that_the_server_forgot_everything
    a_broken_connection_tells_of_a_loss_long_before_the_next_renewal
    a_renewal_that_is_answered_late_counts_from_its_sending
    a_slow_network_loses_no_lease_to_a_forgotten_script
    holder_survives_a_restart_that_keeps_the_data
    extend_never_makes_a_key_that_is_gone
    token_that_is_only_a_prefix_is_not_ours
    extend_whose_reply_comes_after_the_lease_proves_nothing
    renewal_whose_reply_comes_after_the_lease_proves_nothing
}

/// How late a thread may be woken on a busy machine.
const BUSY: Duration = ms(400);

/// Watches a guard whose lease cannot be renewed any more, while another client tries to get the key.
fn assert_knows_first(bench: &Bench, guard: &Guard, since: Instant, patience: Duration) {
    let server = &bench.server;
    thread::scope(|scope| {
        let other = scope.spawn(move || {
            let admin = server.admin();
            while admin.cmd(&["SET", "k", "other", "NX", "PX", "60000"]).text().is_none() {
                assert!(since.elapsed() < Duration::from_secs(20), "the key is never free");
                thread::sleep(ms(1));
            }
            // First, before the clock goes on.
            (guard.is_valid(), Instant::now())
        });
        assert!(guard.lost_within(patience), "the loss is never told");
        let told = Instant::now();
        let (both, taken) = other.join().unwrap();
        assert!(!both, "two hold it");
        assert!(told < taken + BUSY, "told {:?} after another had it", told - taken);
    });
    assert!(!guard.is_valid());
    assert_eq!(guard.remaining(), Duration::ZERO);
}

fn holder_whose_renewals_are_lost_knows_before_another_holds(kind: Kind) {
    for action in [Action::DropRequest, Action::DropReply, Action::CloseBefore] {
        let bench = Bench::new(kind);
        let guard = bench.mutex().expiry(ms(1000)).acquire("k").unwrap();
        bench.proxy.rule(Rule::when(extend_requests()).then(action));
        assert_knows_first(&bench, &guard, Instant::now(), ms(1000) + BUSY);
        let outcome = guard.release();
        let is_error = matches!(outcome, Err(Error::Lost { .. } | Error::Unavailable { .. }));
        assert!(is_error, "{action:?}: {outcome:?}");
        assert_eq!(bench.admin.get("k").as_deref(), Some("other"), "{action:?}");
    }
}

fn one_failed_renewal_is_survived(kind: Kind) {
    for action in [Action::CloseBefore, Action::ResetAfterForward, Action::TruncateReply(1)] {
        let bench = Bench::new(kind);
        let guard = bench.mutex().expiry(ms(1200)).acquire("k").unwrap();
        let failed = bench.proxy.rule(Rule::when(extend_requests()).nth(1).then(action));
        assert!(!guard.lost_within(ms(2500)), "{action:?}");
        assert!(guard.is_valid());
        assert_eq!(failed.fired(), 1);
        guard.release().unwrap();
    }
}

fn holder_survives_a_killed_connection(kind: Kind) {
    let bench = Bench::new(kind);
    let guard = bench.mutex().expiry(ms(1000)).acquire("k").unwrap();
    for _ in 0..4 {
        bench.admin.kill_clients();
        assert!(!guard.lost_within(ms(500)));
    }
    assert!(guard.is_valid());
    guard.release().unwrap();
    assert!(!bench.admin.exists("k"));
}

fn holder_behind_a_black_hole_knows_before_another_holds(kind: Kind) {
    for direction in [Direction::ToServer, Direction::ToClient] {
        let bench = Bench::new(kind);
        let guard = bench.mutex().expiry(ms(1000)).acquire("k").unwrap();
        bench.proxy.blackhole(direction);
        assert_knows_first(&bench, &guard, Instant::now(), ms(1000) + BUSY);
        bench.proxy.heal();
    }
}

fn holder_of_a_stopped_server_knows_when_the_lease_ends(kind: Kind) {
    let bench = Bench::new(kind);
    let guard = bench.mutex().expiry(ms(800)).acquire("k").unwrap();
    let paused = bench.server.pause();
    assert!(guard.lost_within(ms(800) + BUSY), "while the server still stands");
    assert!(!guard.is_valid());
    // Past the server's own end of the lease too.
    thread::sleep(ms(300));
    paused.resume();
    assert!(!guard.is_valid(), "lost is lost, whatever late replies say");
    let outcome = guard.release();
    assert!(matches!(outcome, Err(Error::Lost { .. })), "{outcome:?}");
    assert!(bench.gone_within("k", ms(3000)));
}

fn a_renewal_that_is_answered_late_counts_from_its_sending(kind: Kind) {
    let bench = Bench::new(kind);
    let guard = bench.mutex().expiry(ms(1200)).acquire("k").unwrap();
    // Sooner than it is taken for lost.
    let late = Rule::when(renewals()).then(Action::DelayReply(ms(150)));
    let late = bench.proxy.rule(late);
    let until = Instant::now() + ms(2500);
    while Instant::now() < until {
        let (before, remaining, after) =
            (bench.admin.pttl("k"), guard.remaining(), bench.admin.pttl("k"));
        // A renewal may run between two looks.
        let most = ms(u64::try_from(before.max(after)).unwrap()) + ms(30);
        assert!(remaining <= most, "{remaining:?} of {most:?}");
        thread::sleep(ms(5));
    }
    assert!(late.fired() >= 3 && guard.is_valid());
    guard.release().unwrap();
}

/// The answer takes longer than half of what a renewal waits, and the server does not have the script.
fn a_slow_network_loses_no_lease_to_a_forgotten_script(kind: Kind) {
    let bench = Bench::new(kind);
    let guard = bench.mutex().expiry(ms(1200)).acquire("k").unwrap();
    bench.proxy.rule(Rule::when(extend_requests()).then(Action::DelayReply(ms(150))));
    for _ in 0..3 {
        bench.admin.script_flush();
        assert!(!guard.lost_within(ms(1200)));
    }
    guard.release().unwrap();
}

fn a_broken_connection_tells_of_a_loss_long_before_the_next_renewal(kind: Kind) {
    let bench = Bench::new(kind);
    let guard = bench.mutex().expiry(ms(60_000)).acquire("k").unwrap();
    bench.server.restart();
    assert!(guard.lost_within(ms(5000 + 2000)), "the next renewal is due after 20 s");
}

fn holder_learns_that_the_server_forgot_everything(kind: Kind) {
    let bench = Bench::new(kind);
    let mutex = bench.mutex().expiry(ms(2000)).block(ms(10_000));
    let guard = mutex.acquire("k").unwrap();
    let waiter = bench.mutex().expiry(ms(2000)).block(ms(10_000)).acquiring("k");
    bench.queued("k", 1);
    bench.server.kill9();
    thread::sleep(ms(300));
    bench.server.restart();
    assert!(guard.lost_within(ms(2000) + BUSY));
    let next = waiter.end().0.unwrap();
    let outcome = guard.release();
    assert!(matches!(outcome, Err(Error::Lost { .. })), "{outcome:?}");
    assert_eq!(bench.server.admin().get("k").as_deref(), Some(next.value()));
    next.release().unwrap();
}

fn holder_survives_a_restart_that_keeps_the_data(kind: Kind) {
    let bench = Bench::on(kind, Server::builder().persist(true).start());
    let mutex = bench.mutex().expiry(ms(4000)).block(ms(10_000));
    let guard = mutex.acquire("k").unwrap();
    let waiter = mutex.acquiring("k");
    bench.queued("k", 1);
    bench.server.kill9();
    thread::sleep(ms(300));
    bench.server.restart();
    assert!(!guard.lost_within(ms(1000)));
    assert!(guard.is_valid());
    let released = Instant::now();
    guard.release().unwrap();
    let (next, wait) = waiter.guard_after(released);
    assert!(wait < ms(3000), "{wait:?}: it queues again after the restart");
    next.release().unwrap();
}

fn extend_never_makes_a_key_that_is_gone(kind: Kind) {
    let bench = Bench::new(kind);
    let mutex = bench.mutex().expiry(ms(300)).block(ms(300)).no_renewal();
    let mut expired = mutex.acquire("k").unwrap();
    assert!(bench.gone_within("k", ms(3000)));
    let outcome = expired.extend(ms(60_000));
    assert!(matches!(outcome, Err(Error::Lost { .. })), "{outcome:?}");
    assert!(!bench.admin.exists("k"));

    let mut deleted = bench.mutex().acquire("k").unwrap();
    bench.admin.del("k");
    let outcome = deleted.extend(ms(60_000));
    assert!(matches!(outcome, Err(Error::Lost { .. })), "{outcome:?}");
    assert!(!bench.admin.exists("k"));
    assert!(!deleted.is_valid());
}

fn token_that_is_only_a_prefix_is_not_ours(kind: Kind) {
    let bench = Bench::new(kind);
    let token = |guard: &Guard| guard.value().to_owned();
    let like: [fn(String) -> String; 3] =
        [|it| it[..it.len() - 1].to_owned(), |it| it + "0", |it| it.to_uppercase() + "\0"];
    for change in like {
        let mut guard = bench.mutex().acquire("k").unwrap();
        let foreign = change(token(&guard));
        bench.admin.cmd(&["SET", "k", &foreign, "PX", "60000"]);
        let outcome = guard.extend(ms(90_000));
        assert!(matches!(outcome, Err(Error::Lost { .. })), "{outcome:?}");
        let outcome = guard.release();
        assert!(matches!(outcome, Err(Error::Lost { .. })), "{outcome:?}");
        assert_eq!(bench.admin.get("k"), Some(foreign));
        assert!(bench.admin.pttl("k") <= 60_000);
        bench.admin.del("k");
    }
}

fn extend_whose_reply_comes_after_the_lease_proves_nothing(kind: Kind) {
    let bench = Bench::new(kind);
    let mutex = bench.mutex().expiry(ms(500)).block(ms(500)).no_renewal();
    let mut guard = mutex.acquire("k").unwrap();
    let late = Rule::when(extend_requests()).then(Action::DelayReply(ms(900)));
    bench.proxy.rule(late);
    let outcome = guard.extend(ms(700));
    assert!(outcome.is_err());
    assert!(!guard.is_valid());
    assert!(guard.lost_within(BUSY));
}

fn renewal_whose_reply_comes_after_the_lease_proves_nothing(kind: Kind) {
    let bench = Bench::new(kind);
    let guard = bench.mutex().expiry(ms(600)).acquire("k").unwrap();
    let late = Rule::when(extend_requests()).then(Action::DelayReply(ms(700)));
    bench.proxy.rule(late);
    assert!(guard.lost_within(ms(600) + BUSY), "by the clock, not by a reply");
    thread::sleep(ms(500));
    assert!(!guard.is_valid(), "lost is lost, whatever late replies say");
}
