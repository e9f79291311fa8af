//! What the compiler says where `#[with_redismutex]` cannot be used like that.
//!
//! Few files with many mistakes each, as each file is compiled by itself. The compiler stops at
//! the first stage that finds mistakes, so those of one file belong to one stage. After a change
//! of the wording: `TRYBUILD=overwrite cargo test -p redismutex --test macro_errors`.

#![cfg(all(feature = "macros", feature = "blocking", feature = "tokio"))]

use std::process::Command;

/// The compiler whose words are in `ui/compiler`. Another one may choose others.
const COMPILER: &str = "rustc 1.95.";

#[test]
fn mistakes_are_explained_where_they_stand() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
    if compiler().starts_with(COMPILER) {
        cases.compile_fail("tests/ui/compiler/*.rs");
    } else {
        eprintln!("tests/ui/compiler is left out: its words are those of {COMPILER}x");
    }
}

fn compiler() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = Command::new(rustc).arg("--version").output().expect("the compiler starts");
    String::from_utf8_lossy(&said.stdout).into_owned()
}
