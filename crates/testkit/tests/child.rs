//! Child processes run, speak, stop, die; and histories that they write together find a lock out.

use std::path::Path;
use std::time::{Duration, Instant};

use redismutex_testkit::history::{Recorder, Report, check, deadline_ns, now_ns, read};
use redismutex_testkit::{Admin, Reply, Server, child};

const SURELY: Duration = Duration::from_secs(30);
const SILENCE: Duration = Duration::from_millis(100);

#[test]
#[ignore = "runs in a child process"]
fn worker() {
    let Some(role) = child::role() else { return };
    let env = |name| std::env::var(name).unwrap_or_default();
    match role.as_str() {
        "greeter" => child::say(&env("GREETING")),
        "clock" => loop {
            child::say("tick");
            std::thread::sleep(Duration::from_millis(5));
        },
        "mourner" => panic!("it was sad"),
        "host" => {
            let server = Server::start();
            child::say(server.socket().to_str().unwrap_or_default());
            std::thread::sleep(SURELY);
        }
        "competitor" => compete(&env("SOCKET"), &env("HISTORY"), &env("CONDITION")),
        other => panic!("no such role: {other}"),
    }
}

#[test]
fn a_child_says_what_it_was_told() {
    let greeter = child::spawn("worker", "greeter", &[("GREETING", "hello, parent")]);
    assert!(greeter.heard("hello, parent", SURELY));
    assert!(greeter.wait(SURELY).unwrap().success());
    assert_eq!(greeter.said(), ["hello, parent"]);
    assert!(!greeter.heard("anything else", SURELY));
}

#[test]
fn a_failing_child_is_seen_to_fail() {
    let mourner = child::spawn("worker", "mourner", &[]);
    assert!(!mourner.wait(SURELY).unwrap().success());
}

#[test]
fn a_child_stands_still_and_goes_on() {
    let clock = child::spawn("worker", "clock", &[]);
    assert!(clock.heard("tick", SURELY));
    let paused = clock.pause();
    // What it had said before may still be on its way.
    std::thread::sleep(SILENCE);
    let ticks = clock.said().len();
    std::thread::sleep(SILENCE);
    assert_eq!(clock.said().len(), ticks);
    paused.resume();
    let deadline = Instant::now() + SURELY;
    while clock.said().len() == ticks {
        assert!(Instant::now() < deadline, "the clock has stopped for good");
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(clock.wait(SILENCE).is_none());
    clock.kill9();
    clock.kill9();
}

#[test]
fn a_killed_process_takes_its_server_with_it() {
    let host = child::spawn("worker", "host", &[]);
    let deadline = Instant::now() + SURELY;
    while host.said().is_empty() {
        assert!(Instant::now() < deadline, "the server never started");
        std::thread::sleep(Duration::from_millis(5));
    }
    let socket = host.said().remove(0);
    assert!(Admin::connect_unix(&socket).is_ok());
    host.kill9();
    if cfg!(target_os = "linux") {
        while Admin::connect_unix(&socket).is_ok() {
            assert!(Instant::now() < deadline, "the server lives on");
        }
    }
    // Nobody was left to remove it.
    let dir = Path::new(&socket).parent().unwrap();
    std::fs::remove_dir_all(dir).unwrap();
}

/// Three competitors, one of which is killed on the way, and the judgement of what they wrote.
fn competition(condition: &str) -> Report {
    let server = Server::start();
    let path = server.dir().join("history");
    let recorder = Recorder::create(&path).expect("a writable directory");
    let (socket, history) = (server.socket().display().to_string(), path.display().to_string());
    let env = [("SOCKET", &socket[..]), ("HISTORY", &history), ("CONDITION", condition)];
    let all: Vec<_> = (0..3).map(|_| child::spawn("worker", "competitor", &env)).collect();
    assert!(all[0].heard("underway", SURELY));
    all[0].kill9();
    recorder.killed(all[0].pid());
    for other in &all[1..] {
        assert!(other.wait(SURELY).is_some_and(|status| status.success()));
    }
    check(&read(&path).expect("whole lines only"))
}

#[test]
fn an_honest_lock_is_acquitted() {
    let report = competition("NX");
    report.assert_sound();
    assert!(report.acquisitions >= 40, "{report}");
    assert_eq!(report.unanswered, 0);
}

#[test]
fn a_lock_that_excludes_nobody_is_found_out() {
    // SET .. GET always succeeds, so everybody "holds" the lock.
    assert!(!competition("GET").overlaps.is_empty());
}

/// Takes a lease with one SET, 20 times; the condition decides whether that excludes others.
fn compete(socket: &str, history: &str, condition: &str) {
    let admin = Admin::connect_unix(socket).expect("the parent's server");
    let recorder = Recorder::append(history).expect("the parent's history");
    for round in 0..20 {
        let owner = format!("{}-{round}", std::process::id());
        recorder.wait("k", &owner);
        let mut asked = now_ns();
        let taken = |reply: &Reply| condition != "NX" || *reply != Reply::Nil;
        while !taken(&admin.cmd(&["SET", "k", &owner, "PX", "300", condition])) {
            std::thread::sleep(Duration::from_millis(1));
            asked = now_ns();
        }
        let deadline = asked + 290_000_000;
        recorder.acquired("k", &owner, None, Some(deadline));
        std::thread::sleep(Duration::from_millis(3));
        recorder.released("k", &owner);
        if deadline_ns(|| Duration::ZERO) < deadline {
            let release = "if redis.call('get', KEYS[1]) == ARGV[1] then \
                           redis.call('del', KEYS[1]) end";
            admin.cmd(&["EVAL", release, "1", "k", &owner]);
        }
        if round == 3 {
            child::say("underway");
        }
    }
}
