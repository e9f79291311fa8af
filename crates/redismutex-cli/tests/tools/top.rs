//! `top` on a terminal of its own.

use crate::common::{call, held, program, until};
use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{LocalFlags, tcgetattr};
use nix::unistd::Pid;
use redismutex_testkit::Server;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::thread;

/// The program on a terminal: what it wrote so far, and the keyboard.
struct Screen {
    child: Child,
    keys: File,
    written: Arc<Mutex<Vec<u8>>>,
    terminal: std::os::fd::OwnedFd,
}

impl Screen {
    fn open(server: &Server, args: &[&str]) -> Self {
        let size = Winsize { ws_row: 24, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(Some(&size), None).unwrap();
        let end = || File::from(pty.slave.try_clone().unwrap());
        let mut command = program(&server.url(), args);
        command.env("TERM", "xterm-256color").stdin(end()).stdout(end()).stderr(end());
        let child = command.spawn().unwrap();
        let keys = File::from(pty.master);
        let mut screen = keys.try_clone().unwrap();
        let written = Arc::new(Mutex::new(Vec::new()));
        let seen = written.clone();
        thread::spawn(move || {
            let mut piece = [0; 4096];
            // Ends when the last end of the terminal is closed.
            while let Ok(length @ 1..) = screen.read(&mut piece) {
                seen.lock().unwrap().extend_from_slice(&piece[..length]);
            }
        });
        Self { child, keys, written, terminal: pty.slave }
    }

    fn shows(&self, text: &str) -> bool {
        String::from_utf8_lossy(&self.written.lock().unwrap()).contains(text)
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    fn is_raw(&self) -> bool {
        !tcgetattr(&self.terminal).unwrap().local_flags.contains(LocalFlags::ICANON)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const ALTERNATE: &str = "\x1b[?1049h";
const BACK: &str = "\x1b[?1049l";

#[test]
fn top_shows_the_locks_and_gives_the_terminal_back() {
    let server = Server::start();
    let _lock = held(&server, "deploy/production", "ci-4:51");
    for leave in ["q", "\x03"] {
        let mut screen = Screen::open(&server, &["top", "--delay", "0.05"]);
        until("the lock is shown", || screen.shows("deploy/production") && screen.shows("ci-4:51"));
        assert!(screen.shows(ALTERNATE) && screen.is_raw());
        let _later = held(&server, "later", "second");
        until("a new lock is shown", || screen.shows("later"));
        screen.press(leave);
        until("it ends", || screen.child.try_wait().unwrap().is_some());
        assert!(screen.child.wait().unwrap().success());
        until("the screen is as before", || screen.shows(BACK));
        assert!(!screen.is_raw());
    }
}

#[test]
fn top_gives_the_terminal_back_when_it_is_killed() {
    let server = Server::start();
    let mut screen = Screen::open(&server, &["top"]);
    // Blanks are not written: the screen is blank where nothing was.
    until("it is drawn", || screen.shows("nobody"));
    kill(Pid::from_raw(screen.child.id() as i32), Signal::SIGTERM).unwrap();
    until("it ends", || screen.child.try_wait().unwrap().is_some());
    until("the screen is as before", || screen.shows(BACK));
    assert!(!screen.is_raw());
}

#[test]
fn top_survives_a_server_that_goes_away() {
    let server = Server::start();
    let _lock = held(&server, "build", "me");
    let mut screen = Screen::open(&server, &["top", "--delay", "0.05"]);
    until("the lock is shown", || screen.shows("build"));
    server.kill9();
    until("the reason is shown", || screen.shows("no answer"));
    screen.press("q");
    until("it ends", || screen.child.try_wait().unwrap().is_some());
}

#[test]
fn top_without_a_terminal_names_what_needs_none() {
    let server = Server::start();
    let came = call(&server.url(), &["top"]);
    assert!(came.code == 2 && came.err.contains("ls --watch"), "{came:?}");
}

#[test]
fn release_asks_on_a_terminal() {
    let server = Server::start();
    let _lock = held(&server, "build", "me");
    for (answer, code, stays) in [("n\n", 1, true), ("y\n", 0, false)] {
        let mut screen = Screen::open(&server, &["release", "--force", "build"]);
        until("it asks", || screen.shows("[y/N]"));
        screen.press(answer);
        until("it ends", || screen.child.try_wait().unwrap().is_some());
        assert_eq!(screen.child.wait().unwrap().code(), Some(code));
        assert_eq!(server.admin().exists("build"), stays);
    }
}

#[test]
fn wait_shows_a_line_and_takes_it_away() {
    let server = Server::start();
    let lock = held(&server, "build", "web-1:7");
    let mut screen = Screen::open(&server, &["wait", "build"]);
    until("the line is shown", || screen.shows("held by web-1:7"));
    lock.release().unwrap();
    until("it ends", || screen.child.try_wait().unwrap().is_some());
    until("the line is gone", || {
        String::from_utf8_lossy(&screen.written.lock().unwrap()).ends_with("\r\x1b[K")
    });
}
