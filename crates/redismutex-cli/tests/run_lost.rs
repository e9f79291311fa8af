//! `redismutex run` when the lock is lost while the command runs.

mod common;

use common::Tool;

/// Short, so that the next renewal finds out soon; long enough for a machine that is busy.
const EXPIRY: [&str; 2] = ["--expiry", "2"];

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
