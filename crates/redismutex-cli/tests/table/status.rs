//! What is said to programs: --json and --status-fd.

use crate::support::{Bench, Said, output, read};

fn events(text: &str) -> Vec<String> {
    let name = |line: &str| {
        let (_, rest) =
            line.split_once("\"event\":\"").unwrap_or_else(|| panic!("no event in {line}"));
        rest.split('"').next().unwrap().to_owned()
    };
    text.lines().map(name).collect()
}

#[test]
fn json_tells_the_whole_run_on_standard_error() {
    let bench = Bench::new("json");
    let said = output(bench.run(&["--json"], &["sh", "-c", "echo out; exit 3"]))
        .code(3)
        .stdout_is("out\n");
    assert_eq!(events(&said.stderr), ["acquired", "exited", "released", "done"]);
    assert!(said.stderr.contains("\"exit_code\":3") && said.stderr.contains("\"fence\":"));
}

#[test]
fn json_tells_that_it_was_busy() {
    let bench = Bench::new("json-busy");
    let _held = bench.hold(&["--label", "someone"]);
    let said = output(bench.run(&["--json", "-n"], &["true"])).code(1);
    assert_eq!(events(&said.stderr), ["busy", "done"]);
    assert!(said.stderr.contains("someone"));
}

#[test]
fn the_owner_token_is_in_no_report() {
    let bench = Bench::new("token");
    let script = "printf %s \"$REDISMUTEX_VALUE\"";
    let said: Said = output(bench.run(&["--json"], &["sh", "-c", script])).code(0);
    assert!(!said.stdout.is_empty() && !said.stderr.contains(&said.stdout), "{said:?}");
}

#[test]
fn a_status_descriptor_is_apart_from_what_the_command_says() {
    let bench = Bench::new("fd");
    let file = bench.file("status");
    let bin = crate::support::binary().display();
    let script = format!(
        "{bin} run --status-fd 3 {} -- sh -c 'echo out; echo err >&2; exit 4' 3> {}",
        bench.key,
        file.display()
    );
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &script]).env("REDISMUTEX_URL", bench.server.url());
    output(command).code(4).stdout_is("out\n").stderr_is("err\n");
    assert_eq!(events(&read(&file)), ["acquired", "exited", "released", "done"]);
}

#[test]
fn a_status_descriptor_that_is_not_open_is_wrong_usage() {
    let bench = Bench::new("closed");
    output(bench.run(&["--status-fd", "77"], &["true"])).code(2);
    assert!(!bench.server.admin().exists(&bench.key));
}
