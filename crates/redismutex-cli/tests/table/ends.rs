//! How a command ends, and what becomes of the exit code.

use crate::support::{Bench, Running, eventually, output, program, start};
use nix::sys::signal::Signal;
use redismutex_testkit::Proxy;
use redismutex_testkit::proxy::Direction;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

#[test]
fn the_commands_own_code_is_ours_and_the_lock_is_free_after_it() {
    let bench = Bench::new("codes");
    for code in [0, 1, 42, 79, 255] {
        let script = format!("exit {code}");
        output(bench.run(&[], &["sh", "-c", &script])).code(code).stderr_is("");
        assert!(!bench.server.admin().exists(&bench.key));
    }
}

#[test]
fn the_lock_is_held_while_the_command_runs() {
    let bench = Bench::new("held");
    let held = bench.hold(&[]);
    assert!(bench.server.admin().pttl(&bench.key) > 0);
    drop(held);
}

#[test]
fn a_command_that_a_signal_killed_gives_128_and_the_signal() {
    let bench = Bench::new("killed");
    for (name, code) in [("TERM", 143), ("KILL", 137), ("INT", 130)] {
        let script = format!("kill -{name} $$");
        output(bench.run(&[], &["sh", "-c", &script])).code(code);
    }
    assert!(!bench.server.admin().exists(&bench.key));
}

#[test]
fn a_command_that_is_not_there_gives_127_and_takes_no_lock() {
    let bench = Bench::new("missing");
    let before = bench.server.admin().keys_matching("*");
    output(bench.run(&[], &["no-such-program"])).code(127).stderr_has("no-such-program");
    output(bench.run(&[], &["/no/such/program"])).code(127);
    assert_eq!(bench.server.admin().keys_matching("*"), before);
}

#[test]
fn a_command_that_cannot_be_executed_gives_126() {
    let bench = Bench::new("plain");
    let file = bench.file("plain.txt");
    std::fs::write(&file, "text").unwrap();
    output(bench.run(&[], &[file.to_str().unwrap()])).code(126);
    output(bench.run(&[], &["/"])).code(126);
    // Executable by its mode, but nothing that the system can run: found out at the last moment.
    let nonsense = bench.file("nonsense");
    std::fs::write(&nonsense, b"#!/no/such/interpreter\n").unwrap();
    std::fs::set_permissions(&nonsense, std::fs::Permissions::from_mode(0o755)).unwrap();
    let said = output(bench.run(&[], &[nonsense.to_str().unwrap()]));
    // As every shell has it: what is not found is the interpreter.
    let said = said.code(127);
    assert!(!said.stderr.is_empty() && !bench.server.admin().exists(&bench.key));
}

#[test]
fn wrong_usage_gives_2() {
    let bench = Bench::new("usage");
    for words in [
        &["run"][..],
        &["run", "key"],
        &["run", "--no-such-option", "key", "true"],
        &["run", "-n", "-w", "3", "key", "true"],
        &["run", "-w", "soon", "key", "true"],
        &["run", "--expiry", "1ms", "key", "true"],
        &["run", "", "true"],
        &["release", "key"],
        &["no-such-command"],
    ] {
        output(bench.program(words)).code(2);
    }
}

#[test]
fn a_dash_in_the_command_is_the_commands_own() {
    let bench = Bench::new("dashes");
    let key = &*bench.key;
    let echo = ["run", key, "echo", "-n", "-w", "--json", "-c", "--", "x"];
    output(bench.program(&echo)).code(0).stdout_is("-w --json -c -- x");
    let sh = ["run", key, "--", "sh", "-c", "echo \"$0 $1\"", "-a", "--b"];
    output(bench.program(&sh)).code(0).stdout_is("-a --b\n");
}

#[test]
fn options_may_stand_before_and_after_the_key() {
    let bench = Bench::new("order");
    output(bench.program(&["run", "-n", "--expiry", "5", &bench.key, "echo", "a"]))
        .code(0)
        .stdout_is("a\n");
    // As flock has it.
    output(bench.program(&["run", &bench.key, "-c", "echo b; exit 3"])).code(3).stdout_is("b\n");
    output(bench.program(&["run", "-c", "echo c", &bench.key])).code(0).stdout_is("c\n");
}

#[test]
fn standard_input_and_output_are_the_commands() {
    let bench = Bench::new("stdin");
    let mut command = bench.run(&[], &["sh", "-c", "cat; echo err >&2"]);
    command.stdin(Stdio::piped());
    let mut cat = start(command);
    let mut stdin = cat.0.stdin.take().unwrap();
    stdin.write_all(b"passed on\0whole\n").unwrap();
    drop(stdin);
    cat.end(None).code(0).stdout_is("passed on\0whole\n").stderr_is("err\n");
}

