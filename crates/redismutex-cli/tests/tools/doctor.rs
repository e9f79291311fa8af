//! `doctor`, on servers and as users that have something wrong with them.

use crate::common::{Came, call, url_of};
use redismutex_testkit::Server;

/// The level that was found, by check.
fn level(came: &Came, check: &str) -> String {
    let lines = came.out.lines().filter(|line| !line.is_empty());
    let mut found = lines.map(|line| line.split_whitespace().take(2).collect::<Vec<_>>());
    let found = found.find(|words| words.get(1) == Some(&check));
    found.map(|words| words[0].to_owned()).unwrap_or_else(|| panic!("no {check}: {came:?}"))
}

#[test]
fn all_is_well_and_nothing_is_left_behind() {
    let server = Server::start();
    let came = call(&server.url(), &["doctor"]);
    assert_eq!(came.code, 0, "{came:?}");
    let fine = "server acquire scripting extend channels release look eviction replication clock";
    for check in fine.split(' ') {
        assert_eq!(level(&came, check), "ok", "{check}: {came:?}");
    }
    // The server of a test saves nothing.
    assert_eq!(level(&came, "persistence"), "warning");
    assert_eq!(server.admin().keys_matching("*doctor*"), [""; 0]);

    let lines = call(&server.url(), &["doctor", "--json"]).out;
    let first: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!((&first["check"], &first["level"]), (&"server".into(), &"ok".into()));
}

#[test]
fn eviction_under_a_memory_limit_needs_a_remedy() {
    let server = Server::start();
    server.admin().config_set("maxmemory-policy", "allkeys-lru");
    let came = call(&server.url(), &["doctor"]);
    assert_eq!((came.code, &*level(&came, "eviction")), (0, "warning"), "{came:?}");
    server.admin().config_set("maxmemory", "100mb");
    let came = call(&server.url(), &["doctor"]);
    assert_eq!((came.code, &*level(&came, "eviction")), (1, "remedy"), "{came:?}");
    assert!(came.out.contains("maxmemory-policy noeviction"), "{came:?}");
}

#[test]
fn an_append_only_file_is_persistence() {
    let server = Server::start();
    server.admin().config_set("appendonly", "yes");
    assert_eq!(level(&call(&server.url(), &["doctor"]), "persistence"), "ok");
}

#[test]
fn a_user_without_channels_is_told_that_waiters_poll() {
    let server = Server::start();
    for rules in [
        &["~*", "+@all", "resetchannels"],
        &["~*", "+@all", "-subscribe"],
        &["~*", "+@all", "-publish"],
    ] {
        let rules = [&["&*"], &rules[..]].concat();
        let came = call(&url_of(&server, "quiet", &rules), &["doctor"]);
        assert_eq!((came.code, &*level(&came, "channels")), (0, "warning"), "{rules:?}: {came:?}");
        assert_eq!(level(&came, "release"), "ok");
    }
}

#[test]
fn a_user_who_cannot_lock_is_told_the_remedy() {
    let server = Server::start();
    let may_not: [&[&str]; 3] = [
        &["~*", "&*", "+@all", "-set", "-evalsha"],
        &["~app:*", "&*", "+@all"],
        &["~*", "&*", "+@read"],
    ];
    for rules in may_not {
        let came = call(&url_of(&server, "weak", rules), &["doctor"]);
        assert_eq!((came.code, &*level(&came, "acquire")), (1, "remedy"), "{rules:?}: {came:?}");
    }
    assert_eq!(server.admin().keys_matching("*doctor*"), [""; 0]);
}

#[test]
fn what_may_not_be_asked_is_a_warning() {
    let server = Server::start();
    let rules = ["~*", "&*", "+@all", "-info", "-config", "-scan"];
    let came = call(&url_of(&server, "modest", &rules), &["doctor"]);
    assert_eq!(came.code, 0, "{came:?}");
    for check in ["look", "eviction", "replication", "persistence"] {
        assert_eq!(level(&came, check), "warning", "{check}: {came:?}");
    }
    assert!(!came.out.contains("pw"), "{came:?}");
}
