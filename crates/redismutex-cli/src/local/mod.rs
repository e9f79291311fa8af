//! The private server of `--local`: one for all processes of this user, found or started.
//!
//! Knows where it lives and that there is never more than one. Must not know what it is used for.

mod agreed;
mod start;

pub(crate) use start::step;

use crate::args::{LocalAction, LocalArgs};
use crate::exit::{BUSY, Failure, OTHER, UNAVAILABLE};
use agreed::{LOCK, LOG, SOCKET};
use nix::fcntl::{Flock, FlockArg};
use nix::unistd::Uid;
use std::fs::{DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Longest time for a server to begin or to end; either takes some 10 ms.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(5);

/// The URL of the private server, which runs when this returns.
pub(crate) fn ensure() -> Result<String, Failure> {
    let home = home()?;
    let socket = home.join(SOCKET);
    fits(&socket)?;
    if !answers(&socket) {
        // Whoever has the file lock starts it; who comes second finds it running.
        let _alone = alone(&home)?;
        if !answers(&socket) {
            start::start(&home)?;
            until(|| answers(&socket)).ok_or_else(|| {
                let log = home.join(LOG);
                unusable(format!("the private server does not begin: see {}", log.display()))
            })?;
        }
    }
    Ok(url(&socket))
}

/// `redismutex local`.
pub(crate) fn run(args: &LocalArgs) -> Result<u8, Failure> {
    let home = home()?;
    let socket = home.join(SOCKET);
    match args.action {
        LocalAction::Start => say(&ensure()?),
        LocalAction::Status if answers(&socket) => say(&url(&socket)),
        LocalAction::Status => return Ok(BUSY),
        LocalAction::Stop => stop(&home, &socket)?,
    }
    Ok(0)
}

fn stop(home: &Path, socket: &Path) -> Result<(), Failure> {
    let _alone = alone(home)?;
    if let Ok(mut server) = UnixStream::connect(socket) {
        let asked = server.write_all(b"SHUTDOWN NOSAVE\r\n");
        asked.map_err(|error| unusable(format!("the private server does not listen: {error}")))?;
        until(|| !answers(socket))
            .ok_or_else(|| unusable("the private server does not end".to_owned()))?;
    }
    Ok(())
}

fn say(line: &str) {
    // Nobody reads it: then nobody misses it.
    let _ = writeln!(io::stdout(), "{line}");
}

fn url(socket: &Path) -> String {
    // What would end a path in a URL.
    let path = socket.display().to_string();
    let path = path.replace('%', "%25").replace('?', "%3F").replace('#', "%23");
    format!("redis+unix://{path}")
}

/// A server that is started in its directory takes any; who connects needs the whole path.
fn fits(socket: &Path) -> Result<(), Failure> {
    let fits = SocketAddr::from_pathname(socket).map(drop);
    fits.map_err(|error| {
        let shown = socket.display();
        let remedy = "set XDG_RUNTIME_DIR to a directory with a shorter name";
        Failure::new(OTHER, format!("{shown} cannot be a socket: {error}; {remedy}"))
    })
}

/// Whether a server is there and ready: one that still loads or already ends lets itself be connected to.
fn answers(socket: &Path) -> bool {
    let ask = || -> io::Result<bool> {
        let mut server = UnixStream::connect(socket)?;
        server.set_read_timeout(Some(Duration::from_secs(1)))?;
        server.write_all(b"PING\r\n")?;
        let mut answer = [0; 5];
        server.read_exact(&mut answer)?;
        Ok(&answer == b"+PONG")
    };
    ask().unwrap_or(false)
}

fn until(mut done: impl FnMut() -> bool) -> Option<()> {
    let end = Instant::now() + PATIENCE;
    while !done() {
        if Instant::now() > end {
            return None;
        }
        std::thread::sleep(PAUSE);
    }
    Some(())
}

/// The directory of the server, ours alone.
fn home() -> Result<PathBuf, Failure> {
    let home = agreed::home();
    let made = DirBuilder::new().mode(0o700).create(&home);
    if let Err(error) = made.or_else(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Ok(()),
        _ => Err(error),
    }) {
        return Err(of_file(&home, &error));
    }
    // In a directory that others can write to, others can have been first.
    let found = home.symlink_metadata().map_err(|error| of_file(&home, &error))?;
    let is_ours =
        found.is_dir() && found.uid() == Uid::current().as_raw() && found.mode() & 0o077 == 0;
    if !is_ours {
        let message =
            format!("{} is open to others: give it mode 700, or delete it", home.display());
        return Err(Failure::new(OTHER, message));
    }
    Ok(home)
}

/// Keeps other processes from starting or stopping the server for as long as it lives.
fn alone(home: &Path) -> Result<Flock<File>, Failure> {
    let path = home.join(LOCK);
    let failed = |error: io::Error| of_file(&path, &error);
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    Flock::lock(file.map_err(failed)?, FlockArg::LockExclusive)
        .map_err(|(_, error)| failed(error.into()))
}

fn of_file(path: &Path, error: &io::Error) -> Failure {
    Failure::new(OTHER, format!("{}: {error}", path.display()))
}

fn unusable(message: String) -> Failure {
    Failure::new(UNAVAILABLE, message)
}
