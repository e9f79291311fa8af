//! Starting processes so that none of them stays behind, and waiting for a server to answer.
//!
//! Knows processes and the files in a server's directory. What the settings mean is not its
//! business.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Sender};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::flavor::on_path;
use crate::{Admin, Reply};

pub(super) const SOCKET: &str = "socket";
pub(super) const CONFIG: &str = "server.conf";
pub(super) const LOG: &str = "log";

const READY_WITHIN: Duration = Duration::from_secs(10);
const LOG_TAIL_LINES: usize = 20;

/// Starts the server that `dir` was prepared for, and waits until it answers. The error is for
/// people and ends with the end of the log.
pub(super) fn start(binary: &Path, dir: &Path) -> Result<Child, String> {
    // A crashed server leaves its socket, which must not be taken for that of the new one.
    let _ = fs::remove_file(dir.join(SOCKET));
    let failed = |what: String| {
        format!("{} {what}; its log ends:\n{}", binary.display(), log_tail(&dir.join(LOG)))
    };
    let mut command = bound_command(binary);
    command.arg(dir.join(CONFIG)).stdin(Stdio::null());
    // Mistakes in the configuration are told here, before the log is open.
    let early = fs::OpenOptions::new().create(true).append(true).open(dir.join(LOG));
    let early = early.map_err(|error| failed(format!("has no log: {error}")))?;
    let early_too = early.try_clone().map_err(|error| failed(format!("has no log: {error}")))?;
    command.stdout(early).stderr(early_too);
    let mut child = spawn(command).map_err(|error| failed(format!("does not start: {error}")))?;
    match wait_until_ready(&mut child, &dir.join(SOCKET)) {
        Ok(()) => Ok(child),
        Err(what) => {
            let _ = child.kill();
            let _ = child.wait();
            Err(failed(what))
        }
    }
}

fn wait_until_ready(child: &mut Child, socket: &Path) -> Result<(), String> {
    let deadline = Instant::now() + READY_WITHIN;
    while Instant::now() < deadline {
        if let Ok(Some(status)) = child.try_wait() {
            return Err(format!("ended at once, {status}"));
        }
        if answers(socket) {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(2));
    }
    Err(format!("does not answer PING within {READY_WITHIN:?}"))
}

/// An error other than that it is still loading is an answer too: a password may be asked for.
fn answers(socket: &Path) -> bool {
    let patience = Duration::from_secs(1);
    let ping = || {
        let admin = Admin::connect_unix(socket)?;
        let pong = admin.try_cmd_within(patience, &["PING"])?;
        // The server closes first, so that nobody finds this connection still counted.
        admin.try_cmd_within(patience, &["QUIT"])?;
        let _ = admin.read(patience);
        Ok::<Reply, io::Error>(pong)
    };
    match ping() {
        Ok(Reply::Error(error)) => !error.starts_with("LOADING"),
        Ok(_) => true,
        Err(_) => false,
    }
}

fn log_tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
}

/// A command whose process is killed by the kernel when the one that started it ends.
///
/// A test that is killed, or a server in a static, gets no chance to clean up. `setpriv` asks the
/// kernel to do it and then becomes the program, so the process id is the program's own.
pub(crate) fn bound_command(program: &Path) -> Command {
    static SETPRIV: LazyLock<Option<std::path::PathBuf>> =
        LazyLock::new(|| cfg!(target_os = "linux").then(|| on_path("setpriv")).flatten());
    let Some(setpriv) = SETPRIV.as_ref() else {
        return Command::new(program);
    };
    let mut command = Command::new(setpriv);
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

type Order = (Command, Sender<io::Result<Child>>);

/// Starts a process from a thread that lives as long as this process does.
///
/// The kernel's promise in [`bound_command`] is about the *thread* that started the process: a
/// server shared by tests would die with the first of them.
pub(crate) fn spawn(command: Command) -> io::Result<Child> {
    static NURSERY: LazyLock<Mutex<Sender<Order>>> = LazyLock::new(|| {
        let (orders, incoming) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, answer) in incoming {
                // Nobody listens only if the one who asked is gone.
                let _ = answer.send(command.spawn());
            }
        });
        Mutex::new(orders)
    });
    let (answer, child) = mpsc::channel();
    let sent = NURSERY.lock().unwrap_or_else(PoisonError::into_inner).send((command, answer));
    sent.map_err(|_| io::Error::other("the thread that starts processes is gone"))?;
    child.recv().map_err(|_| io::Error::other("the thread that starts processes is gone"))?
}
