//! Commands that look: ls, inspect, wait, doctor; and release, which takes away.

use crate::support::{Bench, eventually, output, start};
use std::time::{Duration, Instant};

#[test]
fn ls_shows_who_holds_what_and_how_many_wait() {
    let bench = Bench::new("ls");
    output(bench.program(&["ls"])).code(0);
    let held = bench.hold(&["--label", "holder \u{1b}[31mred"]);
    let _waiter = start(bench.run(&["--label", "the waiter"], &["true"]));
    assert!(eventually(|| !bench.server.admin().keys_matching("*queue").is_empty()));
    let said = output(bench.program(&["ls"])).code(0).stdout_has(&bench.key).stdout_has("holder");
    assert!(!said.stdout.contains('\u{1b}'), "an escape sequence of others: {said:?}");
    let line = said.stdout.lines().find(|line| line.contains(&bench.key)).unwrap();
    assert!(line.split_whitespace().any(|word| word == "1"), "{line}");
    let said = output(bench.program(&["ls", "--json"])).code(0);
    assert!(
        said.stdout.contains("\"waiting\":1") && said.stdout.contains("\"fence\":"),
        "{said:?}"
    );
    drop(held);
}

#[test]
fn ls_forgets_what_was_released_although_its_fence_is_kept() {
    let bench = Bench::new("released");
    output(bench.run(&[], &["true"])).code(0);
    assert!(!bench.server.admin().keys_matching("*grant").is_empty());
    let said = output(bench.program(&["ls", "--json"])).code(0);
    assert!(!said.stdout.contains(&bench.key), "{said:?}");
}

#[test]
fn ls_shows_plain_set_nx_locks_when_asked_and_never_uses_keys() {
    let bench = Bench::new("plain");
    let admin = bench.server.admin();
    admin.cmd(&["SET", &bench.key, "token-of-another", "NX", "PX", "60000"]);
    admin.cmd(&["SET", "job:eternal", "token-of-another", "NX"]);
    admin.cmd(&["LPUSH", "job:list", "x"]);
    output(bench.program(&["ls"])).code(0);
    let pattern = format!("{}*", bench.key);
    output(bench.program(&["ls", &pattern]))
        .code(0)
        .stdout_has(&bench.key)
        .stdout_has("another program");
    let said = output(bench.program(&["ls", "job:*", "--json"])).code(0).stdout_has("job:eternal");
    assert!(!said.stdout.contains("job:list") && !said.stdout.contains("token-of"), "{said:?}");
    assert_eq!(admin.info("commandstats", "cmdstat_keys"), None, "KEYS was used");
}

#[test]
fn ls_finds_keys_with_any_braces() {
    let bench = Bench::new("braces");
    let mut running = Vec::new();
    for key in ["{user}:1", "a{b}c{d}", "}{", "{}x"] {
        let flag = bench.file(&format!("up{}", running.len()));
        let script = format!("echo > {}; exec sleep 600", flag.display());
        running.push(start(bench.program(&["run", key, "--", "sh", "-c", &script])));
        assert!(eventually(|| flag.exists()));
    }
    let said = output(bench.program(&["ls", "--json"])).code(0);
    for key in ["{user}:1", "a{b}c{d}", "}{", "{}x"] {
        assert!(said.stdout.contains(&format!("\"key\":\"{key}\"")), "{key}: {said:?}");
    }
    drop(running);
}

#[test]
fn ls_watch_lists_again_and_again() {
    let bench = Bench::new("watch");
    let _held = bench.hold(&[]);
    let bin = crate::support::binary().display();
    let script = format!("{bin} ls --watch=0.05 --json | head -3 | wc -l");
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &script]).env("REDISMUTEX_URL", bench.server.url());
    output(command).code(0).stdout_is("3\n");
}

#[test]
fn inspect_shows_the_waiters_in_order() {
    let bench = Bench::new("inspect");
    output(bench.program(&["inspect", &bench.key])).code(0).stdout_has("nobody");
    let _held = bench.hold(&["--label", "alpha"]);
    let mut waiters = Vec::new();
    for label in ["beta", "gamma"] {
        waiters.push(start(bench.run(&["--label", label], &["true"])));
        let queued = || output(bench.program(&["inspect", &bench.key])).stdout.contains(label);
        assert!(eventually(queued));
    }
    let said = output(bench.program(&["inspect", &bench.key])).code(0);
    let at = |word| said.stdout.find(word).unwrap_or_else(|| panic!("no {word} in {said:?}"));
    assert!(at("alpha") < at("beta") && at("beta") < at("gamma"));
}

#[test]
fn wait_returns_once_nobody_holds_it_and_takes_nothing() {
    let bench = Bench::new("wait");
    output(bench.program(&["wait", &bench.key])).code(0);
    let held = bench.hold(&["--expiry", "1s"]);
    let started = Instant::now();
    output(bench.program(&["wait", "-w", "0.2", "-E", "44", &bench.key])).code(44);
    assert!(started.elapsed() >= Duration::from_millis(190));
    let mut waiting = start(bench.program(&["wait", &bench.key]));
    std::thread::sleep(Duration::from_millis(100));
    assert!(waiting.0.try_wait().unwrap().is_none());
    // Killed, so that its lease has to end.
    drop(held);
    waiting.end(None).code(0);
    assert!(!bench.server.admin().exists(&bench.key));
}

#[test]
fn wait_says_in_a_log_who_has_it() {
    let bench = Bench::new("wait-log");
    let _held = bench.hold(&["--label", "web-3 deploy"]);
    let said = output(bench.program(&["wait", "-w", "2.5", &bench.key])).code(1);
    assert_eq!(said.stderr.matches("waiting for").count(), 1, "{said:?}");
    assert!(said.stderr.contains("web-3 deploy") && !said.stderr.contains('\u{1b}'), "{said:?}");
    output(bench.program(&["wait", "-q", "-w", "1.5", &bench.key])).code(1).stderr_is("");
}

