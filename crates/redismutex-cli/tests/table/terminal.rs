//! On a terminal: the line of a wait, the keys that send signals, the full screen.

use crate::support::{Bench, eventually};
use nix::fcntl::OFlag;
use nix::pty::{OpenptyResult, Winsize, grantpt, openpty, posix_openpt, ptsname_r, unlockpt};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

/// A pseudo-terminal with a program on it, in a session of its own.
struct Terminal {
    child: Child,
    keys: File,
    shown: Arc<Mutex<String>>,
}

/// The program as the leader of a session on the terminal that is behind `slave`.
fn on_terminal(command: &Command, slave: &File) -> Child {
    // setsid makes the terminal on standard input the controlling one.
    let mut outer = Command::new("setsid");
    outer.args(["--ctty", "--wait"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }
    if command.get_envs().all(|(name, _)| name != "TERM") {
        outer.env("TERM", "xterm-256color");
    }
    let end = || slave.try_clone().unwrap();
    outer.stdin(end()).stdout(end()).stderr(end());
    outer.spawn().unwrap()
}

impl Terminal {
    fn start(command: &Command) -> Self {
        let size = Winsize { ws_row: 24, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
        let OpenptyResult { master, slave } = openpty(&size, None).unwrap();
        let child = on_terminal(command, &File::from(slave));
        let keys = File::from(master);
        let shown = Arc::new(Mutex::new(String::new()));
        let (mut screen, seen) = (keys.try_clone().unwrap(), shown.clone());
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = screen.read(&mut buffer) {
                seen.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..count]));
            }
        });
        Self { child, keys, shown }
    }

    fn shown(&self) -> String {
        self.shown.lock().unwrap().clone()
    }

    #[track_caller]
    fn shows(&self, what: &str) {
        assert!(eventually(|| self.shown().contains(what)), "no {what:?} in {:?}", self.shown());
    }

    fn press(&mut self, keys: &[u8]) {
        self.keys.write_all(keys).unwrap();
    }

    #[track_caller]
    fn ends(&mut self, code: i32) {
        let mut status = None;
        eventually(|| {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        assert_eq!(status.and_then(|it| it.code()), Some(code), "{:?}", self.shown());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_wait_shows_a_line_that_is_gone_when_we_get_the_lock() {
    let bench = Bench::new("line");
    let go = bench.file("go");
    let mut held = bench.hold_with(
        &["--label", "web-3 deploy"],
        &format!("while [ ! -e {} ]; do sleep 0.01; done", go.display()),
    );
    let mut waiter = Terminal::start(&bench.run(&[], &["echo", "got it"]));
    waiter.shows("held by web-3 deploy");
    waiter.shows("next");
    std::fs::write(&go, "").unwrap();
    held.process.end(None).code(0);
    waiter.ends(0);
    let shown = waiter.shown();
    let (before, after) = shown.rsplit_once("web-3 deploy").unwrap();
    assert!(after.contains("\r\x1b[K") && after.trim_end().ends_with("got it"), "{after:?}");
    assert!(!before.contains('\n') && before.starts_with(['\r', '\x1b']), "{before:?}");
}

#[test]
fn a_short_wait_shows_nothing() {
    let bench = Bench::new("short");
    let mut run = Terminal::start(&bench.run(&[], &["echo", "at once"]));
    run.ends(0);
    run.shows("at once");
    assert_eq!(run.shown().trim_end(), "at once");
}

#[test]
fn with_no_color_the_line_is_plain() {
    let bench = Bench::new("plain");
    let _held = bench.hold(&["--label", "web-3 deploy"]);
    let mut command = bench.run(&["-w", "2.5"], &["true"]);
    command.env("NO_COLOR", "1");
    let mut waiter = Terminal::start(&command);
    waiter.ends(1);
    waiter.shows("web-3 deploy");
    assert!(!waiter.shown().contains('\x1b'), "{:?}", waiter.shown());
}

#[test]
fn without_a_terminal_the_line_is_plain() {
    let bench = Bench::new("pipe");
    let _held = bench.hold(&["--label", "web-3 deploy"]);
    let said = crate::support::output(bench.run(&["-w", "2.5"], &["true"])).code(1);
    assert!(said.stderr.contains("waiting") && !said.stderr.contains('\x1b'), "{said:?}");
    let said = crate::support::output(bench.run(&["-w", "1.5", "--quiet"], &["true"])).code(1);
    assert!(!said.stderr.contains("waiting"), "{said:?}");
}

#[test]
fn a_status_descriptor_hears_of_the_wait_on_a_terminal_too() {
    let bench = Bench::new("told");
    let _held = bench.hold(&["--label", "web-3 deploy"]);
    let file = bench.file("status");
    let bin = crate::support::binary().display();
    let line = format!("{bin} run --status-fd 3 -w 2.5 {} true 3> {}", bench.key, file.display());
    let mut shell = Command::new("sh");
    shell.args(["-c", &line]).env("REDISMUTEX_URL", bench.server.url());
    let mut shell = Terminal::start(&shell);
    shell.ends(1);
    shell.shows("\x1b[2mwaiting");
    let told = crate::support::read(&file);
    assert!(told.contains("\"event\":\"waiting\"") && told.contains("web-3"), "{told}");
}

#[test]
fn control_c_in_a_wait_for_a_free_lock_takes_the_line_away() {
    let bench = Bench::new("look");
    let _held = bench.hold(&["--label", "web-3 deploy"]);
    let mut waiter = Terminal::start(&bench.program(&["wait", &bench.key]));
    waiter.shows("held by web-3 deploy");
    // Cut at the edge, as the line of `run` is.
    waiter.shows("\x1b[?7l");
    waiter.press(b"\x03");
    waiter.ends(130);
    assert!(eventually(|| waiter.shown().ends_with("\r\x1b[K")), "{:?}", waiter.shown());
}

#[test]
fn control_c_while_waiting_gives_130_and_leaves_the_queue() {
    let bench = Bench::new("ctrl-c");
    let _held = bench.hold(&[]);
    let mut waiter = Terminal::start(&bench.run(&[], &["true"]));
    assert!(eventually(|| !bench.server.admin().keys_matching("*queue").is_empty()));
    waiter.press(b"\x03");
    waiter.ends(130);
    assert!(bench.server.admin().keys_matching("*queue").is_empty());
}

#[test]
fn control_c_reaches_the_command_once() {
    let bench = Bench::new("once");
    let script = "trap 'echo caught; n=$((n+1))' INT; echo ready; \
                  while [ -z \"$n\" ]; do sleep 0.02; done; sleep 0.3; echo $n; exit 7";
    let mut run = Terminal::start(&bench.run(&[], &["sh", "-c", script]));
    run.shows("ready");
    run.press(b"\x03");
    run.ends(7);
    assert_eq!(run.shown().matches("caught").count(), 1, "{:?}", run.shown());
    assert!(!bench.server.admin().exists(&bench.key));
}

#[test]
fn the_end_of_the_terminal_is_passed_on_to_the_command() {
    let bench = Bench::new("hang-up");
    let up = bench.file("up");
    let script = format!("echo $$ > {0}.tmp; mv {0}.tmp {0}; exec sleep 600", up.display());
    // The leader of the session, as under `ssh -t` or `xterm -e`: the system tells only it.
    // Opened so that no program that another test starts meanwhile keeps the terminal open.
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let terminal = posix_openpt(flags).unwrap();
    grantpt(&terminal).and_then(|()| unlockpt(&terminal)).unwrap();
    let slave = File::options()
        .read(true)
        .write(true)
        .custom_flags(OFlag::O_NOCTTY.bits())
        .open(ptsname_r(&terminal).unwrap())
        .unwrap();
    let mut leader = on_terminal(&bench.run(&[], &["sh", "-c", &script]), &slave);
    drop(slave);
    assert!(eventually(|| up.exists()));
    let command: i32 = crate::support::read(&up).trim().parse().unwrap();
    drop(terminal);
    assert!(eventually(|| leader.try_wait().unwrap().is_some()), "it runs on without a terminal");
    assert_eq!(leader.wait().unwrap().code(), Some(129));
    assert!(!crate::support::is_alive(command) && !bench.server.admin().exists(&bench.key));
}

#[test]
fn the_lock_is_kept_on_a_terminal_until_all_that_was_told_to_end_has_ended() {
    let bench = Bench::new("slow-tty");
    let script = crate::signals::slow_to_end(&bench);
    let run = Terminal::start(&bench.run(&[], &["sh", "-c", &script]));
    let pid = i32::try_from(run.child.id()).unwrap();
    crate::signals::granted_after_the_end(&bench, pid);
}

#[test]
fn the_command_may_read_the_terminal() {
    let bench = Bench::new("tty");
    let script = "test -t 0 && test -t 1 && echo ready && read line && echo \"[$line]\"";
    let mut run = Terminal::start(&bench.run(&[], &["sh", "-c", script]));
    run.shows("ready");
    run.press(b"hello\n");
    run.ends(0);
    run.shows("[hello]");
}

#[test]
fn release_by_force_asks_a_person() {
    let bench = Bench::new("ask");
    let _held = bench.hold(&["--label", "victim"]);
    for (answer, code, taken) in [("n\n", 1, false), ("\n", 1, false), ("y\n", 0, true)] {
        let mut ask = Terminal::start(&bench.program(&["release", "--force", &bench.key]));
        ask.shows("victim");
        ask.press(answer.as_bytes());
        ask.ends(code);
        assert_eq!(!bench.server.admin().exists(&bench.key), taken, "{answer:?}");
    }
}

#[test]
fn release_by_force_takes_it_from_nobody_else_than_was_shown() {
    let bench = Bench::new("other");
    let admin = bench.server.admin();
    for (answer, code, stays) in [("n\n", 1, true), ("y\n", 0, false)] {
        admin.cmd(&["SET", &bench.key, "one"]);
        let mut ask = Terminal::start(&bench.program(&["release", "--force", &bench.key]));
        ask.shows("[y/N]");
        admin.cmd(&["SET", &bench.key, "other"]);
        ask.press(b"y\n");
        ask.shows("changed hands");
        assert!(admin.exists(&bench.key), "nobody was asked about this one");
        assert!(eventually(|| ask.shown().matches("[y/N]").count() == 2), "{:?}", ask.shown());
        ask.press(answer.as_bytes());
        ask.ends(code);
        assert_eq!(admin.exists(&bench.key), stays, "{answer:?}");
    }
}

#[test]
fn top_shows_the_locks_and_leaves_the_terminal_as_it_was() {
    let bench = Bench::new("top");
    let _held = bench.hold(&["--label", "web-3 deploy"]);
    let mut top = Terminal::start(&bench.program(&["top"]));
    top.shows("web-3 deploy");
    top.shows("\x1b[?1049h");
    top.press(b"q");
    top.ends(0);
    top.shows("\x1b[?1049l");
}

#[test]
fn top_without_a_terminal_says_what_to_use() {
    let bench = Bench::new("no-top");
    let mut command = bench.program(&["top"]);
    command.stdout(Stdio::piped());
    let said = crate::support::output(command);
    assert_ne!(said.status.code(), Some(0));
    assert!(said.stderr.contains("ls"), "{said:?}");
}

#[test]
fn at_a_loss_on_a_terminal_nothing_that_the_command_started_is_left() {
    let bench = Bench::new("family");
    let (file, up) = (bench.file("pid"), bench.file("up"));
    // One that obeys and one that does not, below a shell that only waits.
    let script = format!(
        "sleep 600 & echo $! > {0}; sh -c 'trap \"\" TERM; echo $$ >> {0}; echo > {1}; \
         while :; do sleep 0.05; done'; true",
        file.display(),
        up.display()
    );
    let run = bench.run(&["--expiry", "900ms", "--kill-after", "300ms"], &["sh", "-c", &script]);
    // Below a shell that stays: at the end of a session the system ends what is left by itself.
    let mut shell = Command::new("sh");
    shell.args(["-c", "\"$@\"; echo ended with $?; read line", "sh"]);
    shell.arg(run.get_program()).args(run.get_args());
    for (name, value) in run.get_envs() {
        shell.env(name, value.unwrap_or_default());
    }
    let shell = Terminal::start(&shell);
    assert!(eventually(|| up.exists()), "{:?}", shell.shown());
    assert!(bench.server.admin().del(&bench.key));
    shell.shows("ended with 79");
    for pid in crate::support::read(&file).lines() {
        let pid = pid.parse().unwrap();
        assert!(!crate::support::is_alive(pid), "{pid} lives on without the lock");
    }
}
