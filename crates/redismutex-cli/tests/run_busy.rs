//! `redismutex run` when someone else has the lock.

mod common;

use common::{Tool, code, err, out, until};
use std::time::{Duration, Instant};

fn taken(tool: &Tool) {
    tool.admin().cmd(&["SET", "k", "someone", "PX", "60000"]);
}

#[test]
fn a_busy_lock_is_1_or_what_was_asked_for() {
    let tool = Tool::start();
    taken(&tool);
    let rows: [(&[&str], i32); 5] = [
        (&["-n", "k", "true"], 1),
        (&["--nb", "k", "true"], 1),
        (&["-w", "0", "k", "true"], 1),
        (&["-n", "-E", "75", "k", "true"], 75),
        (&["-w", "0.2", "--conflict-exit-code", "9", "k", "true"], 9),
    ];
    for (words, expected) in rows {
        let ended = tool.run(words);
        assert_eq!(code(ended.status), Some(expected), "{words:?}");
        assert!(err(&ended).contains("busy"), "{}", err(&ended));
    }
    assert_eq!(tool.queued(), 0, "nothing is left in line");
}

#[test]
fn quiet_busy_is_no_failure_and_no_word() {
    let tool = Tool::start();
    taken(&tool);
    let ended = tool.run(&["-n", "--quiet-busy", "k", "echo", "ran"]);
    assert_eq!((code(ended.status), err(&ended), out(&ended)), (Some(0), "".into(), "".into()));
}

#[test]
fn the_holder_is_named() {
    let tool = Tool::start();
    let (holder, _) = tool.started(&["k", "-c", "echo on; sleep 60"]);
    let ended = tool.run(&["-n", "k", "true"]);
    assert!(err(&ended).contains(&format!(":{} sh", holder.child.id())), "{}", err(&ended));
    holder.signal(nix::sys::signal::Signal::SIGTERM);
    holder.end();
    let (holder, _) =
        tool.started(&["--label", "the\x1b[2Jdeploy", "k", "-c", "echo on; sleep 60"]);
    let said = err(&tool.run(&["-n", "k", "true"]));
    assert!(said.contains("deploy") && !said.contains('\x1b'), "{said:?}");
    holder.signal(nix::sys::signal::Signal::SIGTERM);
    holder.end();
}

#[test]
fn a_wait_lasts_as_long_as_was_said() {
    let tool = Tool::start();
    taken(&tool);
    let started = Instant::now();
    assert_eq!(code(tool.run(&["-w", "0.5", "k", "true"]).status), Some(1));
    assert!(started.elapsed() >= Duration::from_millis(500));
}

#[test]
fn who_waits_gets_it_in_order() {
    let tool = Tool::start();
    let (holder, _) = tool.started(&["k", "-c", "echo on; sleep 60"]);
    let log = tool.server.dir().join("order");
    let line = |name| format!("echo {name} >> {}", log.display());
    let first = tool.waiting(&["k", "-c", &line("first")], 0);
    let second = tool.waiting(&["-w", "60", "k", "-c", &line("second")], 1);
    holder.signal(nix::sys::signal::Signal::SIGTERM);
    for child in [first, second] {
        assert_eq!(code(child.wait_with_output().unwrap().status), Some(0));
    }
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "first\nsecond\n");
    assert_eq!(holder.end().0, Some(143));
}

#[test]
fn a_long_wait_says_once_in_a_log_who_has_it() {
    let tool = Tool::start();
    let (holder, _) = tool.started(&["k", "-c", "echo on; sleep 60"]);
    let ended = tool.run(&["-w", "2.5", "k", "true"]);
    let said = err(&ended);
    let lines: Vec<_> = said.lines().filter(|line| line.contains("waiting for k")).collect();
    assert_eq!(lines.len(), 1, "{said}");
    assert!(lines[0].contains("held by") && lines[0].contains("we are next"), "{said}");
    assert!(!said.contains('\x1b') && !said.contains('\r'), "{said:?}");
    let quiet = tool.run(&["-q", "-w", "1.5", "k", "true"]);
    assert!(!err(&quiet).contains("waiting"), "{}", err(&quiet));
    holder.signal(nix::sys::signal::Signal::SIGTERM);
    holder.end();
    until("it is free", || !tool.admin().exists("k"));
}
