//! A lock that someone else has.

use crate::support::{Bench, eventually, output, read, start};
use std::time::{Duration, Instant};

#[test]
fn nonblock_gives_up_at_once_and_says_who_has_it() {
    let bench = Bench::new("busy");
    let held = bench.hold(&["--label", "the other one"]);
    for options in [&["-n"][..], &["--nonblock"], &["--nb"], &["-w", "0"]] {
        output(bench.run(options, &["true"])).code(1).stderr_has("the other one");
    }
    drop(held);
}

#[test]
fn a_wait_ends_when_its_time_is_over_and_not_before() {
    let bench = Bench::new("wait");
    let _held = bench.hold(&[]);
    let started = Instant::now();
    output(bench.run(&["--wait", "0.4"], &["true"])).code(1);
    assert!(started.elapsed() >= Duration::from_millis(390));
    // What gave up has left no place in the queue.
    assert!(bench.server.admin().keys_matching("*queue").is_empty());
}

#[test]
fn the_code_for_busy_can_be_chosen() {
    let bench = Bench::new("code");
    let _held = bench.hold(&[]);
    output(bench.run(&["-n", "-E", "75"], &["true"])).code(75);
    output(bench.run(&["-n", "--conflict-exit-code", "0"], &["true"])).code(0);
    output(bench.run(&["-w", "0.1", "-E", "9"], &["true"])).code(9);
    output(bench.run(&["-n", "-E", "256"], &["true"])).code(2);
}

#[test]
fn quiet_busy_is_no_failure_and_says_nothing() {
    let bench = Bench::new("quiet");
    let _held = bench.hold(&[]);
    output(bench.run(&["-n", "--quiet-busy"], &["true"])).code(0).stderr_is("").stdout_is("");
    // It is a failure for all that.
    output(bench.run(&["-n", "-q"], &["true"])).code(1).stderr_is("").stdout_is("");
}

#[test]
fn who_waits_gets_it_as_soon_as_it_is_released_in_order() {
    let bench = Bench::new("order");
    let go = bench.file("go");
    let held =
        bench.hold_with(&[], &format!("while [ ! -e {} ]; do sleep 0.01; done", go.display()));
    let log = bench.file("log");
    let mut waiters = Vec::new();
    for name in ["first", "second", "third"] {
        let script = format!("echo {name} >> {}", log.display());
        waiters.push(start(bench.run(&[], &["sh", "-c", &script])));
        let queued = waiters.len();
        let waiting = || {
            let said = output(bench.program(&["inspect", "--json", &bench.key])).stdout;
            said.contains(&format!("\"waiting\":{queued}"))
        };
        assert!(eventually(waiting), "{name} does not wait");
    }
    std::fs::write(&go, "").unwrap();
    for waiter in &mut waiters {
        waiter.end(None).code(0);
    }
    assert_eq!(read(&log), "first\nsecond\nthird\n");
    drop(held);
}

#[test]
fn a_plain_set_nx_lock_keeps_us_out_too() {
    let bench = Bench::new("plain");
    bench.server.admin().cmd(&["SET", &bench.key, "another", "NX", "PX", "600"]);
    output(bench.run(&["-n"], &["true"])).code(1).stderr_has("another program");
    // Its end is noticed although nobody announces it.
    output(bench.run(&["-w", "15"], &["true"])).code(0);
}
