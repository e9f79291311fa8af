//! States that pass: who waits for longer than they last never sees them.

use crate::bench::{Bench, Kind, ms, on_both, on_both_faces};
use crate::states::State;
use redismutex::Error;
use std::thread;
use std::time::Instant;

macro_rules! in_each_state {
    ($($name:ident: $state:ident)*) => {
        $(mod $name {
            use super::{State, on_both};

            #[test]
            fn acquire_names_the_remedy_and_leaves_nothing() {
                on_both(|kind| super::names_the_remedy_and_leaves_nothing(kind, State::$state));
            }

            #[test]
            fn acquire_that_waits_for_longer_succeeds() {
                on_both(|kind| super::acquire_that_waits_for_longer_succeeds(kind, State::$state));
            }

            #[test]
            fn holder_survives() {
                on_both(|kind| super::holder_survives(kind, State::$state));
            }

            #[test]
            fn release_goes_on_until_it_is_done() {
                on_both(|kind| super::release_goes_on_until_it_is_done(kind, State::$state));
            }
        })*
    };
}

in_each_state! {
    out_of_memory: OutOfMemory
    no_replicas: NoReplicas
    cannot_save: CannotSave
    replica: Replica
    master_down: MasterDown
    busy: Busy
}

on_both_faces! {
    too_many_clients_pass
    memory_is_needed_for_no_renewal_and_no_hand_off
}

fn names_the_remedy_and_leaves_nothing(kind: Kind, state: State) {
    let bench = state.bench(kind);
    let mutex = bench.direct().block(ms(300));
    // Met by a connection that is there already, and by one that is made now.
    mutex.acquire("other").unwrap().release().unwrap();
    let entered = state.enter(&bench);
    for mutex in [mutex, bench.direct().block(ms(300))] {
        let error = mutex.acquire("k").err().unwrap();
        assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
        assert!(error.to_string().contains(state.remedy()), "{error}");
        assert_eq!(error.key().unwrap(), &"k");
    }
    entered.leave();
    assert!(!bench.admin.exists("k"));
    assert_eq!(bench.admin.keys_matching("*:queue"), Vec::<String>::new());
}

fn acquire_that_waits_for_longer_succeeds(kind: Kind, state: State) {
    let bench = state.bench(kind);
    let mutex = bench.direct().block(ms(15_000));
    mutex.acquire("other").unwrap().release().unwrap();
    let entered = state.enter(&bench);
    let old = mutex.acquiring("k");
    let new = bench.direct().block(ms(15_000)).acquiring("k2");
    thread::sleep(ms(700));
    assert!(!old.is_over() && !new.is_over());
    let left = Instant::now();
    entered.leave();
    for acquiring in [old, new] {
        let (guard, wait) = acquiring.guard_after(left);
        assert!(wait < ms(3000), "{wait:?}");
        assert!(guard.is_valid());
        guard.release().unwrap();
    }
}

fn holder_survives(kind: Kind, state: State) {
    let bench = state.bench(kind);
    let guard = bench.direct().expiry(ms(1800)).acquire("k").unwrap();
    let entered = state.enter(&bench);
    // Past the first renewals, not past the lease.
    thread::sleep(ms(800));
    entered.leave();
    assert!(!guard.lost_within(ms(1800)));
    guard.release().unwrap();
    assert!(!bench.admin.exists("k"));
}

fn release_goes_on_until_it_is_done(kind: Kind, state: State) {
    let bench = state.bench(kind);
    let mutex = bench.direct().expiry(ms(30_000));
    let guard = mutex.acquire("k").unwrap();
    let dropped = mutex.acquire("dropped").unwrap();
    let entered = state.enter(&bench);
    drop(dropped);
    let releasing = thread::spawn(move || guard.release());
    thread::sleep(ms(400));
    entered.leave();
    releasing.join().unwrap().unwrap();
    assert!(!bench.admin.exists("k"));
    assert!(bench.gone_within("dropped", ms(3000)), "long before its lease ends");
}

fn too_many_clients_pass(kind: Kind) {
    let bench = Bench::new(kind);
    bench.admin.config_set("maxclients", "1");
    let begun = Instant::now();
    let error = bench.direct().block(ms(300)).acquire("k").err().unwrap();
    assert!(begun.elapsed() < ms(3000));
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    assert!(error.to_string().contains("max number of clients"), "{error}");
    let acquiring = bench.direct().block(ms(15_000)).acquiring("k");
    thread::sleep(ms(500));
    assert!(!acquiring.is_over());
    let left = Instant::now();
    bench.admin.config_set("maxclients", "1000");
    let (guard, wait) = acquiring.guard_after(left);
    assert!(wait < ms(3000), "{wait:?}");
    guard.release().unwrap();
}

fn memory_is_needed_for_no_renewal_and_no_hand_off(kind: Kind) {
    let bench = Bench::new(kind);
    let mutex = bench.direct().expiry(ms(900)).block(ms(15_000));
    let guard = mutex.acquire("k").unwrap();
    let waiter = mutex.acquiring("k");
    bench.queued("k", 1);
    let entered = State::OutOfMemory.enter(&bench);
    assert!(!guard.lost_within(ms(1500)), "renewed without room");
    let released = Instant::now();
    guard.release().unwrap();
    let (guard, wait) = waiter.guard_after(released);
    assert!(wait < ms(2500), "{wait:?}: handed over without room");
    guard.release().unwrap();
    assert!(!bench.admin.exists("k"));
    entered.leave();
}
