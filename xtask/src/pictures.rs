//! `cargo xtask pictures`: the pictures of the documentation, drawn by the command line's own code.
//!
//! Knows where they are kept. Must not know what they show.

use std::fs;
use std::path::Path;

use crate::run::{self, Result, cargo, root};

/// Draws all pictures into `docs/images/`; with `check`, tells whether that would change any.
pub(crate) fn command(check: bool) -> Result {
    let kept = root().join("docs/images");
    if !check {
        return draw(&kept);
    }
    let fresh = root().join("target/pictures");
    fs::create_dir_all(&fresh).map_err(|e| format!("cannot make {}: {e}", fresh.display()))?;
    draw(&fresh)?;
    let pictures = fs::read_dir(&fresh).map_err(|e| format!("{}: {e}", fresh.display()))?;
    for picture in pictures.filter_map(std::result::Result::ok) {
        let name = picture.file_name();
        if fs::read(picture.path()).ok() != fs::read(kept.join(&name)).ok() {
            return Err(format!("{} is not up to date: cargo xtask pictures", name.display()));
        }
    }
    Ok(())
}

fn draw(dir: &Path) -> Result {
    let line = "run --quiet -p redismutex-cli --features pictures -- __pictures";
    run::run(cargo().args(line.split(' ')).arg(dir))
}
