//! Help, manual pages and completions: generated, so they are compared and read by what reads them.

use crate::common::call;
use std::path::Path;
use std::process::{Command, Stdio};

const COMMANDS: [&str; 10] =
    ["run", "ls", "inspect", "wait", "release", "doctor", "top", "local", "completions", "man"];
const NO_URL: &str = "";

fn there(command: &str) -> bool {
    cfg!(feature = "top") || command != "top"
}

/// Set UPDATE=1 to write the files anew.
#[test]
fn help_equals_the_committed_file() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/help");
    let mut stale = Vec::new();
    for command in COMMANDS.into_iter().filter(|command| there(command)).chain(["redismutex"]) {
        let args: &[&str] =
            if command == "redismutex" { &["--help"] } else { &[command, "--help"] };
        let help = call(NO_URL, args);
        assert_eq!((help.code, &*help.err), (0, ""), "{command}");
        let file = dir.join(format!("{command}.txt"));
        if std::env::var_os("UPDATE").is_some_and(|update| update == "1") {
            std::fs::write(&file, &help.out).unwrap();
        }
        let is_overview = command == "redismutex" && !cfg!(feature = "top");
        if !is_overview && std::fs::read_to_string(&file).unwrap_or_default() != help.out {
            stale.push(file);
        }
    }
    assert!(stale.is_empty(), "help has changed; if it should: UPDATE=1. {stale:?}");
}

#[test]
fn the_exit_codes_stand_in_help_and_page_alike() {
    let help = call(NO_URL, &["run", "--help"]).out;
    let page = call(NO_URL, &["man", "run"]).out;
    for code in ["69", "79", "126", "127", "128+N"] {
        assert!(help.contains(&format!("\n  {code}")), "{code} is not in the help");
        assert!(page.contains(&format!("\\fB{code}\\fR")), "{code} is not on the page");
    }
}

fn guide() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    std::fs::read_to_string(file).unwrap()
}

#[test]
fn the_guide_has_the_same_exit_codes() {
    let (guide, help) = (guide(), call(NO_URL, &["--help"]).out);
    let (_, table) = help.split_once("Exit codes:\n").unwrap();
    for row in table.lines() {
        let (code, meaning) = row.trim().split_once("  ").unwrap();
        let start = format!("| {code} | ");
        let line = guide.lines().find(|line| line.starts_with(&start));
        let line = line.unwrap_or_else(|| panic!("{code} is not in the guide"));
        // The guide may say it in other words behind the first.
        let begin = meaning.split([';', ':']).next().unwrap().trim();
        assert!(line.replace('`', "").contains(begin), "{line} does not say: {begin}");
    }
}

#[test]
fn the_guide_names_no_option_that_is_not_there() {
    let mut helps = String::new();
    for command in COMMANDS.into_iter().filter(|command| there(command)) {
        helps += &call(NO_URL, &[command, "--help"]).out;
    }
    let is_name = |c: char| c.is_ascii_lowercase() || c == '-';
    let guide = guide();
    let foreign = |line: &str| line.contains("systemctl") || line.contains("cargo install");
    let ours = guide.lines().filter(|line| !foreign(line));
    for (line, at) in ours.flat_map(|line| line.match_indices("--").map(move |(at, _)| (line, at)))
    {
        let option: String = line[at..].chars().take_while(|c| is_name(*c)).collect();
        let is_option = option.len() > 3 && !line[..at].ends_with('-');
        assert!(!is_option || helps.contains(&option), "there is no {option}: {line}");
    }
}

/// cron looks in /usr/bin and /bin only, and systemd wants a path.
#[test]
fn the_recipes_name_the_program_by_its_path_where_there_is_no_path() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    for text in [guide(), std::fs::read_to_string(readme).unwrap()] {
        let bare = |line: &&str| line.starts_with("*/") || line.starts_with("ExecStart=");
        let lines: Vec<&str> = text.lines().filter(bare).collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        for line in lines {
            assert!(line.contains("/usr/local/bin/redismutex run"), "{line}");
        }
        let install = text.find("cargo install").unwrap();
        assert!(text.contains("- run: cargo install"), "a new machine does not have it");
        assert!(install < text.find("```cron").unwrap(), "how to get it comes first");
    }
}

#[test]
fn there_is_a_page_for_each_command() {
    let dir = tempfile::tempdir().unwrap();
    let came = call(NO_URL, &["man", "--dir", dir.path().to_str().unwrap()]);
    assert_eq!(came.code, 0, "{came:?}");
    for command in COMMANDS.into_iter().filter(|command| there(command)) {
        let page =
            std::fs::read_to_string(dir.path().join(format!("redismutex-{command}.1"))).unwrap();
        assert_eq!(call(NO_URL, &["man", command]).out, page);
        assert!(page.contains(".SH SYNOPSIS") && page.contains("EXIT STATUS"), "{page}");
    }
    let whole = call(NO_URL, &["man"]).out;
    assert_eq!(std::fs::read_to_string(dir.path().join("redismutex.1")).unwrap(), whole);
    assert!(whole.contains("redismutex\\-ls") && whole.contains("REDISMUTEX_URL"), "{whole}");
    assert_eq!(call(NO_URL, &["man", "nonsense"]).code, 2);
}

#[test]
fn completions_are_what_their_shell_can_read() {
    for shell in ["bash", "zsh", "fish"] {
        let script = call(NO_URL, &["completions", shell]).out;
        assert!(script.contains("release") && script.contains("conflict-exit-code"), "{shell}");
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("script");
        std::fs::write(&file, script).unwrap();
        let read = Command::new(shell).arg("-n").arg(&file).stdin(Stdio::null()).output();
        // Not every machine has every shell.
        let Ok(read) = read else { continue };
        assert!(read.status.success(), "{shell}: {}", String::from_utf8_lossy(&read.stderr));
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    for args in [&["completions", "bash"][..], &["man"]] {
        let mut command = crate::common::program(NO_URL, args);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let came: crate::common::Came = child.wait_with_output().unwrap().into();
        assert_eq!((came.code, &*came.err), (0, ""), "{args:?}");
    }
}
