//! Signals: while waiting, while running, and those that are to be ignored.

use crate::support::{Bench, eventually, is_alive, output, program, read, start};
use nix::sys::signal::Signal;

#[test]
fn a_signal_ends_the_wait_and_leaves_nothing_in_the_queue() {
    let bench = Bench::new("waiting");
    let _held = bench.hold(&[]);
    for (signal, code) in [
        (Signal::SIGTERM, 143),
        (Signal::SIGINT, 130),
        (Signal::SIGHUP, 129),
        (Signal::SIGQUIT, 131),
        (Signal::SIGUSR1, 138),
        (Signal::SIGUSR2, 140),
    ] {
        let mut waiter = start(bench.run(&[], &["true"]));
        assert!(eventually(|| bench.server.admin().keys_matching("*queue").len() == 1));
        waiter.signal(signal);
        waiter.end(None).code(code);
        assert!(bench.server.admin().keys_matching("*queue").is_empty(), "{signal} left a waiter");
    }
}

#[test]
fn each_signal_reaches_the_command_once() {
    let bench = Bench::new("passed");
    for (signal, name) in [
        (Signal::SIGTERM, "TERM"),
        (Signal::SIGINT, "INT"),
        (Signal::SIGHUP, "HUP"),
        (Signal::SIGQUIT, "QUIT"),
        (Signal::SIGUSR1, "USR1"),
        (Signal::SIGUSR2, "USR2"),
    ] {
        let log = bench.file(name);
        let body = format!(
            "trap 'echo {name} >> {0}' {name}; echo ready > {0}; \
             while ! grep -q {name} {0}; do sleep 0.02; done; sleep 0.2; exit 7",
            log.display()
        );
        let mut held = bench.hold_with(&[], &body).process;
        assert!(eventually(|| log.exists()));
        held.signal(signal);
        held.end(None).code(7);
        assert_eq!(read(&log), format!("ready\n{name}\n"));
    }
}

#[test]
fn a_command_that_does_not_catch_the_signal_dies_of_it() {
    let bench = Bench::new("dies");
    let mut held = bench.hold(&[]);
    held.process.signal(Signal::SIGTERM);
    held.process.end(None).code(143);
    assert!(!is_alive(held.command) && !bench.server.admin().exists(&bench.key));
}

#[test]
fn without_a_terminal_the_whole_group_of_the_command_hears_it() {
    let bench = Bench::new("group");
    let file = bench.file("grandchild");
    let body = format!("sleep 600 & echo $! > {}; wait", file.display());
    // A session of its own has no terminal.
    let flag = bench.file("up");
    let script = format!("{body}; true; : {}", flag.display());
    let mut command = std::process::Command::new("setsid");
    let run = bench.run(&[], &["sh", "-c", &script]);
    command.arg("-w").arg(run.get_program()).args(run.get_args());
    command.env("REDISMUTEX_URL", bench.server.url());
    let _outer = start(command);
    assert!(eventually(|| file.exists() && !read(&file).trim().is_empty()));
    let grandchild: i32 = read(&file).trim().parse().unwrap();
    // The one whose grandchild it is.
    let ours = parent(parent(grandchild));
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(ours), Signal::SIGTERM).unwrap();
    assert!(eventually(|| !is_alive(grandchild)), "what the shell had started lives on");
    assert!(eventually(|| !bench.server.admin().exists(&bench.key)));
}

/// A shell that dies of TERM at once, and below it one that takes its time and notes when it has ended.
pub fn slow_to_end(bench: &Bench) -> String {
    format!(
        "sh -c 'trap \"sleep 0.7; date +%s.%N > {ended}.tmp; mv {ended}.tmp {ended}; exit\" TERM; \
         echo up > {up}; while :; do sleep 0.02; done'; true",
        ended = bench.file("ended").display(),
        up = bench.file("up").display()
    )
}

/// Sends TERM to the program with this pid, which runs what is slow to end, and sees who is granted the lock when.
pub fn granted_after_the_end(bench: &Bench, pid: i32) {
    assert!(eventually(|| bench.file("up").exists()));
    let mut next = start(bench.run(&["-w", "15"], &["date", "+%s.%N"]));
    assert!(eventually(|| !bench.server.admin().keys_matching("*queue").is_empty()));
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), Signal::SIGTERM).unwrap();
    let granted: f64 = next.end(None).code(0).stdout.trim().parse().unwrap();
    assert!(eventually(|| bench.file("ended").exists()), "what was slow did not end by itself");
    let ended: f64 = read(&bench.file("ended")).trim().parse().unwrap();
    assert!(ended < granted, "ended {ended}, granted to another {granted}");
}

#[test]
fn the_lock_is_kept_until_all_that_was_told_to_end_has_ended() {
    let bench = Bench::new("slow");
    let script = slow_to_end(&bench);
    let mut run = start(bench.run(&[], &["sh", "-c", &script]));
    granted_after_the_end(&bench, run.pid());
    run.end(None).code(143);
}

#[test]
fn what_does_not_end_when_told_is_killed_before_the_lock_is_given_back() {
    let bench = Bench::new("stubborn");
    let file = bench.file("pid");
    let body = format!(
        "sh -c 'trap \"\" TERM; echo $$ > {0}.tmp; mv {0}.tmp {0}; while :; do sleep 0.05; done'; true",
        file.display()
    );
    let mut run = start(bench.run(&["--kill-after", "300ms"], &["sh", "-c", &body]));
    assert!(eventually(|| file.exists()));
    run.signal(Signal::SIGTERM);
    run.end(None).code(143);
    let stubborn = read(&file).trim().parse().unwrap();
    assert!(!is_alive(stubborn), "it works on without the lock");
    assert!(!bench.server.admin().exists(&bench.key));
}

fn parent(pid: i32) -> i32 {
    let stat = read(format!("/proc/{pid}/stat").as_ref());
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    rest.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn what_nohup_ignores_stays_ignored() {
    let bench = Bench::new("nohup");
    let mut command = std::process::Command::new("nohup");
    let log = bench.file("log");
    let script = format!("echo up > {}; sleep 0.6; exit 4", log.display());
    let run = bench.run(&[], &["sh", "-c", &script]);
    command.arg(run.get_program()).args(run.get_args()).env("REDISMUTEX_URL", bench.server.url());
    let mut nohup = start(command);
    assert!(eventually(|| log.exists()));
    nohup.signal(Signal::SIGHUP);
    nohup.end(None).code(4);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let bin = crate::support::binary().display();
    let script = format!(
        "set -o pipefail; {bin} man | head -1 >/dev/null; {bin} completions bash | head -1 >/dev/null"
    );
    let mut command = std::process::Command::new("bash");
    command.args(["-c", &script]);
    let said = output(command).code(0);
    assert_eq!(said.stderr, "");
    drop(program(&[]));
}
