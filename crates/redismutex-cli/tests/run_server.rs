//! Which server `redismutex run` uses, and what becomes of passwords.

mod common;

use common::{Tool, bare, code, err, out};
use redismutex_testkit::Server;

/// A port on which nobody listens: nobody but the system may.
const NOWHERE: &str = "redis://127.0.0.1:1/0";

#[test]
fn a_server_that_cannot_be_reached_is_69() {
    let ended = bare().env("REDISMUTEX_URL", NOWHERE).args(["run", "k", "true"]).output().unwrap();
    assert_eq!(code(ended.status), Some(69));
    assert!(err(&ended).contains("127.0.0.1:1"), "{}", err(&ended));
    // Not even with --local: what is configured is used or fails.
    let mut local = bare();
    local.env("REDIS_URL", NOWHERE).args(["run", "--local", "k", "true"]);
    assert_eq!(code(local.output().unwrap().status), Some(69));
}

#[test]
fn no_server_at_all_is_a_choice_of_three() {
    let ended = bare().args(["run", "k", "true"]).output().unwrap();
    assert_eq!(code(ended.status), Some(2));
    for choice in ["--url", "REDISMUTEX_URL", "REDIS_URL", "--local"] {
        assert!(err(&ended).contains(choice), "{}", err(&ended));
    }
}

#[test]
fn the_option_comes_before_our_variable_and_that_before_the_common_one() {
    let server = Server::start();
    let run = |options: &[&str], variables: &[(&str, &str)]| {
        let mut command = bare();
        command.arg("run").args(options).args(["k", "true"]).envs(variables.iter().copied());
        code(command.output().unwrap().status)
    };
    let url = server.url();
    let (ours, common) = ("REDISMUTEX_URL", "REDIS_URL");
    assert_eq!(run(&[], &[(common, &url)]), Some(0));
    assert_eq!(run(&[], &[(ours, &url), (common, NOWHERE)]), Some(0));
    assert_eq!(run(&["--url", &url], &[(ours, NOWHERE)]), Some(0));
    assert_eq!(run(&[], &[(ours, NOWHERE), (common, &url)]), Some(69));
}

#[test]
fn a_password_stays_with_us() {
    let server = Server::builder().arg("requirepass", "s3cret").start();
    let url = server.url().replace("redis://", "redis://:s3cret@");
    let show = ["run", "k", "-c", "env; tr '\\0' ' ' < /proc/$PPID/cmdline"];
    let ended = bare().env("REDISMUTEX_URL", &url).args(show).output().unwrap();
    assert_eq!(code(ended.status), Some(0), "{}", err(&ended));
    assert!(!out(&ended).contains("s3cret") && !err(&ended).contains("s3cret"), "{ended:?}");
    let hint = bare().args(["run", "--url", &url, "k", "true"]).output().unwrap();
    assert!(err(&hint).contains("REDISMUTEX_URL") && !err(&hint).contains("s3cret"), "{hint:?}");
    let wrong = server.url().replace("redis://", "redis://:n0t-it@");
    let wrong = bare().env("REDISMUTEX_URL", wrong).args(["run", "k", "true"]).output().unwrap();
    assert_eq!(code(wrong.status), Some(70), "{}", err(&wrong));
    assert!(!err(&wrong).contains("n0t-it"), "{}", err(&wrong));
}

#[test]
fn a_password_can_come_from_a_file() {
    let server = Server::builder().arg("requirepass", "s3cret").start();
    let file = server.dir().join("password");
    std::fs::write(&file, "s3cret\n").unwrap();
    let mut run = bare();
    run.env("REDISMUTEX_URL", server.url()).args(["run", "--password-file"]).arg(&file);
    let ended = run.args(["k", "true"]).output().unwrap();
    assert_eq!(code(ended.status), Some(0), "{}", err(&ended));
}

#[test]
fn a_url_without_a_password_is_left_to_the_command() {
    let tool = Tool::start();
    assert_eq!(out(&tool.run(&["k", "-c", "echo $REDISMUTEX_URL"])).trim(), tool.server.url());
}

#[test]
fn a_key_that_is_no_lock_is_70() {
    let tool = Tool::start();
    tool.admin().cmd(&["LPUSH", "k", "x"]);
    let ended = tool.run(&["-n", "k", "true"]);
    assert_eq!(code(ended.status), Some(70), "{}", err(&ended));
}

#[test]
fn the_private_server_is_one_for_all_who_ask_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let local = |words: &[&str]| {
        let mut command = bare();
        command.env("XDG_RUNTIME_DIR", dir.path()).args(words);
        command
    };
    let run = ["run", "--local", "k", "-c", "echo $REDISMUTEX_FENCE"];
    let children: Vec<_> =
        (0..4).map(|_| local(&run).stdout(std::process::Stdio::piped()).spawn().unwrap()).collect();
    let mut fences: Vec<u64> = children
        .into_iter()
        .map(|child| out(&child.wait_with_output().unwrap()).trim().parse().unwrap())
        .collect();
    fences.sort_unstable();
    fences.dedup();
    assert_eq!(fences.len(), 4, "they took turns at one lock");
    let url = local(&["local", "status"]).output().unwrap();
    assert!(out(&url).starts_with("redis+unix://"));
    let home = dir.path().join("redismutex").metadata().unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&home.permissions()) & 0o777, 0o700);
    assert_eq!(code(local(&["local", "stop"]).output().unwrap().status), Some(0));
    assert_eq!(code(local(&["local", "status"]).output().unwrap().status), Some(1));
}

#[test]
fn a_directory_that_others_can_enter_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("redismutex");
    std::fs::create_dir(&home).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&home, mode).unwrap();
    let mut run = bare();
    run.env("XDG_RUNTIME_DIR", dir.path()).args(["run", "--local", "k", "true"]);
    let ended = run.output().unwrap();
    assert_eq!(code(ended.status), Some(70), "{}", err(&ended));
}
