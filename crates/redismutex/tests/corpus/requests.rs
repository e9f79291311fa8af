//! What a lock costs the server: how many requests, how many connections, and which it can do without.

use crate::bench::{
    Bench, Kind, Mutex, acquire_requests, ms, on_both_faces, release_requests, within,
};
use redismutex_testkit::Server;
use redismutex_testkit::proxy::Matcher;
use std::thread::{self, JoinHandle};
use std::time::Instant;

on_both_faces! {
    one_request_takes_it_and_one_gives_it_back
    a_hand_over_takes_a_few_requests_however_many_wait
    a_slow_network_is_not_added_to_block_time_again_and_again
    hundreds_of_waiters_survive_cut_connections_without_a_storm
    waiters_survive_a_flushed_server_without_a_storm
    what_may_be_denied_is_done_without
}

fn scripts() -> Matcher {
    Matcher::test(|args| args[0].starts_with(b"EVAL"))
}

fn one_request_takes_it_and_one_gives_it_back(kind: Kind) {
    let bench = Bench::new(kind);
    let mutex = bench.mutex();
    mutex.acquire("k").unwrap().release().unwrap();
    bench.proxy.clear_log();
    for _ in 0..10 {
        mutex.acquire("k").unwrap().release().unwrap();
    }
    assert_eq!(bench.proxy.requests_matching(&acquire_requests()), 10);
    assert_eq!(bench.proxy.requests_matching(&release_requests()), 10);
    assert_eq!(bench.proxy.requests(), 20, "and nothing else: {:?}", bench.proxy.log().len());
}

/// So many that take their turn and let go at once.
fn crowd(mutex: &Mutex, count: usize) -> Vec<JoinHandle<()>> {
    let turn = |mutex: Mutex| thread::spawn(move || drop(mutex.acquire("k").unwrap()));
    (0..count).map(|_| turn(mutex.clone())).collect()
}

fn a_hand_over_takes_a_few_requests_however_many_wait(kind: Kind) {
    const WAITERS: usize = 30;
    let bench = Bench::new(kind);
    let mutex = bench.mutex().block(ms(20_000));
    let guard = mutex.acquire("k").unwrap();
    let waiters = crowd(&mutex, WAITERS);
    bench.queued("k", WAITERS as i64);
    bench.proxy.clear_log();
    guard.release().unwrap();
    waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
    assert!(bench.gone_within("k", ms(5000)));
    let requests = bench.proxy.requests_matching(&scripts());
    assert!(requests <= 4 * WAITERS, "{requests} requests for {WAITERS} hand-overs");
}

fn a_slow_network_is_not_added_to_block_time_again_and_again(kind: Kind) {
    let bench = Bench::new(kind);
    let guard = bench.direct().acquire("k").unwrap();
    let mutex = bench.mutex().block(ms(600)).delay(ms(50));
    // Opens the connection.
    mutex.acquire("other").unwrap().release().unwrap();
    bench.proxy.delay_all(ms(100));
    let begun = Instant::now();
    assert!(mutex.acquire("k").is_err());
    // A last question when block_time ends, and its answer.
    assert!(begun.elapsed() >= ms(600) && begun.elapsed() < ms(1800), "{:?}", begun.elapsed());
    assert!(guard.is_valid());
}

fn hundreds_of_waiters_survive_cut_connections_without_a_storm(kind: Kind) {
    storm(kind, 200, |bench| assert!(bench.admin.kill_clients() > 0));
}

/// The queue is deleted too. Those far back in a long one would find out when they next look, after a
/// minute at most; these few do within seconds.
fn waiters_survive_a_flushed_server_without_a_storm(kind: Kind) {
    storm(kind, 8, |bench| bench.admin.flush_all());
}

/// Something happens to all waiters at once, several times; the server is not asked much more often for it,
/// and all of them get their turn.
fn storm(kind: Kind, count: usize, strike: impl Fn(&Bench)) {
    const STRIKES: usize = 3;
    let bench = Bench::new(kind);
    let mutex = bench.mutex().block(ms(60_000)).expiry(ms(2000));
    let guard = mutex.acquire("k").unwrap();
    let waiters = crowd(&mutex, count);
    bench.queued("k", count as i64);
    // By now all have looked at their place for the last time for long.
    thread::sleep(ms(600));
    bench.proxy.clear_log();
    let begun = Instant::now();
    for _ in 0..STRIKES {
        strike(&bench);
        thread::sleep(ms(500));
    }
    let rounds = STRIKES + 2 + usize::try_from(begun.elapsed().as_secs()).unwrap();
    let requests = bench.proxy.requests_matching(&scripts());
    assert!(requests <= rounds * 2 * count + 20, "{requests} requests in {:?}", begun.elapsed());
    drop(guard);
    waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
    assert!(begun.elapsed() < ms(30_000), "{:?}", begun.elapsed());
    assert!(bench.gone_within("k", ms(5000)));
    assert!(within(ms(5000), || bench.admin.keys_matching("*:queue").is_empty()));
}

fn what_may_be_denied_is_done_without(kind: Kind) {
    let denied = [
        "-hello",
        "-script",
        "-subscribe",
        "-publish",
        "-client",
        "-info",
        "-config",
        "-ping",
        "-select",
        "-command",
    ];
    for denied in denied {
        let server = Server::start();
        let admin = server.admin();
        admin.acl_setuser("app", &["on", ">secret", "~*", "&*", "+@all", denied]);
        let bench = Bench::on(kind, server);
        let url = bench.server.url().replace("redis://", "redis://app:secret@");
        let mutex = Mutex::new(kind, url).block(ms(10_000)).delay(ms(50));
        let guard = mutex.acquire("k").unwrap_or_else(|error| panic!("{denied}: {error}"));
        let waiter = mutex.acquiring("k");
        bench.queued("k", 1);
        let before = guard.fence();
        guard.release().unwrap_or_else(|error| panic!("{denied}: {error}"));
        let guard = waiter.end().0.unwrap_or_else(|error| panic!("{denied}: {error}"));
        assert!(guard.fence() > before, "{denied}");
        guard.release().unwrap();
        assert!(bench.gone_within("k", ms(5000)), "{denied}");
    }
}
