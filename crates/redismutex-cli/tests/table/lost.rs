//! A lock that is lost while the command runs.

use crate::support::{Bench, PATIENCE, eventually, is_alive, output, read};
use redismutex_testkit::Proxy;
use redismutex_testkit::proxy::Direction;
use std::process::Command;
use std::time::{Duration, Instant};

/// A bench whose program reaches the server through a proxy that can be made to fall silent.
fn behind_proxy(name: &str) -> (Bench, Proxy) {
    let bench = Bench::new(name);
    let proxy = Proxy::start(bench.server.address());
    (bench, proxy)
}

fn run(bench: &Bench, proxy: &Proxy, options: &[&str], script: &str) -> Command {
    let mut command = bench.run(options, &["sh", "-c", script]);
    command.env("REDISMUTEX_URL", proxy.url());
    command
}

/// A script that notes when it was told to end, and ends.
fn notes_its_end(bench: &Bench) -> String {
    format!(
        "trap 'date +%s.%N > {0}; exit 0' TERM; echo up > {1}; while :; do sleep 0.02; done",
        bench.file("told").display(),
        bench.file("up").display()
    )
}

#[test]
fn term_comes_before_the_server_can_grant_to_another() {
    let (bench, proxy) = behind_proxy("lost");
    let mut holder =
        crate::support::start(run(&bench, &proxy, &["--expiry", "3s"], &notes_its_end(&bench)));
    assert!(eventually(|| bench.file("up").exists()));
    proxy.blackhole(Direction::Both);
    // The next one asks the server itself, and notes when it was let in.
    let next = bench.run(&["-w", "15"], &["date", "+%s.%N"]);
    let next = output(next).code(0);
    let granted: f64 = next.stdout.trim().parse().unwrap();
    let said = holder.end(None).code(79).stderr_has("lost");
    let told: f64 = read(&bench.file("told")).trim().parse().unwrap();
    assert!(told < granted, "told {told}, granted {granted}: {said:?}");
}

#[test]
fn a_command_that_does_not_obey_is_killed() {
    let (bench, proxy) = behind_proxy("deaf");
    let script = format!(
        "trap '' TERM; echo $$ > {}; while :; do sleep 0.05; done",
        bench.file("up").display()
    );
    let options = ["--expiry", "600ms", "--kill-after", "300ms"];
    let mut holder = crate::support::start(run(&bench, &proxy, &options, &script));
    assert!(eventually(|| bench.file("up").exists() && !read(&bench.file("up")).is_empty()));
    let command: i32 = read(&bench.file("up")).trim().parse().unwrap();
    proxy.blackhole(Direction::Both);
    holder.end(None).code(79);
    assert!(!is_alive(command));
}

#[test]
fn on_lost_kill_does_not_ask() {
    let (bench, proxy) = behind_proxy("kill");
    let options = ["--expiry", "600ms", "--on-lost", "kill", "--kill-after", "1h"];
    let mut holder = crate::support::start(run(&bench, &proxy, &options, &notes_its_end(&bench)));
    assert!(eventually(|| bench.file("up").exists()));
    proxy.blackhole(Direction::Both);
    holder.end(None).code(79);
    assert!(!bench.file("told").exists(), "it was asked");
}

#[test]
fn on_lost_warn_lets_it_run_and_keeps_its_code() {
    let (bench, proxy) = behind_proxy("warn");
    let go = bench.file("go");
    let script = format!(
        "echo up > {}; while [ ! -e {} ]; do sleep 0.02; done; exit 5",
        bench.file("up").display(),
        go.display()
    );
    let options = ["--expiry", "600ms", "--on-lost", "warn"];
    let mut holder = crate::support::start(run(&bench, &proxy, &options, &script));
    assert!(eventually(|| bench.file("up").exists()));
    proxy.blackhole(Direction::Both);
    assert!(eventually(|| !bench.server.admin().exists(&bench.key)));
    std::thread::sleep(Duration::from_millis(50));
    std::fs::write(&go, "").unwrap();
    holder.end(None).code(5).stderr_has("lost");
}

#[test]
fn a_lock_that_was_taken_away_is_noticed_at_the_next_renewal() {
    let bench = Bench::new("taken");
    let mut holder = bench.hold(&["--expiry", "900ms"]);
    output(bench.program(&["release", "--force", "--yes", &bench.key])).code(0);
    holder.process.end(None).code(79).stderr_has("lost");
    assert!(!is_alive(holder.command));
}

#[test]
fn renewal_keeps_it_for_longer_than_its_expiry() {
    let bench = Bench::new("renewed");
    output(bench.run(&["--expiry", "400ms"], &["sleep", "1.5"])).code(0).stderr_is("");
}

#[test]
fn max_hold_ends_what_renewal_would_keep() {
    let bench = Bench::new("max");
    let started = Instant::now();
    output(bench.run(&["--max-hold", "500ms"], &["sleep", "600"])).code(79);
    assert!(started.elapsed() >= Duration::from_millis(400) && started.elapsed() < PATIENCE);
    // The command is gone for sure, so nobody has to wait for the lease to end.
    assert!(eventually(|| !bench.server.admin().exists(&bench.key)));
}

#[test]
fn an_outage_shorter_than_the_lease_is_survived() {
    let (bench, proxy) = behind_proxy("outage");
    let go = bench.file("go");
    let script = format!(
        "echo up > {}; while [ ! -e {} ]; do sleep 0.02; done; exit 6",
        bench.file("up").display(),
        go.display()
    );
    let mut holder = crate::support::start(run(&bench, &proxy, &["--expiry", "6s"], &script));
    assert!(eventually(|| bench.file("up").exists()));
    proxy.close_all();
    proxy.refuse();
    std::thread::sleep(Duration::from_millis(2500));
    proxy.heal();
    let admin = bench.server.admin();
    assert!(eventually(|| admin.pttl(&bench.key) > 5000), "it was not renewed after the outage");
    std::fs::write(&go, "").unwrap();
    holder.end(None).code(6);
}

#[test]
fn what_a_stopped_holder_finds_when_it_goes_on_is_a_lost_lock() {
    let bench = Bench::new("stopped");
    let mut holder = bench.hold(&["--expiry", "600ms"]);
    holder.process.signal(nix::sys::signal::Signal::SIGSTOP);
    output(bench.run(&["-w", "15"], &["true"])).code(0);
    holder.process.signal(nix::sys::signal::Signal::SIGCONT);
    holder.process.end(None).code(79);
    assert!(!is_alive(holder.command));
}
