//! `redismutex run`: what the command gets from us.

mod common;

use common::{Tool, out};

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
