//! `redismutex run` and signals that are to be ignored.

mod common;

use common::{Tool, code, err};

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
