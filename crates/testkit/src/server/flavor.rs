//! Which servers there are and where their programs lie.
//!
//! Knows file names and environment variables. It downloads nothing: `cargo xtask` does that.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};

/// A kind of server to run a test against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Flavor {
    /// Whatever there is: the program that `REDISMUTEX_SERVER` names, else `valkey-server` or
    /// `redis-server` on the `PATH`, else one that was downloaded.
    #[default]
    Any,
    /// The distribution's `redis-server` on the `PATH`.
    Redis70,
    /// Valkey 9.1: `REDISMUTEX_SERVER_VALKEY91`, else the downloaded program.
    Valkey91,
    /// Redis 6.2: `REDISMUTEX_SERVER_REDIS62`, else the downloaded program.
    Redis62,
}

impl Flavor {
    /// Every flavor that stands for one particular server.
    pub const PARTICULAR: [Self; 3] = [Self::Redis70, Self::Valkey91, Self::Redis62];

    /// The program, if it is there.
    #[must_use]
    pub fn find(self) -> Option<PathBuf> {
        match self {
            Self::Any => named_by("REDISMUTEX_SERVER")
                .or_else(|| on_path("valkey-server"))
                .or_else(|| on_path("redis-server"))
                .or_else(|| Self::Valkey91.find())
                .or_else(|| Self::Redis62.find()),
            Self::Redis70 => on_path("redis-server"),
            Self::Valkey91 => named_by("REDISMUTEX_SERVER_VALKEY91")
                .or_else(|| downloaded("valkey-9.1/valkey-server")),
            Self::Redis62 => named_by("REDISMUTEX_SERVER_REDIS62")
                .or_else(|| downloaded("redis-6.2/redis-server")),
        }
    }

    /// The program, or `None` after one printed line that says why the test does not run.
    ///
    /// ```no_run
    /// # use redismutex_testkit::{Flavor, Server};
    /// if Flavor::Valkey91.find_or_say("delifeq_works").is_none() {
    ///     return;
    /// }
    /// let server = Server::builder().flavor(Flavor::Valkey91).start();
    /// ```
    #[must_use]
    pub fn find_or_say(self, test: &str) -> Option<PathBuf> {
        let found = self.find();
        if found.is_none() {
            eprintln!("{test}: not run, there is no {self}; {}", self.remedy());
        }
        found
    }

    /// What to do when the program is missing.
    pub(super) fn remedy(self) -> &'static str {
        match self {
            Self::Any => {
                "install redis-server or valkey-server, or set REDISMUTEX_SERVER to its path"
            }
            Self::Redis70 => "install redis-server",
            Self::Valkey91 => {
                "put it at target/servers/valkey-9.1/valkey-server, or set REDISMUTEX_SERVER_VALKEY91"
            }
            Self::Redis62 => {
                "put it at target/servers/redis-6.2/redis-server, or set REDISMUTEX_SERVER_REDIS62"
            }
        }
    }
}

impl fmt::Display for Flavor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "Redis or Valkey server",
            Self::Redis70 => "redis-server on the PATH",
            Self::Valkey91 => "Valkey 9.1",
            Self::Redis62 => "Redis 6.2",
        })
    }
}

/// Every particular server that is there, to run one test against each.
#[must_use]
pub fn available() -> Vec<(Flavor, PathBuf)> {
    let found = |flavor: Flavor| flavor.find().map(|path| (flavor, path));
    Flavor::PARTICULAR.into_iter().filter_map(found).collect()
}

/// The program that an environment variable names. A name that leads nowhere is a mistake that
/// must not be covered up by taking another server.
fn named_by(variable: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env::var_os(variable).filter(|value| !value.is_empty())?);
    assert!(path.is_file(), "{variable} names {}, which is no file", path.display());
    Some(path)
}

pub(super) fn on_path(program: &str) -> Option<PathBuf> {
    let dirs = env::var_os("PATH")?;
    env::split_paths(&dirs).map(|dir| dir.join(program)).find(|path| path.is_file())
}

fn downloaded(file: &str) -> Option<PathBuf> {
    let target = env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"), PathBuf::from);
    let path = target.join("servers").join(file);
    path.is_file().then_some(path)
}
