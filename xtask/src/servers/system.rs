//! The server that the distribution packages, found on PATH.

use std::path::PathBuf;

use crate::run::{self, Result};

/// The one command that installs a server, for people to run; `xtask` runs it only in CI.
pub(crate) const INSTALL: &str = if cfg!(target_os = "macos") {
    "brew install redis"
} else {
    "sudo apt-get install redis-server"
};

/// `redis-server`, else `valkey-server`.
pub(crate) fn on_path() -> Option<PathBuf> {
    ["redis-server", "valkey-server"].into_iter().find_map(run::on_path)
}

/// On a CI machine the tests' column "Redis 7.0" is installed; anywhere else that is the user's decision.
pub(crate) fn install_in_ci() -> Result {
    let wanted = std::env::var_os("CI").is_some() && run::on_path("redis-server").is_none();
    if !wanted || run::on_path("apt-get").is_none() || !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    run::run(apt().arg("update"))?;
    run::run(apt().args(["install", "-y", "redis-server"]))?;
    // The tests start servers of their own. One on the default port would hide a test that forgot to.
    let _ = run::quietly(run::program("service").args(["redis-server", "stop"]));
    Ok(())
}

fn apt() -> std::process::Command {
    let mut apt = run::program("apt-get");
    apt.arg("-qq").env("DEBIAN_FRONTEND", "noninteractive");
    apt
}
