//! Who watches over a holder that cannot wake anybody: always somebody, whatever became of those before.

#![cfg(feature = "blocking")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use redismutex::blocking::{Guard, RedisMutex};
use redismutex_testkit::{Server, child};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

const EXPIRY: Duration = Duration::from_millis(800);
/// No wait may take longer than a lease and this.
const GRACE: Duration = Duration::from_secs(1);
const SURELY: Duration = Duration::from_secs(20);

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[test]
#[ignore = "runs in a child process"]
fn worker() {
    if child::role().is_none() {
        return;
    }
    let _ = mutex(&std::env::var("URL").unwrap()).acquire("k");
}

/// As a process of its own would make it.
fn mutex(url: &str) -> RedisMutex {
    let builder = RedisMutex::builder(url).expiry(EXPIRY).delay(ms(100));
    builder.block_time(SURELY).connect().unwrap()
}

fn until_queued(mutex: &RedisMutex, count: u64) {
    let until = Instant::now() + SURELY;
    while mutex.inspect("k").unwrap().waiting != count {
        assert!(Instant::now() < until, "there are never {count} in the queue");
        thread::sleep(ms(2));
    }
}

/// Waits in a thread; then holds for a while and releases, or dies with the lock.
fn queue(mutex: RedisMutex, dies: bool, tell: Sender<Instant>) {
    thread::spawn(move || {
        let guard: Guard = mutex.acquire("k").unwrap();
        tell.send(Instant::now()).unwrap();
        if dies {
            return guard.leak();
        }
        thread::sleep(ms(40));
        guard.release().unwrap();
    });
}

/// Hand-offs bring waiters to the front without their asking: those are to know it.
fn holder_dies_after(hand_offs: usize) {
    let server = Server::start();
    let watch = mutex(&server.url());
    let guard = watch.acquire("k").unwrap();
    let (tell, told) = channel();
    for number in 0..hand_offs + 3 {
        queue(mutex(&server.url()), number == hand_offs, tell.clone());
        until_queued(&watch, number as u64 + 1);
    }
    // By now all have looked at their place for the last time for long.
    thread::sleep(ms(1200));
    guard.release().unwrap();
    for _ in 0..hand_offs {
        told.recv_timeout(SURELY).unwrap();
    }
    let dead = told.recv_timeout(SURELY).unwrap();
    let next = told.recv_timeout(SURELY).unwrap();
    assert!(next - dead <= EXPIRY + GRACE, "{:?} after {hand_offs} hand-offs", next - dead);
}

#[test]
fn the_next_in_a_slow_queue_watches_over_a_holder_that_dies() {
    holder_dies_after(7);
}

#[test]
fn the_second_watches_over_a_foreign_holder_when_the_first_gives_up() {
    let server = Server::start();
    let (admin, second) = (server.admin(), mutex(&server.url()));
    admin.cmd(&["SET", "k", "another's", "PX", "60000"]);
    let first = mutex(&server.url()).with_block_time(ms(700));
    let first = thread::spawn(move || first.acquire("k").map(drop));
    until_queued(&second, 1);
    let (tell, told) = channel();
    queue(second.clone(), false, tell);
    until_queued(&second, 2);
    assert!(first.join().unwrap().is_err(), "it is held all the time");
    thread::sleep(ms(600));
    admin.del("k");
    let free = Instant::now();
    assert!(told.recv_timeout(SURELY).unwrap() - free < ms(1500));
}

#[test]
fn the_second_watches_over_a_foreign_holder_when_the_first_dies() {
    let server = Server::start();
    let (admin, second) = (server.admin(), mutex(&server.url()));
    admin.cmd(&["SET", "k", "another's", "PX", "60000"]);
    let first = child::spawn("worker", "waiter", &[("URL", &server.url())]);
    until_queued(&second, 1);
    let (tell, told) = channel();
    queue(second.clone(), false, tell);
    until_queued(&second, 2);
    thread::sleep(ms(600));
    first.kill9();
    admin.del("k");
    let free = Instant::now();
    assert!(told.recv_timeout(SURELY).unwrap() - free < ms(1500));
}