#[test]
fn wait_outlives_a_restart_of_the_server() {
    let bench = Bench::new("wait-restart");
    let has_looked = || {
        let asked = |command| bench.server.admin().info("commandstats", command).is_some();
        eventually(|| asked("cmdstat_eval") || asked("cmdstat_evalsha"))
    };
    bench.server.admin().cmd(&["SET", &bench.key, "someone"]);
    let mut waiting = start(bench.program(&["wait", &bench.key]));
    assert!(has_looked());
    bench.server.kill9();
    std::thread::sleep(Duration::from_millis(400));
    assert!(waiting.0.try_wait().unwrap().is_none(), "it gave up: {:?}", waiting.end(None));
    bench.server.restart();
    // The server of a test forgets: nobody holds it any more.
    waiting.end(None).code(0);
    bench.server.admin().cmd(&["SET", &bench.key, "someone"]);
    let mut waiting = start(bench.program(&["wait", "-w", "2", &bench.key]));
    assert!(has_looked());
    bench.server.kill9();
    waiting.end(None).code(69);
}

#[test]
fn release_by_force_wants_to_be_meant() {
    let bench = Bench::new("force");
    let held = bench.hold(&["--label", "victim"]);
    output(bench.program(&["release", &bench.key])).code(2);
    // Nobody is there to be asked.
    output(bench.program(&["release", "--force", &bench.key])).code(2);
    assert!(bench.server.admin().exists(&bench.key));
    output(bench.program(&["release", "--force", "--yes", &bench.key]))
        .code(0)
        .stdout_has("victim");
    assert!(!bench.server.admin().exists(&bench.key));
    output(bench.program(&["release", "--force", "--yes", &bench.key])).code(1);
    drop(held);
}

#[test]
fn release_by_force_of_what_is_no_text_says_what_to_do() {
    let bench = Bench::new("bytes");
    bench.server.admin().cmd(&[
        "EVAL",
        "redis.call('SET', KEYS[1], '\\255\\254')",
        "1",
        &bench.key,
    ]);
    output(bench.program(&["release", "--force", "--yes", &bench.key])).code(70).stderr_has("DEL");
    assert!(bench.server.admin().exists(&bench.key));
}

#[test]
fn release_by_force_hands_it_to_the_next_in_line() {
    let bench = Bench::new("next");
    let _held = bench.hold(&[]);
    let mut waiter = start(bench.run(&["-w", "15"], &["echo", "mine"]));
    assert!(eventually(|| !bench.server.admin().keys_matching("*queue").is_empty()));
    output(bench.program(&["release", "--force", "--yes", &bench.key])).code(0);
    waiter.end(None).code(0).stdout_is("mine\n");
}

#[test]
fn doctor_finds_a_good_server_good_and_leaves_nothing_behind() {
    let bench = Bench::new("doctor");
    let said = output(bench.program(&["doctor"])).code(0);
    for word in
        ["acquire", "extend", "release", "script", "eviction", "replica", "persist", "clock"]
    {
        assert!(said.stdout.contains(word), "nothing of {word} in {said:?}");
    }
    let left = bench.server.admin().keys_matching("*doctor*");
    assert!(left.iter().all(|key| key.ends_with(":grant")), "{left:?}");
    let said = output(bench.program(&["doctor", "--json"])).code(0);
    assert!(
        said.stdout.lines().all(|line| line.starts_with('{') && line.ends_with('}')),
        "{said:?}"
    );
}

#[test]
fn doctor_says_what_a_user_may_not_do() {
    let bench = Bench::new("acl");
    let admin = bench.server.admin();
    admin.acl_setuser("app", &["on", ">pw", "~*", "&*", "+@all", "-pexpire"]);
    let port = bench.server.port();
    let doctor = |user: &str| {
        let mut command = bench.program(&["doctor"]);
        command.env("REDISMUTEX_URL", format!("redis://{user}:pw@127.0.0.1:{port}/0"));
        output(command)
    };
    doctor("app").code(1).stdout_has("extend");
    admin.acl_setuser("mute", &["on", ">pw", "~*", "resetchannels", "+@all"]);
    let said = doctor("mute").code(0);
    assert!(said.stdout.contains("channel"), "{said:?}");
    admin.acl_setuser("reader", &["on", ">pw", "~*", "&*", "+@read", "+@connection"]);
    doctor("reader").code(1);
}

#[test]
fn doctor_warns_of_a_server_that_evicts() {
    let bench = Bench::new("evict");
    bench.server.admin().config_set("maxmemory", "100mb");
    bench.server.admin().config_set("maxmemory-policy", "allkeys-lru");
    output(bench.program(&["doctor"])).stdout_has("noeviction");
}

#[test]
fn ls_passes_over_what_this_user_may_not_see() {
    let bench = Bench::new("partly");
    let admin = bench.server.admin();
    admin.cmd(&["SET", "open:1", "token", "PX", "60000"]);
    admin.cmd(&["SET", "closed:1", "token", "PX", "60000"]);
    admin.acl_setuser("half", &["on", ">pw", "~open:*", "~redismutex:*", "&*", "+@all"]);
    let mut command = bench.program(&["ls", "*:1"]);
    command.env("REDISMUTEX_URL", format!("redis://half:pw@127.0.0.1:{}/0", bench.server.port()));
    let said = output(command).code(0).stdout_has("open:1");
    assert!(!said.stdout.contains("closed:1"), "{said:?}");
}
