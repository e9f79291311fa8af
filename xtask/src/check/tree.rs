//! What the files of the tree must not hold, and how long they may grow.
//!
//! Knows which directories are not ours. Must not know anything of what the files are about.

use std::fs;
use std::path::{Path, PathBuf};

/// Made by tools, or not ours.
const SKIPPED: &[&str] = &["target", ".git", "node_modules", "__pycache__", ".venv", "venv"];

/// Directories of the machine that somebody worked on; spelt so that this file does not hold them.
const MACHINE_PATHS: &[&str] = &[concat!("/", "work", "/"), concat!("/", "root", "/")];

/// Above this a file asks to be split.
const LONG: usize = 400;

/// Every file of the tree below `root`, as paths from there.
pub(crate) fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(root, &mut found);
    found.sort();
    found.iter().filter_map(|file| file.strip_prefix(root).ok().map(Path::to_path_buf)).collect()
}

fn collect(dir: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else {
        return;
    };
    for entry in entries.flatten() {
        let (name, kind) = (entry.file_name(), entry.file_type());
        let skipped =
            SKIPPED.iter().any(|skip| name == *skip) || name.to_string_lossy().ends_with("_cache");
        match kind {
            Ok(kind) if kind.is_dir() && !skipped => collect(&entry.path(), found),
            // In a worktree `.git` is a file, which names the repository's place.
            Ok(kind) if kind.is_file() && name != ".git" => found.push(entry.path()),
            _ => {}
        }
    }
}

/// The lines of a text that name a path of somebody's machine.
pub(crate) fn machine_paths(text: &str) -> Vec<(usize, &'static str)> {
    let lines = text.lines().zip(1..);
    lines
        .filter_map(|(line, at)| Some((at, *MACHINE_PATHS.iter().find(|path| names(line, path))?)))
        .collect()
}

/// Whether the line holds the path itself and not a longer one, which only ends in it.
fn names(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| !(c.is_alphanumeric() || "._-~/$})>*".contains(c)))
    })
}

/// The number of lines, if the file is source and has too many.
pub(crate) fn too_long(file: &Path, text: &str) -> Option<usize> {
    let source = file.extension().is_some_and(|end| end == "rs" || end == "py");
    let lines = text.lines().count();
    (source && lines > LONG).then_some(lines)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{LONG, MACHINE_PATHS, machine_paths, too_long};

    #[test]
    fn machine_paths_are_found_and_look_alikes_are_not() {
        let [work, root] = [MACHINE_PATHS[0], MACHINE_PATHS[1]];
        let text =
            format!("fine\nsee {work}notes\n\"{root}.cargo\"\nhttps://host{work}x ./target{work}y");
        assert_eq!(machine_paths(&text), [(2, work), (3, root)]);
    }

    #[test]
    fn only_source_can_be_too_long() {
        let text = "line\n".repeat(LONG + 1);
        assert_eq!(too_long(Path::new("a.rs"), &text), Some(LONG + 1));
        assert_eq!(too_long(Path::new("a.lock"), &text), None);
        assert_eq!(too_long(Path::new("a.py"), "short"), None);
    }
}
