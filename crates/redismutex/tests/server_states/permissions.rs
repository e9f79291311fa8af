//! What a user may not do, and keys that hold something else.

use crate::bench::{Bench, Kind, Mutex, ms, on_both_faces};
use redismutex::Error;
use redismutex_testkit::{Flavor, Server};
use std::thread;
use std::time::Instant;

on_both_faces! {
    without_scripts_valkey_locks_all_the_same
    without_scripts_a_lock_survives_new_connections
    without_scripts_and_without_a_safe_release_nothing_is_taken
    keys_out_of_bounds_are_named
    without_channels_waiters_poll_and_keep_their_order
    holder_without_channels_lets_the_next_have_it
    wrong_password_is_told_at_once
    missing_password_is_told_at_once
    key_that_is_no_lock_is_told_and_left_alone
    key_that_becomes_something_else_is_a_loss
    password_that_is_made_right_is_taken
}

/// A mutex of a user who may do only this.
fn user(bench: &Bench, rules: &[&str]) -> Mutex {
    bench.admin.acl_setuser("app", &[&["reset", "on", ">secret"], rules].concat());
    Mutex::new(bench.kind, format!("redis://app:secret@{}/0", bench.server.address()))
}

fn config_error(mutex: &Mutex, key: &str) -> String {
    let begun = Instant::now();
    let error = mutex.acquire(key).err().unwrap();
    assert!(matches!(error, Error::Config { .. }), "{error:?}");
    assert!(begun.elapsed() < ms(3000), "it is not waited for what does not pass");
    error.to_string()
}

const NO_SCRIPTS: [&str; 4] = ["~*", "&*", "+@all", "-@scripting"];

fn without_scripts_valkey_locks_all_the_same(kind: Kind) {
    if Flavor::Valkey91.find_or_say("without_scripts_valkey_locks_all_the_same").is_none() {
        return;
    }
    let bench = Bench::on(kind, Server::builder().flavor(Flavor::Valkey91).start());
    let mutex = user(&bench, &NO_SCRIPTS).expiry(ms(900)).delay(ms(100));
    let guard = mutex.acquire("k").unwrap();
    assert_eq!(guard.fence(), None, "there is nothing to count with");
    let old = bench.admin.cmd(&["SET", "k", "old", "NX", "PX", "60000"]);
    assert_eq!(old.text(), None, "clients of another kind are kept out");
    let outcome = mutex.clone().block(ms(300)).acquire("k").map(drop);
    assert!(matches!(outcome, Err(Error::BlockTimeExceeded { .. })), "{outcome:?}");
    assert!(!guard.lost_within(ms(1500)), "renewed");
    assert_eq!(bench.admin.get("k").as_deref(), Some(guard.value()));
    let waiter = mutex.clone().block(ms(10_000)).acquiring("k");
    thread::sleep(ms(300));
    assert!(!waiter.is_over());
    let released = Instant::now();
    guard.release().unwrap();
    let (mut guard, wait) = waiter.guard_after(released);
    assert!(wait < ms(1000), "{wait:?}: it polls");
    guard.extend(ms(5000)).unwrap();
    assert!(bench.admin.pttl("k") > 3000);
    bench.admin.cmd(&["SET", "k", "other", "PX", "60000"]);
    let outcome = guard.release();
    assert!(matches!(outcome, Err(Error::Lost { .. })), "{outcome:?}");
    assert_eq!(bench.admin.get("k").as_deref(), Some("other"));
}

fn without_scripts_a_lock_survives_new_connections(kind: Kind) {
    if Flavor::Valkey91.find_or_say("without_scripts_a_lock_survives_new_connections").is_none() {
        return;
    }
    let bench = Bench::on(kind, Server::builder().flavor(Flavor::Valkey91).start());
    let mutex = user(&bench, &NO_SCRIPTS).expiry(ms(1200));
    let guard = mutex.acquire("k").unwrap();
    // What a connection can do has to be found out anew on each.
    for _ in 0..3 {
        bench.admin.kill_clients();
        assert!(!guard.lost_within(ms(600)));
    }
    bench.admin.kill_clients();
    guard.release().unwrap();
    assert!(!bench.admin.exists("k"));
    let mutex = mutex.expiry(ms(30_000));
    let dropped = mutex.acquire("k").unwrap();
    bench.admin.kill_clients();
    drop(dropped);
    assert!(bench.gone_within("k", ms(3000)), "long before its lease ends");
}

fn without_scripts_and_without_a_safe_release_nothing_is_taken(kind: Kind) {
    let name = "without_scripts_and_without_a_safe_release_nothing_is_taken";
    if Flavor::Redis70.find_or_say(name).is_none() {
        return;
    }
    let bench = Bench::on(kind, Server::builder().flavor(Flavor::Redis70).start());
    let mutex = user(&bench, &NO_SCRIPTS);
    let message = config_error(&mutex, "k");
    assert!(message.contains("+@scripting"), "{message}");
    assert_eq!(bench.admin.keys_matching("*"), Vec::<String>::new());
    // The same mutex, once the user may.
    bench.admin.acl_setuser("app", &["+@scripting"]);
    let guard = mutex.acquire("k").unwrap();
    assert!(guard.fence().is_some());
    guard.release().unwrap();
}

