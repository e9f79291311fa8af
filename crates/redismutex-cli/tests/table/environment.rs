//! What the command finds in its environment, and what it must not find.

use crate::support::{Bench, eventually, output, program, read, start};
use redismutex_testkit::Server;

#[test]
fn the_command_finds_key_value_fence_and_expiry() {
    let bench = Bench::new("env");
    let script =
        "echo \"$REDISMUTEX_KEY|$REDISMUTEX_VALUE|$REDISMUTEX_FENCE|$REDISMUTEX_EXPIRES_AT\"";
    let mut fences = Vec::new();
    for _ in 0..2 {
        let said = output(bench.run(&[], &["sh", "-c", script])).code(0);
        let words: Vec<_> = said.stdout.trim().split('|').collect();
        assert_eq!(words[0], bench.key);
        assert!(words[1].len() >= 32 && !words[3].is_empty(), "{words:?}");
        fences.push(words[2].parse::<u64>().unwrap());
    }
    assert!(fences[0] < fences[1], "{fences:?}");
}

#[test]
fn the_value_is_what_stands_under_the_key() {
    let bench = Bench::new("value");
    let file = bench.file("value");
    let held = bench.hold_with(
        &[],
        &format!("printf %s \"$REDISMUTEX_VALUE\" > {}; exec sleep 600", file.display()),
    );
    assert!(eventually(|| file.exists() && !read(&file).is_empty()));
    assert_eq!(bench.server.admin().get(&bench.key), Some(read(&file)));
    drop(held);
}

#[test]
fn values_of_an_outer_lock_are_replaced() {
    let bench = Bench::new("outer");
    let inner = format!("{}-inner", bench.key);
    let bin = crate::support::binary().display();
    let url = bench.server.url();
    let script = format!("{bin} run --url {url} {inner} -- sh -c 'echo $REDISMUTEX_KEY'");
    output(bench.run(&[], &["sh", "-c", &script])).code(0).stdout_is(&format!("{inner}\n"));
}

/// A server with a password, and a program that has it in its environment.
fn secretive() -> (Server, String) {
    let server = Server::builder().arg("requirepass", "hush-hush").start();
    let url = format!("redis://:hush-hush@127.0.0.1:{}/0", server.port());
    (server, url)
}

#[test]
fn a_password_is_seen_neither_by_ps_nor_by_the_command() {
    let (_server, url) = secretive();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("env");
    let script = format!("env > {0}.tmp; mv {0}.tmp {0}; exec sleep 600", file.display());
    let mut command = program(&["run", "-n", "secret", "--", "sh", "-c", &script]);
    command.env("REDISMUTEX_URL", &url);
    let running = start(command);
    assert!(eventually(|| file.exists()));
    assert!(!read(&file).contains("hush"), "{}", read(&file));
    let ps = std::process::Command::new("ps").args(["-eo", "args"]).output().unwrap();
    assert!(!String::from_utf8_lossy(&ps.stdout).contains("hush"));
    drop(running);
}

#[test]
fn a_password_is_in_no_message() {
    let (server, url) = secretive();
    let wrong = url.replace("hush-hush", "hush-wrong");
    for url in [
        wrong.clone(),
        wrong.replace("redis://", "nonsense://"),
        wrong.replace(&server.port().to_string(), "1"),
    ] {
        for words in
            [&["run", "k", "true"][..], &["ls"], &["doctor"], &["run", "--json", "k", "true"]]
        {
            let mut command = program(words);
            command.env("REDISMUTEX_URL", &url);
            let said = output(command);
            assert_ne!(said.status.code(), Some(0), "{said:?}");
            assert!(!said.stderr.contains("hush") && !said.stdout.contains("hush"), "{said:?}");
        }
    }
}

#[test]
fn a_password_on_the_command_line_is_refused_and_better_places_are_named() {
    let (_server, url) = secretive();
    for words in [&["ls", "--url", &url][..], &["run", "--url", &url, "k", "true"]] {
        let said = output(program(words)).code(2);
        let said = said.stderr_has("REDISMUTEX_URL").stderr_has("--password-file");
        assert!(!said.stderr.contains("hush"), "{said:?}");
    }
}

#[test]
fn the_command_finds_the_common_variable_and_ours_without_a_password() {
    let bench = Bench::new("vars");
    let url = bench.server.url();
    let secret = url.replace("redis://", "redis://:unused@");
    for (ours, found) in [(url.clone(), url), (secret, String::new())] {
        let mut command = bench.run(&[], &["sh", "-c", "echo \"[$REDISMUTEX_URL]\" $REDIS_URL"]);
        command.env("REDISMUTEX_URL", ours).env("REDIS_URL", "redis://:its-own@elsewhere:1/0");
        let expected = format!("[{found}] redis://:its-own@elsewhere:1/0\n");
        output(command).code(0).stdout_is(&expected);
    }
}

#[test]
fn a_password_can_come_from_a_file() {
    let (server, _) = secretive();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("password");
    std::fs::write(&file, "hush-hush\n").unwrap();
    let args =
        ["run", "--url", &server.url(), "--password-file", file.to_str().unwrap(), "k", "true"];
    output(program(&args)).code(0);
    // Of a user whom the URL names.
    let admin_url = server.url().replace("redis://", "redis://job@");
    let admin = server.admin();
    admin.cmd(&["AUTH", "hush-hush"]);
    admin.acl_setuser("job", &["on", ">another", "~*", "&*", "+@all"]);
    std::fs::write(&file, "another\n").unwrap();
    let args = ["run", "--url", &admin_url, "--password-file", file.to_str().unwrap(), "k", "true"];
    output(program(&args)).code(0);
}

#[test]
fn others_see_host_process_and_command_but_no_arguments() {
    let bench = Bench::new("label");
    let held = bench.hold(&[]);
    let said = output(bench.program(&["inspect", &bench.key])).code(0);
    assert!(said.stdout.contains(&held.process.pid().to_string()), "{said:?}");
    assert!(said.stdout.contains("sh") && !said.stdout.contains("sleep 600"), "{said:?}");
}
