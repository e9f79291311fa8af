//! Private servers: one temporary directory, one process, gone when dropped.
//!
//! Knows how a server is configured, started, stopped and found. It must not know what a test
//! does with it.

mod builder;
mod flavor;
mod port;
mod spawn;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::sys::signal::Signal;
use tempfile::TempDir;

pub use builder::Builder;
pub use flavor::{Flavor, available};
use port::Port;
pub(crate) use spawn::{bound_command, spawn};

use crate::{Admin, signals};

/// A running server of its own, on a unix socket and on a loopback port.
///
/// Nothing is saved to disk unless asked for, nothing is evicted. The process is killed and its
/// directory removed on drop; where `setpriv` is installed it also dies with the test process,
/// however that ends.
pub struct Server {
    /// `None` between [`kill9`](Self::kill9) and [`restart`](Self::restart).
    process: Mutex<Option<Child>>,
    binary: PathBuf,
    port: Option<Port>,
    dir: TempDir,
}

impl Server {
    /// Starts whichever server there is, with the defaults.
    #[must_use]
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// Starts a server with other settings.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// `redis://127.0.0.1:port/0`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}/0", self.address())
    }

    /// `redis+unix:///path`.
    #[must_use]
    pub fn unix_url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// The TCP port, the same for the server's whole life, restarts included.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.as_ref().expect("this server was built with tcp(false)").number()
    }

    /// The TCP address, for example as the target of a proxy.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port()))
    }

    /// The unix socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join(spawn::SOCKET)
    }

    /// The server's own directory: configuration, log, data.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The process id. Panics when the server does not run.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process().as_ref().expect("the server does not run").id()
    }

    /// `7.0.15`: Valkey's own version on Valkey, Redis's on Redis.
    #[must_use]
    pub fn version(&self) -> String {
        let admin = self.admin();
        let field = |name| admin.info("server", name);
        field("valkey_version").or_else(|| field("redis_version")).unwrap_or_default()
    }

    /// A new connection to look into the server with.
    #[must_use]
    pub fn admin(&self) -> Admin {
        let admin = Admin::connect_unix(self.socket());
        admin.unwrap_or_else(|error| panic!("cannot reach {self:?}: {error}"))
    }

    /// Kills the server as a crash would. Nothing happens if it does not run.
    pub fn kill9(&self) {
        if let Some(child) = self.process().take() {
            signals::kill9(child);
        }
    }

    /// Starts the server again with the same port, directory and settings, killing it first if it
    /// still runs. Its data is only there again if it was built with
    /// [`persist(true)`](Builder::persist).
    pub fn restart(&self) {
        self.kill9();
        let child = spawn::start(&self.binary, self.dir.path());
        *self.process() = Some(child.unwrap_or_else(|error| panic!("restart: {error}")));
    }

    /// Stops the process in its tracks (SIGSTOP): connections stay, nothing is answered, time
    /// goes on. Until the returned value is dropped.
    #[must_use = "the server goes on as soon as this is dropped"]
    pub fn pause(&self) -> Paused<'_> {
        self.signal(Signal::SIGSTOP);
        Paused(self)
    }

    /// Lets a paused server go on.
    pub fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        if let Some(child) = self.process().as_ref() {
            signals::send(child, signal);
        }
    }

    fn process(&self) -> MutexGuard<'_, Option<Child>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "server {} in {}", self.binary.display(), self.dir.path().display())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill9();
    }
}

/// A server that stands still until this is dropped.
#[derive(Debug)]
pub struct Paused<'a>(&'a Server);

impl Paused<'_> {
    /// Lets the server go on.
    pub fn resume(self) {
        drop(self);
    }
}

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        self.0.resume();
    }
}