fn keys_out_of_bounds_are_named(kind: Kind) {
    if Flavor::Redis70.find_or_say("keys_out_of_bounds_are_named").is_none() {
        return;
    }
    // One that cannot do without scripts: where it can, the lock's own key is enough.
    let bench = Bench::on(kind, Server::builder().flavor(Flavor::Redis70).start());
    for patterns in [["~other:*", "~none"], ["~k*", "~none"], ["~redismutex:*", "~none"]] {
        let mutex = user(&bench, &[&patterns[..], &["&*", "+@all"]].concat());
        let message = config_error(&mutex, "k");
        assert!(message.contains("redismutex:*"), "{patterns:?}: {message}");
        assert_eq!(bench.admin.keys_matching("*"), Vec::<String>::new());
    }
    let mutex = user(&bench, &["~k*", "~redismutex:*", "&*", "+@all"]);
    mutex.acquire("k").unwrap().release().unwrap();
}

fn without_channels_waiters_poll_and_keep_their_order(kind: Kind) {
    let bench = Bench::new(kind);
    let mutex = user(&bench, &["~*", "resetchannels", "+@all"]).block(ms(20_000)).delay(ms(100));
    let mut guard = mutex.acquire("k").unwrap();
    assert!(guard.fence().is_some());
    let mut waiters = Vec::new();
    for count in 1..=3 {
        waiters.push(mutex.acquiring("k"));
        bench.queued("k", count);
    }
    let mut rest = waiters.into_iter();
    while let Some(first) = rest.next() {
        let fence = guard.fence();
        let released = Instant::now();
        guard.release().unwrap();
        let (next, wait) = first.guard_after(released);
        assert!(wait < ms(1500), "{wait:?}: it polls");
        assert!(rest.as_slice().iter().all(|later| !later.is_over()), "first come, first served");
        assert!(next.fence() > fence);
        guard = next;
    }
    guard.release().unwrap();
    assert!(!bench.admin.exists("k"));
}

fn holder_without_channels_lets_the_next_have_it(kind: Kind) {
    let bench = Bench::new(kind);
    let mutex = user(&bench, &["~*", "resetchannels", "+@all"]).expiry(ms(1500));
    let guard = mutex.acquire("k").unwrap();
    let waiter = bench.direct().block(ms(20_000)).acquiring("k");
    bench.queued("k", 1);
    let released = Instant::now();
    guard.release().unwrap();
    let (guard, wait) = waiter.guard_after(released);
    // The holder may not tell it: then it finds out when the lease would have ended.
    assert!(wait < ms(1500 + 1000), "{wait:?}");
    guard.release().unwrap();
}

fn wrong_password_is_told_at_once(kind: Kind) {
    let bench = Bench::new(kind);
    bench.admin.acl_setuser("app", &["on", ">secret", "~*", "&*", "+@all"]);
    let url = format!("redis://app:wrong@{}/0", bench.server.address());
    let message = config_error(&Mutex::new(kind, url), "k");
    assert!(message.contains("password into the URL"), "{message}");
    assert!(!message.contains("wrong@"), "the password is nobody's business: {message}");
}

fn missing_password_is_told_at_once(kind: Kind) {
    let bench = Bench::new(kind);
    bench.admin.config_set("requirepass", "secret");
    let message = config_error(&bench.direct(), "k");
    assert!(message.contains("password into the URL"), "{message}");
}

fn password_that_is_made_right_is_taken(kind: Kind) {
    let bench = Bench::new(kind);
    let mutex = user(&bench, &["~*", "&*", "+@all"]);
    bench.admin.acl_setuser("app", &["resetpass", ">changed"]);
    config_error(&mutex, "k");
    bench.admin.acl_setuser("app", &["resetpass", ">secret"]);
    // The last failure is told for a moment longer.
    thread::sleep(ms(150));
    mutex.acquire("k").unwrap().release().unwrap();
}

fn key_that_is_no_lock_is_told_and_left_alone(kind: Kind) {
    let bench = Bench::new(kind);
    bench.admin.cmd(&["LPUSH", "k", "a", "b"]);
    let mutex = bench.direct();
    let message = config_error(&mutex, "k");
    assert!(message.contains("another key"), "{message}");
    assert_eq!(bench.admin.cmd(&["LLEN", "k"]).int(), Some(2));
    bench.admin.del("k");
    mutex.acquire("k").unwrap().release().unwrap();
}

fn key_that_becomes_something_else_is_a_loss(kind: Kind) {
    let bench = Bench::new(kind);
    let guard = bench.direct().expiry(ms(1500)).acquire("k").unwrap();
    bench.admin.del("k");
    bench.admin.cmd(&["LPUSH", "k", "a"]);
    assert!(guard.lost_within(ms(2000)));
    let outcome = guard.release();
    assert!(matches!(outcome, Err(Error::Lost { .. })), "{outcome:?}");
    assert_eq!(bench.admin.cmd(&["LLEN", "k"]).int(), Some(1));
}
