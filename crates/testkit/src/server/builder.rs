//! The settings of a private server, and its configuration file.
//!
//! Knows the names of settings. It starts nothing itself.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Mutex;

use tempfile::TempDir;

use super::port::Port;
use super::{Flavor, Server, spawn};

/// How often a fresh server is tried whose port turned out to be taken after all.
const TRIES: usize = 5;

/// How to start a [`Server`].
#[derive(Clone, Debug)]
pub struct Builder {
    flavor: Flavor,
    tcp: bool,
    persist: bool,
    args: Vec<(String, String)>,
}

impl Default for Builder {
    fn default() -> Self {
        Self { flavor: Flavor::Any, tcp: true, persist: false, args: Vec::new() }
    }
}

impl Builder {
    /// Which server to run.
    #[must_use]
    pub fn flavor(mut self, flavor: Flavor) -> Self {
        self.flavor = flavor;
        self
    }

    /// Whether to listen on TCP beside the unix socket. On by default.
    #[must_use]
    pub fn tcp(mut self, tcp: bool) -> Self {
        self.tcp = tcp;
        self
    }

    /// Whether every write is on disk before it is answered, to survive a crash.
    #[must_use]
    pub fn persist(mut self, persist: bool) -> Self {
        self.persist = persist;
        self
    }

    /// One more line of the configuration file. It stands after the kit's own and so replaces
    /// them: `.arg("maxmemory", "2mb")`, `.arg("client-output-buffer-limit", "pubsub 1mb 1mb 1")`.
    #[must_use]
    pub fn arg(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.args.push((name.into(), value.into()));
        self
    }

    /// Starts the server and waits until it answers.
    ///
    /// Panics, with the end of the server's log, when it does not within ten seconds, and with
    /// one sentence when there is no such server on this machine.
    #[must_use]
    pub fn start(self) -> Server {
        let Some(binary) = self.flavor.find() else {
            panic!("there is no {}: {}", self.flavor, self.flavor.remedy());
        };
        for _ in 1..TRIES {
            match self.try_start(&binary) {
                Err(error) if error.contains("Address already in use") => {}
                other => return other.unwrap_or_else(|error| panic!("{error}")),
            }
        }
        self.try_start(&binary).unwrap_or_else(|error| panic!("{error}"))
    }

    fn try_start(&self, binary: &Path) -> Result<Server, String> {
        let failed = |error| format!("cannot prepare a server: {error}");
        // Other users reach neither data nor socket.
        let private = fs::Permissions::from_mode(0o700);
        let dir = tempfile::Builder::new().prefix("redismutex-").permissions(private).tempdir();
        let dir = dir.map_err(failed)?;
        let port = self.tcp.then(Port::reserve).transpose().map_err(failed)?;
        let number = port.as_ref().map_or(0, Port::number);
        fs::write(dir.path().join(spawn::CONFIG), self.config(&dir, number)).map_err(failed)?;
        let child = spawn::start(binary, dir.path())?;
        let process = Mutex::new(Some(child));
        Ok(Server { process, binary: binary.to_path_buf(), port, dir })
    }

    fn config(&self, dir: &TempDir, port: u16) -> String {
        let dir = dir.path().display();
        let socket = spawn::SOCKET;
        let log = spawn::LOG;
        let mut text = format!(
            "bind 127.0.0.1\nport {port}\n\
             unixsocket {dir}/{socket}\nunixsocketperm 700\n\
             dir {dir}\nlogfile {dir}/{log}\ndaemonize no\n\
             save \"\"\nappendonly no\nmaxmemory-policy noeviction\n"
        );
        if self.persist {
            text.push_str("appendonly yes\nappendfsync always\n");
        }
        for (name, value) in &self.args {
            let _ = writeln!(text, "{name} {value}");
        }
        text
    }
}