#[test]
fn a_script_without_an_interpreter_line_runs_as_in_a_shell() {
    let bench = Bench::new("bare");
    let file = bench.file("bare");
    std::fs::write(&file, "echo bare $1\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    output(bench.run(&[], &[file.to_str().unwrap(), "x"])).code(0).stdout_is("bare x\n");
}

#[test]
fn min_hold_keeps_the_key_after_a_fast_command_and_costs_no_time() {
    let bench = Bench::new("hold");
    let started = std::time::Instant::now();
    output(bench.run(&["--min-hold", "60s"], &["true"])).code(0);
    assert!(started.elapsed().as_secs() < 30, "it stayed to keep the key");
    let left = bench.server.admin().pttl(&bench.key);
    assert!((30_000..=60_000).contains(&left), "{left}");
    output(bench.run(&["-n"], &["true"])).code(1);
    // A command that took longer than that frees its lock at once.
    bench.server.admin().del(&bench.key);
    output(bench.run(&["--min-hold", "50ms"], &["sleep", "0.2"])).code(0);
    assert!(!bench.server.admin().exists(&bench.key));
}

#[test]
fn a_kill_9_takes_the_command_with_it_and_the_lease_frees_the_lock() {
    let bench = Bench::new("kill9");
    let mut held = bench.hold(&["--expiry", "1s"]);
    assert!(crate::support::is_alive(held.command));
    held.process.0.kill().unwrap();
    held.process.0.wait().unwrap();
    assert!(eventually(|| !crate::support::is_alive(held.command)), "the command outlived us");
    output(bench.run(&["-w", "15"], &["echo", "mine"])).code(0).stdout_is("mine\n");
}

#[test]
fn a_server_that_is_not_there_gives_69_at_once() {
    let mut command = program(&["run", "key", "true"]);
    command.env("REDISMUTEX_URL", "redis://127.0.0.1:1/0");
    output(command).code(69).stderr_has("127.0.0.1:1");
    for words in [&["ls"][..], &["inspect", "k"], &["wait", "k"], &["doctor"]] {
        let mut command = program(words);
        command.env("REDISMUTEX_URL", "redis://127.0.0.1:1/0");
        output(command).code(69);
    }
}

#[test]
fn a_server_that_goes_away_at_the_end_does_not_hide_the_commands_code() {
    let bench = Bench::new("gone");
    let flag = bench.file("go");
    let script = format!("while [ ! -e {} ]; do sleep 0.02; done; exit 7", flag.display());
    let mut held: Running = bench.hold_with(&[], &script).process;
    bench.server.kill9();
    std::fs::write(&flag, "").unwrap();
    held.end(None).code(7).stderr_has("not released");
}

/// A lock whose command ends with 7 when it is let go, with a server that says nothing any more by then.
fn silent_at_the_end(name: &str, options: &[&str]) -> (Bench, Proxy, Running) {
    let bench = Bench::new(name);
    let proxy = Proxy::start(bench.server.address());
    let (up, go) = (bench.file("up"), bench.file("go"));
    let script = format!(
        "echo > {}; while [ ! -e {} ]; do sleep 0.02; done; exit 7",
        up.display(),
        go.display()
    );
    let mut command = bench.run(options, &["sh", "-c", &script]);
    command.env("REDISMUTEX_URL", proxy.url());
    let running = start(command);
    assert!(eventually(|| up.exists()));
    proxy.blackhole(Direction::Both);
    std::fs::write(&go, "").unwrap();
    (bench, proxy, running)
}

#[test]
fn min_hold_on_a_server_that_goes_away_neither_waits_for_the_lease_nor_calls_it_lost() {
    let started = std::time::Instant::now();
    let (_bench, _proxy, mut run) = silent_at_the_end("silent", &["--min-hold", "60s"]);
    run.end(None).code(7).stderr_has("not released");
    assert!(started.elapsed().as_secs() < 15, "it waited for the lease to end");
}

#[test]
fn a_lease_that_ends_while_it_is_given_back_was_not_lost() {
    for options in [&["--expiry", "1500ms"][..], &["--expiry", "1500ms", "--min-hold", "1m"]] {
        let (bench, proxy, mut run) = silent_at_the_end("late", options);
        assert!(eventually(|| !bench.server.admin().exists(&bench.key)));
        proxy.heal();
        run.end(None).code(7).stderr_has("not released");
    }
}

#[test]
fn a_signal_ends_the_giving_back_to_a_server_that_does_not_answer() {
    for (options, signal) in
        [(&["--min-hold", "60s"][..], Signal::SIGINT), (&[][..], Signal::SIGTERM)]
    {
        let (_bench, _proxy, mut run) = silent_at_the_end("deaf", options);
        // Not with the end of the command: a Ctrl-C that ended it comes to us as well.
        std::thread::sleep(std::time::Duration::from_millis(600));
        run.signal(signal);
        run.end(None).code(7).stderr_has(signal.as_str());
    }
}
