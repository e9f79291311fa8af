//! `redismutex run` when someone else has the lock.

mod common;

use common::{Tool, err, until};

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
