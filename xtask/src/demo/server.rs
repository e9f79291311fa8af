//! The demo's server: the user's own, or a private one that ends with the demo, however that ends.
//!
//! Knows how to find, start and stop a server. Must not know what is done with it.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crate::run::{Result, on_path, program};
use crate::servers::{self, Flavour};

/// A server to contend on.
pub(crate) struct Server {
    url: String,
    about: String,
    _private: Option<Private>,
}

impl Server {
    /// The one at this address, or a private one.
    pub(crate) fn of(url: Option<&str>) -> Result<Self> {
        if let Some(url) = url {
            return Ok(Self { url: url.to_owned(), about: without_password(url), _private: None });
        }
        let binary = find()?;
        let about = servers::version(&binary)?;
        let private = Private::start(&binary)?;
        let url = format!("redis+unix://{}", private.socket().display());
        Ok(Self { url, about: format!("{about}, over a unix socket"), _private: Some(private) })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What a person may see of it.
    pub(crate) fn about(&self) -> &str {
        &self.about
    }
}

/// A server on PATH, else the fetched one.
fn find() -> Result<PathBuf> {
    if let Some(binary) = ["valkey-server", "redis-server"].into_iter().find_map(on_path) {
        return Ok(binary);
    }
    servers::fetch(&Flavour::VALKEY).map_err(|why| {
        format!(
            "there is no server on PATH, and none can be fetched ({why}). This installs one: {}",
            servers::INSTALL
        )
    })
}

/// A server in a directory of its own, owned by a keeper process (see [`keep`]).
struct Private {
    keeper: Child,
    dir: PathBuf,
}

impl Private {
    fn start(binary: &Path) -> Result<Self> {
        let dir =
            private_dir().map_err(|e| format!("cannot make a directory for the server: {e}"))?;
        let keeper =
            start_keeper(binary, &dir).map_err(|e| format!("cannot start the server: {e}"))?;
        let mut private = Self { keeper, dir };
        private.wait_until_up()?;
        Ok(private)
    }

    fn socket(&self) -> PathBuf {
        self.dir.join("sock")
    }

    fn wait_until_up(&mut self) -> Result {
        let end = Instant::now() + Duration::from_secs(10);
        while UnixStream::connect(self.socket()).is_err() {
            let gone = matches!(self.keeper.try_wait(), Ok(Some(_)));
            if gone || Instant::now() > end {
                let log = fs::read_to_string(self.dir.join("log")).unwrap_or_default();
                return Err(format!(
                    "the server does not start: {}",
                    log.lines().last().unwrap_or("no log")
                ));
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        // The keeper sees the end of its input, and the server is gone when the keeper is.
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// A new directory that only this user can enter; short, for a socket's path may have about 100 bytes.
fn private_dir() -> io::Result<PathBuf> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let name = format!("redismutex-{}-{}", std::process::id(), now.subsec_nanos());
    let dir = std::env::temp_dir().join(name);
    DirBuilder::new().mode(0o700).create(&dir)?;
    Ok(dir)
}

fn start_keeper(binary: &Path, dir: &Path) -> io::Result<Child> {
    let mut keeper = Command::new(std::env::current_exe()?);
    keeper.arg("keep-server").arg(binary).arg(dir);
    // A group of its own: Ctrl-C must end the demo, and then the keeper ends the server.
    keeper.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).spawn()
}

/// The hidden command `keep-server`: runs a server until its own input ends, which it does when the demo ends,
/// also by `kill -9`. Then nothing is left, neither process nor file.
pub(crate) fn keep(binary: &Path, dir: &Path) -> Result {
    let mut server =
        start_server(binary, dir).map_err(|e| format!("cannot run {}: {e}", binary.display()))?;
    // Also ends when the read fails; there is nobody to tell.
    let _ = io::copy(&mut io::stdin(), &mut io::sink());
    let _ = server.kill();
    let _ = server.wait();
    fs::remove_dir_all(dir).map_err(|e| format!("cannot remove {}: {e}", dir.display()))
}

fn start_server(binary: &Path, dir: &Path) -> io::Result<Child> {
    let mut server = program(binary);
    server.args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocketperm", "700"]);
    server
        .arg("--unixsocket")
        .arg(dir.join("sock"))
        .arg("--logfile")
        .arg(dir.join("log"))
        .arg("--dir")
        .arg(dir);
    server.stdin(Stdio::null()).stdout(Stdio::null()).spawn()
}

/// The address without user and password.
fn without_password(url: &str) -> String {
    match (url.split_once("://"), url.rfind('@')) {
        (Some((scheme, _)), Some(at)) => format!("{scheme}://{}", &url[at + 1..]),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::without_password;

    #[test]
    fn a_password_is_not_shown() {
        assert_eq!(without_password("redis://user:p@ss@host:1/2"), "redis://host:1/2");
        assert_eq!(without_password("redis://host:1"), "redis://host:1");
    }
}
