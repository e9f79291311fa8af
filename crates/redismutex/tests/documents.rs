//! What the documents name exists.

#![allow(clippy::unwrap_used, reason = "a test ends where something is missing")]

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn sources(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() && name != "target" {
            sources(&path, into);
        } else if path.extension().is_some_and(|kind| kind == "rs" || kind == "py") {
            into.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

/// Words in backticks that look like the name of a test: several words joined by underscores.
fn named(document: &str) -> impl Iterator<Item = &str> {
    let quoted = document.split('`').skip(1).step_by(2);
    quoted.filter(|word| {
        word.matches('_').count() >= 2
            && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    })
}

#[test]
fn documents_name_tests_that_exist() {
    let mut code = String::new();
    sources(&root().join("crates"), &mut code);
    sources(&root().join("python"), &mut code);
    for page in ["docs/guarantees.md", "docs/reliability.md"] {
        let Ok(document) = fs::read_to_string(root().join(page)) else { continue };
        let missing: Vec<_> = named(&document)
            .filter(|name| {
                !code.contains(&format!("fn {name}(")) && !code.contains(&format!("def {name}("))
            })
            .collect();
        assert!(missing.is_empty(), "{page} names tests that do not exist: {missing:?}");
    }
}
