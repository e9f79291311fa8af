//! `redismutex run` and signals: while it waits, while its command runs, and when it is killed itself.

mod common;

use common::{Tool, code, err, is_alive, send, until};
use nix::sys::signal::Signal;

const ALL: [Signal; 6] = [
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
];

/// A command that does not end by itself and says which signal it got.
const TRAPS: &str = "for s in TERM HUP INT QUIT USR1 USR2; do trap \"echo got $s; exit 7\" $s; done; \
                     echo on; while :; do sleep 0.05; done";

#[test]
fn signals_are_passed_on_to_the_command() {
    let tool = Tool::start();
    for signal in ALL {
        let (mut running, _) = tool.started(&["k", "-c", TRAPS]);
        running.signal(signal);
        assert_eq!(format!("SIG{}", running.line().trim_start_matches("got ")), signal.as_str());
        assert_eq!(running.end().0, Some(7), "{signal}: what the command made of it");
        assert!(!tool.admin().exists("k"), "{signal}: released");
    }
}

#[test]
fn a_command_that_a_signal_ends_is_128_and_its_number() {
    let tool = Tool::start();
    let (running, _) = tool.started(&["k", "-c", "echo on; exec sleep 60"]);
    running.signal(Signal::SIGTERM);
    assert_eq!(running.end().0, Some(143));
}

#[test]
fn a_signal_ends_a_wait_and_leaves_nothing_behind() {
    let tool = Tool::start();
    tool.admin().cmd(&["SET", "k", "someone", "PX", "60000"]);
    for signal in ALL {
        let child = tool.waiting(&["k", "echo", "ran"], 0);
        send(&child, signal);
        let ended = child.wait_with_output().unwrap();
        assert_eq!(code(ended.status), Some(128 + signal as i32), "{signal}: {}", err(&ended));
        assert!(ended.stdout.is_empty(), "{signal}: it did not run");
        until("nobody stands in line", || tool.queued() == 0);
    }
    assert_eq!(tool.admin().get("k").as_deref(), Some("someone"));
}

#[test]
fn what_nohup_ignores_stays_ignored() {
    let tool = Tool::start();
    let run =
        tool.command(&["k", "-c", "echo on; kill -HUP $PPID; kill -HUP $$; sleep 0.3; exit 5"]);
    let mut nohup = std::process::Command::new("nohup");
    nohup.arg(run.get_program()).args(run.get_args()).env("REDISMUTEX_URL", tool.server.url());
    let ended = nohup.stdin(std::process::Stdio::null()).output().unwrap();
    assert_eq!(code(ended.status), Some(5), "{}", err(&ended));
}

#[cfg(target_os = "linux")]
#[test]
fn a_kill_of_the_tool_takes_the_command_along() {
    let tool = Tool::start();
    let (running, pid) = tool.started(&["k", "-c", "echo $$; exec sleep 60"]);
    assert!(is_alive(&pid));
    running.signal(Signal::SIGKILL);
    until("the command has ended, too", || !is_alive(&pid));
    running.end();
}

#[test]
fn the_command_has_no_signal_blocked_or_ignored() {
    let tool = Tool::start();
    let ended = tool.run(&["k", "grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"]);
    for line in common::out(&ended).lines() {
        let mask = line.split_whitespace().nth(1).unwrap();
        // The C library keeps signals 32 and 33 for itself.
        let mask = u64::from_str_radix(mask, 16).unwrap() & 0x7fff_ffff;
        assert_eq!(mask, 0, "{line}");
    }
}
