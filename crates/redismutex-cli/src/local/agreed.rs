//! What every program that shares the private server has to know alike: another one that did it otherwise
//! would start a second server, and two would have the same lock.

use nix::unistd::Uid;
use std::path::{Path, PathBuf};

/// Below `$XDG_RUNTIME_DIR`; elsewhere the number of the user is added.
const DIRECTORY: &str = "redismutex";
/// Held by whoever starts or stops the server.
pub(super) const LOCK: &str = "lock";
pub(super) const SOCKET: &str = "redis.sock";
pub(super) const LOG: &str = "server.log";
/// Looked for on PATH, in this order.
pub(super) const PROGRAMS: [&str; 2] = ["valkey-server", "redis-server"];
/// How the server is started, in its directory. A key that is evicted is a lock that two have; nothing of a
/// lock is worth a disk.
pub(super) const OPTIONS: [&str; 12] = [
    "--unixsocket",
    SOCKET,
    "--unixsocketperm",
    "700",
    "--port",
    "0",
    "--maxmemory-policy",
    "noeviction",
    "--save",
    "",
    "--appendonly",
    "no",
];

/// Where the server lives.
pub(super) fn home() -> PathBuf {
    let own = std::env::var_os("XDG_RUNTIME_DIR").filter(|dir| !dir.is_empty());
    match own {
        Some(dir) => Path::new(&dir).join(DIRECTORY),
        None => std::env::temp_dir().join(format!("{DIRECTORY}-{}", Uid::current())),
    }
}
