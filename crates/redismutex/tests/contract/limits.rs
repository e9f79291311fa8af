//! What cannot be promised, seen to happen.

use crate::face::ms;
use redismutex::blocking::RedisMutex;
use redismutex_testkit::{Server, random_key};

/// The replica takes over before the last grant has reached it.
#[test]
fn a_failover_may_grant_twice_and_the_fences_tell() {
    let (old, new, key) = (Server::start(), Server::start(), random_key());
    let (host, port) = ("127.0.0.1".to_owned(), old.port().to_string());
    new.admin().cmd(&["REPLICAOF", &host, &port]);
    // Cut off from the old primary, promoted, and taken for the primary by everybody who connects now.
    new.admin().cmd(&["REPLICAOF", "NO", "ONE"]);
    let first = RedisMutex::connect(old.url()).unwrap().acquire(&key).unwrap();
    let second = RedisMutex::connect(new.url()).unwrap().acquire(&key).unwrap();
    assert!(first.is_valid() && second.is_valid(), "two holders: nothing can prevent it");
    assert!(second.fence() > first.fence(), "but a store that checks fences refuses the first");
}

#[test]
fn an_evicted_lock_may_be_granted_twice() {
    let (server, key) = (Server::start(), random_key());
    let admin = server.admin();
    let mutex = RedisMutex::builder(server.url()).expiry(ms(60_000)).connect().unwrap();
    let first = mutex.acquire(&key).unwrap();
    admin.cmd(&["CONFIG", "SET", "maxmemory-policy", "allkeys-random"]);
    admin.cmd(&["CONFIG", "SET", "maxmemory", "1"]);
    let evicted = (0..100).any(|_| {
        admin.cmd(&["SET", "more", "data"]);
        std::thread::sleep(ms(20));
        !admin.exists(&key)
    });
    assert!(evicted, "made room");
    admin.cmd(&["CONFIG", "SET", "maxmemory", "0"]);
    let second = mutex.acquire(&key).unwrap();
    assert!(first.is_valid() && second.is_valid(), "two holders, until the first one's renewal");
    assert!(second.fence() > first.fence());
}
