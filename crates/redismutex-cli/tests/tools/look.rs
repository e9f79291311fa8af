//! `ls`, `inspect`, `wait` and `release`.

use crate::common::{call, client, held, program, until, url_of};
use redismutex_testkit::Server;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read as _};
use std::process::Stdio;
use std::thread;

fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

#[test]
fn ls_tells_who_holds_what_and_how_many_wait() {
    let server = Server::start();
    let url = server.url();
    let nothing = call(&url, &["ls"]);
    assert_eq!((nothing.code, nothing.out.lines().count()), (0, 1), "{nothing:?}");

    let build = held(&server, "build", "web-1:7 make");
    let _odd = held(&server, "a}b {c}", "odd");
    drop(held(&server, "over", "gone"));
    thread::scope(|scope| {
        let waiter = scope.spawn(|| drop(client(&server, "second").acquire("build").unwrap()));
        until("somebody waits", || call(&url, &["ls"]).out.contains(" 1  "));
        let listed = call(&url, &["ls"]).out;
        let lines: Vec<&str> = listed.lines().collect();
        assert!(lines[0].starts_with("KEY") && lines[1].starts_with("a}b {c}"), "{listed}");
        assert!(lines[2].starts_with("build    web-1:7 make"), "{listed}");
        assert!(lines[2].ends_with(&build.fence().unwrap().to_string()), "{listed}");
        assert_eq!(lines.len(), 3, "a lock that was released is none: {listed}");

        let lines = call(&url, &["ls", "--json"]).out;
        let second = json(lines.lines().nth(1).unwrap());
        assert_eq!(second["key"], "build");
        assert_eq!(second["label"], "web-1:7 make");
        assert_eq!(second["waiting"], 1);
        assert!(second["remaining"].as_f64().is_some_and(|left| left > 0.0 && left <= 7.0));
        build.release().unwrap();
        waiter.join().unwrap();
    });
}

#[test]
fn ls_with_a_pattern_shows_plain_clients_and_no_data() {
    let server = Server::start();
    let admin = server.admin();
    admin.cmd(&["SET", "jobs:plain", "token", "NX", "PX", "60000"]);
    admin.cmd(&["SET", "jobs:report", &"x".repeat(5000)]);
    admin.cmd(&["LPUSH", "jobs:list", "1"]);
    admin.cmd(&["SET", "other", "token"]);
    let _ours = held(&server, "jobs:ours", "me");

    let all = call(&server.url(), &["ls"]).out;
    assert!(all.contains("jobs:ours") && !all.contains("jobs:plain"), "{all}");
    let matching = call(&server.url(), &["ls", "jobs:*", "--json"]).out;
    let keys: Vec<_> = matching.lines().map(|line| json(line)["key"].to_string()).collect();
    assert_eq!(keys, ["\"jobs:ours\"", "\"jobs:plain\""]);
    let everything = call(&server.url(), &["ls", "*"]).out;
    assert!(!everything.contains("redismutex:{"), "companions are no locks: {everything}");
    assert!(everything.lines().any(|it| it.starts_with("other") && it.contains("forever")));
    assert_eq!(admin.info("commandstats", "cmdstat_keys"), None, "KEYS stops the server for all");
}

#[test]
fn no_value_is_shown() {
    let server = Server::start();
    server.admin().cmd(&["SET", "session:7", "a-secret"]);
    let lock = held(&server, "session:8", "me");
    let calls: [&[&str]; 5] = [
        &["ls", "*"],
        &["ls", "*", "--json"],
        &["inspect", "session:7"],
        &["inspect", "session:7", "--json"],
        &["inspect", "session:8", "--json"],
    ];
    for args in calls {
        let shown = call(&server.url(), args).out;
        assert!(!shown.contains("a-secret") && !shown.contains(lock.value()), "{args:?}: {shown}");
    }
    assert!(call(&server.url(), &["inspect", "session:7"]).out.contains("another program"));
}

#[test]
fn a_key_that_may_not_be_read_hides_no_others() {
    let server = Server::start();
    let _locks = [held(&server, "ours:a", "me"), held(&server, "theirs:b", "them")];
    let rules = ["~ours:*", "~redismutex:{*", "&*", "+@all"];
    let came = call(&url_of(&server, "half", &rules), &["ls"]);
    assert!(came.code == 0 && came.out.contains("ours:a"), "{came:?}");
    assert!(!came.out.contains("theirs:b"), "{came:?}");
    let blind = ["~redismutex:{*", "&*", "+@all"];
    let came = call(&url_of(&server, "blind", &blind), &["ls"]);
    assert!(came.code == 70 && came.err.contains("NOPERM"), "{came:?}");
}

