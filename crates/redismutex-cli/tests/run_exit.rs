//! `redismutex run`: what the command gets from us, and what we make of its end.

mod common;

use common::{Tool, err, out};
use std::io::Write as _;
use std::process::Stdio;

#[test]
fn the_exit_code_is_the_commands() {
    let tool = Tool::start();
    for (line, code) in [
        ("exit 0", 0),
        ("exit 42", 42),
        ("exit 79", 79),
        ("exit 255", 255),
        ("kill -TERM $$", 143),
        ("kill -KILL $$", 137),
    ] {
        let ended = tool.run(&["k", "-c", line]);
        assert_eq!(ended.status.code(), Some(code), "{line}: {}", err(&ended));
        assert!(!tool.admin().exists("k"), "released after {line}");
    }
}

#[test]
fn what_does_not_run_has_the_shells_codes() {
    let tool = Tool::start();
    for (command, code) in [("no-such-command", 127), ("/no/such/file", 127), ("/etc/passwd", 126)]
    {
        let ended = tool.run(&["k", command]);
        assert_eq!(ended.status.code(), Some(code), "{command}");
        assert!(err(&ended).contains(command), "{}", err(&ended));
        assert!(!tool.admin().exists("k"));
    }
    // A directory is found, and is nothing to be run.
    assert_eq!(tool.run(&["k", "/"]).status.code(), Some(126));
}

#[test]
fn a_file_that_turns_out_not_to_run_frees_the_lock() {
    let tool = Tool::start();
    let file = tool.server.dir().join("broken");
    std::fs::write(&file, "#!/no/such/interpreter\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&file, mode).unwrap();
    let ended = tool.run(&["k".as_ref(), file.as_os_str()]);
    assert_eq!(ended.status.code(), Some(127), "as every shell has it");
    assert!(err(&ended).contains("broken"));
    assert!(!tool.admin().exists("k"));
}

#[test]
fn wrong_usage_is_2() {
    let tool = Tool::start();
    let wrong: [&[&str]; 6] = [
        &[],
        &["k"],
        &["--no-such-option", "k", "true"],
        &["", "true"],
        &["-n", "-w", "3", "k", "true"],
        &["--expiry", "1ms", "k", "true"],
    ];
    for words in wrong {
        assert_eq!(tool.run(words).status.code(), Some(2), "{words:?}");
    }
}

#[test]
fn the_table_of_codes_is_in_the_help() {
    let help = out(&common::bare().args(["run", "--help"]).output().unwrap());
    for code in ["69", "70", "79", "126", "127", "128+N"] {
        assert!(help.contains(&format!("\n  {code} ")), "{code} in {help}");
    }
}

#[test]
fn dashes_of_the_command_are_its_own() {
    let tool = Tool::start();
    let said = |words: &[&str]| out(&tool.run(words));
    assert_eq!(said(&["k", "echo", "-n", "--help", "-w"]), "--help -w");
    assert_eq!(said(&["k", "--", "echo", "-c", "--", "x"]), "-c -- x\n");
    assert_eq!(said(&["-w", "3", "k", "printf", "%s|", "a b", "", "$HOME"]), "a b||$HOME|");
    assert_eq!(said(&["k", "-c", "echo $((1 + 1)); echo -n x"]), "2\nx");
}

#[test]
fn standard_input_is_the_commands() {
    let tool = Tool::start();
    let mut cat = tool.command(&["k", "cat"]);
    let mut child = cat.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"one\ntwo").unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!((out(&ended).as_str(), ended.status.code()), ("one\ntwo", Some(0)));
}

#[test]
fn the_command_finds_its_lock_in_the_environment() {
    let tool = Tool::start();
    let (mut running, value) = tool.started(&[
        "--expiry",
        "60",
        "some key",
        "-c",
        "echo $REDISMUTEX_VALUE; echo \"$REDISMUTEX_KEY\"; echo $REDISMUTEX_FENCE; \
         echo $REDISMUTEX_EXPIRES_AT; date +%s; read wait",
    ]);
    assert!(!value.is_empty());
    let key = running.line();
    assert_eq!(key, "some key");
    // `read` has ended at once, for there is no input: what was in the key is looked at in another test.
    let fence: u64 = running.line().parse().unwrap();
    let expires: f64 = running.line().parse().unwrap();
    let now: f64 = running.line().parse().unwrap();
    assert!(fence > 0);
    assert!(expires > now + 30.0 && expires < now + 62.0, "{expires} is soon after {now}");
    running.end();
    let later = out(&tool.run(&["some key", "-c", "echo $REDISMUTEX_FENCE"]));
    assert!(later.trim().parse::<u64>().unwrap() > fence, "the fence grows");
}

#[test]
fn the_value_in_the_environment_is_the_one_under_the_key() {
    let tool = Tool::start();
    let mut run = tool.command(&["k", "-c", "echo $REDISMUTEX_VALUE; read wait"]);
    // What was inherited from an outer lock is not this one's.
    run.env("REDISMUTEX_VALUE", "outer").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = run.spawn().unwrap();
    common::until("the lock is held", || tool.admin().exists("k"));
    let value = tool.admin().get("k").unwrap();
    drop(child.stdin.take());
    assert_eq!(out(&child.wait_with_output().unwrap()).trim(), value);
}

#[test]
fn min_hold_keeps_the_key_after_a_fast_command() {
    let tool = Tool::start();
    let first = tool.run(&["--min-hold", "20", "k", "-c", "exit 7"]);
    assert_eq!(first.status.code(), Some(7));
    let left = tool.admin().pttl("k");
    assert!((1..=20_000).contains(&left), "{left} ms left");
    assert_eq!(tool.run(&["-n", "k", "true"]).status.code(), Some(1), "it is busy");
}

#[test]
fn min_hold_is_over_after_a_slow_command() {
    let tool = Tool::start();
    let ended = tool.run(&["--min-hold", "50ms", "k", "sleep", "0.3"]);
    assert_eq!(ended.status.code(), Some(0));
    assert!(!tool.admin().exists("k"));
}

#[test]
fn what_happens_is_told_to_programs() {
    let tool = Tool::start();
    let json = tool.run(&["--json", "k", "-c", "exit 3"]);
    let events: Vec<serde_json::Value> =
        err(&json).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["acquired", "exited", "released", "done"]);
    assert_eq!(events[3]["exit_code"], 3);
    let fd = tool.run(&["--status-fd", "1", "k", "-c", "exit 4"]);
    assert!(out(&fd).contains("\"exit_code\":4") && err(&fd).is_empty(), "{fd:?}");
    let closed = tool.run(&["--status-fd", "77", "k", "true"]);
    assert_eq!(closed.status.code(), Some(2), "a descriptor that nobody opened");
}
