//! `redismutex run` when the lock is lost while the command runs.

mod common;

use common::{Tool, is_alive, until};

/// Short, so that the next renewal finds out soon; long enough for a machine that is busy.
const EXPIRY: [&str; 2] = ["--expiry", "2"];

fn lost(tool: &Tool, options: &[&str], line: &str) -> (common::Running, String) {
    let words = [&EXPIRY, options, &["k", "-c", line]].concat();
    let (running, said) = tool.started(&words);
    assert!(tool.admin().del("k"));
    (running, said)
}

#[test]
fn the_command_is_told_to_end_and_the_code_is_79() {
    let tool = Tool::start();
    let line = "trap 'echo ended; exit 0' TERM; echo on; while :; do sleep 0.05; done";
    let (mut running, _) = lost(&tool, &[], line);
    assert_eq!(running.line(), "ended");
    let (code, said) = running.end();
    assert_eq!(code, Some(79));
    assert!(said.contains("the lock was lost"), "{said}");
}

#[test]
fn a_lock_that_another_took_stays_with_it() {
    let tool = Tool::start();
    let words = [&EXPIRY[..], &["k", "-c", "echo on; exec sleep 60"]].concat();
    let (running, _) = tool.started(&words);
    tool.admin().cmd(&["SET", "k", "someone"]);
    assert_eq!(running.end().0, Some(79));
    assert_eq!(tool.admin().get("k").as_deref(), Some("someone"));
}

#[test]
fn a_command_that_does_not_listen_is_killed_after_a_while() {
    let tool = Tool::start();
    let line = "trap '' TERM; echo $$; while :; do sleep 0.05; done";
    let (running, pid) = lost(&tool, &["--kill-after", "0.3"], line);
    assert_eq!(running.end().0, Some(79));
    until("it is dead", || !is_alive(&pid));
}

#[test]
fn on_lost_kill_does_not_ask() {
    let tool = Tool::start();
    let line = "trap 'echo asked' TERM; echo on; while :; do sleep 0.05; done";
    let (mut running, _) = lost(&tool, &["--on-lost", "kill"], line);
    assert_eq!(running.line(), "", "no trap ran");
    assert_eq!(running.end().0, Some(79));
}

#[test]
fn on_lost_warn_lets_it_run() {
    let tool = Tool::start();
    let (running, _) = lost(&tool, &["--on-lost", "warn"], "echo on; sleep 2.5; exit 6");
    let (code, said) = running.end();
    assert_eq!(code, Some(6));
    assert!(said.contains("the lock was lost"), "{said}");
}

#[test]
fn max_hold_is_the_end_of_it() {
    let tool = Tool::start();
    let (running, _) = tool.started(&["--max-hold", "1", "k", "-c", "echo on; exec sleep 60"]);
    assert_eq!(running.end().0, Some(79));
}

#[test]
fn a_server_that_is_gone_loses_the_lock_by_its_deadline() {
    let tool = Tool::start();
    let words = [&EXPIRY[..], &["k", "-c", "echo on; exec sleep 60"]].concat();
    let (running, _) = tool.started(&words);
    tool.server.kill9();
    assert_eq!(running.end().0, Some(79));
}

#[test]
fn a_lock_that_was_gone_before_the_release_is_79_too() {
    let tool = Tool::start();
    let (mut running, _) =
        tool.started(&["--expiry", "60", "k", "-c", "echo on; sleep 0.5; echo off"]);
    assert!(tool.admin().del("k"));
    assert_eq!(running.line(), "off", "it was not found out before");
    assert_eq!(running.end().0, Some(79));
}
