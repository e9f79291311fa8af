//! A Python with pip, to download wheels with.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{self, Result, program, root};

/// Downloads one wheel, exactly this version, into `dir` and returns the file.
pub(crate) fn download(requirement: &str, options: &[&str], dir: &Path) -> Result<PathBuf> {
    let mut pip = program(python()?);
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]);
    pip.args(options).arg("--dest").arg(dir).arg(requirement);
    run::quietly(&mut pip).map_err(|why| short(&why))?;
    let mut files = std::fs::read_dir(dir).map_err(|e| e.to_string())?.flatten();
    let wheel = files.find(|file| file.path().extension().is_some_and(|end| end == "whl"));
    wheel.map(|file| file.path()).ok_or_else(|| format!("pip brought no wheel of {requirement}"))
}

/// Unpacks a wheel, which is a zip file.
pub(crate) fn unpack(wheel: &Path, dir: &Path) -> Result {
    run::quietly(program("python3").args(["-m", "zipfile", "-e"]).arg(wheel).arg(dir)).map(drop)
}

/// The machine's Python if it has pip, else a virtual environment's: a distribution's Python often comes without.
fn python() -> Result<PathBuf> {
    if run::on_path("python3").is_none() {
        return Err("there is no python3 on PATH".to_owned());
    }
    if has_pip(&mut program("python3")) {
        return Ok("python3".into());
    }
    let venv = root().join("target/pip");
    let python = venv.join("bin/python");
    if !has_pip(&mut program(&python)) {
        run::quietly(program("python3").args(["-m", "venv"]).arg(&venv)).map_err(|_| {
            "python3 has neither pip nor venv (sudo apt-get install python3-venv)".to_owned()
        })?;
    }
    Ok(python)
}

fn has_pip(python: &mut Command) -> bool {
    run::quietly(python.args(["-m", "pip", "--version"])).is_ok()
}

/// pip's last line is enough; the command line before it would fill the screen.
fn short(why: &str) -> String {
    why.rsplit_once("` failed: ").map_or(why, |(_, reason)| reason).to_owned()
}