#[test]
fn ls_finds_locks_among_many_other_keys() {
    let server = Server::start();
    let fill = "for i = 1, 5000 do redis.call('SET', 'data:' .. i, i) end";
    server.admin().cmd(&["EVAL", fill, "0"]);
    let _lock = held(&server, "needle", "me");
    let listed = call(&server.url(), &["ls"]).out;
    assert_eq!(listed.lines().count(), 2, "{listed}");
}

#[test]
fn ls_watches_until_nobody_reads() {
    let server = Server::start();
    let _lock = held(&server, "build", "me");
    let mut command = program(&server.url(), &["ls", "--watch=0.05", "--json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for _ in 0..3 {
        assert_eq!(json(&lines.next().unwrap().unwrap())["key"], "build");
    }
    drop(lines);
    assert!(child.wait().unwrap().success());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(said, "");
}

#[test]
fn a_label_cannot_steer_the_terminal() {
    let server = Server::start();
    let _lock = held(&server, "build\u{1b}[2J", "\u{1b}]0;owned\u{7}");
    for args in [&["ls"][..], &["inspect", "build\u{1b}[2J"]] {
        let shown = call(&server.url(), args).out;
        assert!(shown.contains("owned") && !shown.contains(['\u{1b}', '\u{7}']), "{shown:?}");
    }
}

#[test]
fn inspect_shows_the_holder_and_the_waiters_in_order() {
    let server = Server::start();
    let url = server.url();
    let first = held(&server, "build", "first");
    thread::scope(|scope| {
        for (place, label) in ["second", "third"].into_iter().enumerate() {
            let server = &server;
            scope.spawn(move || drop(client(server, label).acquire("build").unwrap()));
            until("it waits", || {
                json(&call(&url, &["inspect", "build", "--json"]).out)["waiting"] == place + 1
            });
        }
        let seen = json(&call(&url, &["inspect", "build", "--json"]).out);
        assert_eq!(seen["holder"]["label"], "first");
        assert_eq!(seen["holder"]["fence"], first.fence().map(u64::from).unwrap());
        let labels = seen["waiters"].as_array().unwrap().iter().map(|it| it["label"].as_str());
        assert_eq!(labels.collect::<Vec<_>>(), [Some("second"), Some("third")]);
        let shown = call(&url, &["inspect", "build"]).out;
        let at = |word: &str| shown.find(word).unwrap_or_else(|| panic!("no {word}: {shown}"));
        assert!(at("first") < at("1.  second") && at("second") < at("2.  third"), "{shown}");
        first.release().unwrap();
    });
    let free = call(&url, &["inspect", "build"]);
    assert!(free.code == 0 && free.out.contains("nobody"), "{free:?}");
}

#[test]
fn wait_ends_when_it_is_free_or_time_is_up_and_takes_nothing() {
    let server = Server::start();
    let url = server.url();
    assert_eq!(call(&url, &["wait", "build"]).code, 0);
    let lock = held(&server, "build", "me");
    assert_eq!(call(&url, &["wait", "build", "-w", "0"]).code, 1);
    assert_eq!(call(&url, &["wait", "build", "-w", "0.3", "-E", "75"]).code, 75);
    let mut waiting = program(&url, &["wait", "build"]).spawn().unwrap();
    let seen = || json(&call(&url, &["inspect", "build", "--json"]).out);
    assert_eq!(seen()["waiting"], 0);
    assert!(waiting.try_wait().unwrap().is_none());
    lock.release().unwrap();
    until("the wait ends", || waiting.try_wait().unwrap().is_some());
    assert!(waiting.wait().unwrap().success() && seen()["holder"].is_null());
}

#[test]
fn release_by_force_is_meant_or_does_not_happen() {
    let server = Server::start();
    let url = server.url();
    let lock = held(&server, "build", "web-1:7 make");
    assert_eq!(call(&url, &["release", "build"]).code, 2, "without --force");
    let unasked = call(&url, &["release", "--force", "build"]);
    assert!(unasked.code == 2 && unasked.err.contains("--yes"), "{unasked:?}");
    assert!(server.admin().exists("build"));

    let done = call(&url, &["release", "--force", "--yes", "build"]);
    assert!(done.code == 0 && done.out.contains("web-1:7 make"), "{done:?}");
    assert!(!server.admin().exists("build") && lock.release().is_err());
    let nobody = call(&url, &["release", "--force", "--yes", "build"]);
    assert!(nobody.code == 1 && nobody.out.contains("nobody"), "{nobody:?}");
}

#[test]
fn a_server_that_is_not_there_is_code_69() {
    for args in [&["ls"][..], &["inspect", "k"], &["wait", "k"], &["doctor"]] {
        let came = call("redis://127.0.0.1:1", args);
        assert!(came.code == 69 && came.err.starts_with("redismutex: "), "{args:?}: {came:?}");
    }
}
