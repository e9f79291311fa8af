//! Which server is used, and the private one of --local.

use crate::support::{Bench, Said, output, program, start};
use redismutex_testkit::Server;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

#[test]
fn the_option_comes_before_our_variable_and_that_before_the_common_one() {
    let (one, two) = (Server::start(), Server::start());
    let nowhere = "redis://127.0.0.1:1/0";
    let hold = |options: &[&str], ours: &str, common: &str| {
        let words = [&["run", "--min-hold", "60s"], options, &["where", "true"]].concat();
        let mut command = program(&words);
        command.env("REDISMUTEX_URL", ours).env("REDIS_URL", common);
        output(command).code(0);
    };
    hold(&[], "", &one.url());
    assert!(one.admin().del("where"));
    hold(&[], &two.url(), &one.url());
    assert!(two.admin().del("where") && !one.admin().exists("where"));
    hold(&["--url", &one.url()], nowhere, nowhere);
    assert!(one.admin().del("where"));
    // What is configured is used: --local is for where nothing is.
    hold(&["--local"], &two.url(), nowhere);
    assert!(two.admin().del("where"));
}

#[test]
fn without_any_the_three_choices_are_named() {
    output(program(&["run", "k", "true"]))
        .code(2)
        .stderr_has("--url")
        .stderr_has("REDISMUTEX_URL")
        .stderr_has("REDIS_URL")
        .stderr_has("--local");
}

#[test]
fn a_configured_server_that_fails_is_never_replaced_by_a_local_one() {
    let home = Home::new();
    let mut command = home.program(&["run", "--local", "k", "true"]);
    command.env("REDIS_URL", "redis://127.0.0.1:1/0");
    output(command).code(69);
    assert!(!home.runs());
}

/// A runtime directory of its own; its server is stopped at the end.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn program(&self, args: &[&str]) -> Command {
        let mut command = program(args);
        command.env("XDG_RUNTIME_DIR", self.0.path());
        command
    }

    fn run(&self, script: &str) -> Said {
        output(self.program(&["run", "--local", "key", "--", "sh", "-c", script]))
    }

    fn runs(&self) -> bool {
        output(self.program(&["local", "status"])).status.success()
    }

    fn dir(&self) -> PathBuf {
        self.0.path().join("redismutex")
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = self.program(&["local", "stop"]).output();
    }
}

#[test]
fn local_lives_in_directories_of_any_name_that_a_socket_fits_in() {
    let home = Home::new();
    let program = |dir: &str, args: &[&str]| {
        let dir = home.0.path().join(dir);
        std::fs::create_dir_all(&dir).unwrap();
        let mut command = home.program(args);
        command.env("XDG_RUNTIME_DIR", dir);
        output(command)
    };
    let (odd, long) = ("an odd %41?b#c", "long".repeat(40));
    let run = ["run", "--local", "key", "--", "sh", "-c", "exit 7"];
    program(odd, &run).code(7);
    program(odd, &["local", "stop"]).code(0);
    program(&long, &run).code(70).stderr_has("XDG_RUNTIME_DIR");
    let log = home.0.path().join(long).join("redismutex/server.log");
    assert!(!log.exists(), "a server was started that nobody can reach");
}

#[test]
fn local_starts_one_server_for_all_and_excludes() {
    let home = Home::new();
    let log = home.0.path().join("log");
    let script = format!("echo in >> {0}; sleep 0.02; echo out >> {0}", log.display());
    let words = ["run", "--local", "key", "--", "sh", "-c", &script];
    let mut all: Vec<_> = (0..8).map(|_| start(home.program(&words))).collect();
    for one in &mut all {
        one.end(None).code(0);
    }
    let text = crate::support::read(&log);
    assert_eq!(text, "in\nout\n".repeat(8), "two were in at once");
    assert_eq!(servers_in(&home), 1);
    let mode = |path: PathBuf| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(home.dir()), 0o700);
}

/// How many server processes live in this directory.
fn servers_in(home: &Home) -> usize {
    let dir = home.dir().canonicalize().unwrap();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter(|process| {
            let cwd = std::fs::read_link(process.path().join("cwd")).unwrap_or_default();
            let name = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            cwd == dir && name.contains("server")
        })
        .count()
}

#[test]
fn the_local_server_evicts_nothing_saves_nothing_and_can_be_stopped() {
    let home = Home::new();
    assert!(!home.runs());
    let url = output(home.program(&["local", "start"])).code(0).stdout.trim().to_owned();
    assert!(url.contains("unix"), "{url}");
    let doctor = output(home.program(&["doctor", "--local"])).code(0);
    assert!(doctor.stdout.contains("noeviction") || doctor.stdout.contains("evict"), "{doctor:?}");
    // The URL is one that our own option takes.
    output(home.program(&["run", "--url", &url, "key", "true"])).code(0);
    output(home.program(&["local", "stop"])).code(0);
    assert!(!home.runs());
    // And a second time, after the first has left its socket behind.
    home.run("exit 3").code(3);
}

#[test]
fn the_local_server_holds_no_descriptor_of_whoever_started_it() {
    let home = Home::new();
    let bin = crate::support::binary().display();
    let script =
        format!("{{ {bin} run --local --status-fd 3 k true; }} 3>&1 >/dev/null 2>&1 | cat");
    let mut command = Command::new("sh");
    command.args(["-c", &script]).env("XDG_RUNTIME_DIR", home.0.path());
    command.env_remove("REDISMUTEX_URL").env_remove("REDIS_URL");
    // Ends only when nobody holds the pipe any more.
    output(command).code(0).stdout_has("acquired");
}

#[test]
fn a_runtime_directory_that_others_may_enter_is_refused() {
    let home = Home::new();
    std::fs::create_dir(home.dir()).unwrap();
    std::fs::set_permissions(home.dir(), std::fs::Permissions::from_mode(0o777)).unwrap();
    home.run("true").code(70).stderr_has("700");
}

#[test]
fn a_machine_without_a_server_says_what_to_install() {
    let home = Home::new();
    let mut command = home.program(&["run", "--local", "k", "/bin/true"]);
    command.env("PATH", home.0.path());
    output(command).code(69).stderr_has("install");
}

#[test]
fn a_wrong_password_or_url_is_told_from_an_unreachable_server() {
    let bench = Bench::new("wrong");
    let port = bench.server.port();
    for url in [format!("redis://me:pw@127.0.0.1:{port}/0"), "http://localhost".to_owned()] {
        let mut command = program(&["run", "k", "true"]);
        command.env("REDISMUTEX_URL", &url);
        output(command).code(70);
    }
    bench.server.admin().cmd(&["LPUSH", &bench.key, "x"]);
    output(bench.run(&[], &["true"])).code(70);
}
