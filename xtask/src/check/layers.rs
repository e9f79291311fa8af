//! Import direction: faces → drive → redis → rules, never up; and what the rules may not know.
//!
//! Knows the house plan of the library. Must not know how paths are found in a text.

use std::path::Path;

use super::paths::{Named, named};

/// The library's floors, lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Layer {
    Rules,
    Redis,
    Drive,
    Faces,
}

impl Layer {
    /// The floor of a module at the top of the crate.
    fn of(module: &str) -> Self {
        match module {
            "rules" => Self::Rules,
            "redis" => Self::Redis,
            "drive" => Self::Drive,
            _ => Self::Faces,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Rules => "rules",
            Self::Redis => "redis",
            Self::Drive => "drive",
            Self::Faces => "the faces",
        }
    }
}

/// What the rules must not name, and why.
const NOT_IN_RULES: &[(&str, &str)] = &[
    ("std::net", "the rules do no I/O"),
    ("std::thread", "the rules start no threads"),
    ("std::time::Instant", "the rules read no clock: time comes in as an argument"),
    ("std::time::SystemTime", "the rules read no clock: time comes in as an argument"),
    ("std::time::*", "the rules read no clock, and a glob would bring one in"),
    ("time::Instant", "the rules read no clock: time comes in as an argument"),
    ("time::SystemTime", "the rules read no clock: time comes in as an argument"),
    ("tokio", "the rules know no runtime"),
];

/// A rule that a line breaks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) line: usize,
    pub(crate) rule: String,
}

/// What a file of the library breaks; `file` is its path below `src/`.
pub(crate) fn broken(file: &Path, source: &str) -> Vec<Broken> {
    let module = module_of(file);
    let layer = Layer::of(module.first().map_or("", String::as_str));
    let paths = named(&module, source);
    // After `use crate::redis`, and in the crate's root, the bare word is our own module.
    let own_redis = module.is_empty() || paths.iter().any(brings_own_redis);
    let judge = |path: &Named| {
        let rule = upward(layer, path)
            .or_else(|| client_crate(layer, own_redis, path))
            .or_else(|| forbidden_in_rules(layer, path))?;
        Some(Broken { line: path.line, rule })
    };
    paths.iter().filter_map(judge).collect()
}

fn upward(layer: Layer, path: &Named) -> Option<String> {
    let named = path.segments.get(1).filter(|_| path.is_in("crate"))?;
    let target = Layer::of(named);
    let (from, to, path) = (layer.name(), target.name(), path.segments.join("::"));
    (target > layer).then(|| format!("`{path}`: imports only go down, not from {from} up to {to}"))
}

fn client_crate(layer: Layer, own_redis: bool, path: &Named) -> Option<String> {
    let is_client = path.is_in("redis") && (path.outside || !own_redis);
    let (allowed, path) = (layer == Layer::Redis, path.segments.join("::"));
    (is_client && !allowed).then(|| format!("`{path}`: only src/redis/ names the client crate"))
}

fn forbidden_in_rules(layer: Layer, path: &Named) -> Option<String> {
    let (_, why) = NOT_IN_RULES.iter().find(|(name, _)| path.is_in(name))?;
    (layer == Layer::Rules).then(|| format!("`{}`: {why}", path.segments.join("::")))
}

fn brings_own_redis(path: &Named) -> bool {
    path.is_in("crate::redis")
        && matches!(path.segments.get(2).map(String::as_str), None | Some("self"))
}

/// `rules/lease.rs` is `["rules", "lease"]`, `rules/mod.rs` is `["rules"]`, `lib.rs` is the root.
fn module_of(file: &Path) -> Vec<String> {
    let words = file.with_extension("");
    let mut module: Vec<_> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    if module.last().is_some_and(|last| last == "mod" || last == "lib") {
        module.pop();
    }
    module
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::broken;

    #[track_caller]
    fn fine(file: &str, source: &str) {
        assert_eq!(broken(Path::new(file), source), []);
    }

    #[track_caller]
    fn refused(file: &str, source: &str, sentence: &str) {
        let found = broken(Path::new(file), source);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].rule.contains(sentence), "{found:?}");
    }

    #[test]
    fn downwards_is_fine() {
        fine(
            "rules/lease.rs",
            "use std::time::Duration; use crate::rules::tally::{self, Vote}; use super::fence;",
        );
        fine(
            "redis/node.rs",
            "use ::redis::Value; use crate::rules::lease; fn f() -> redis::RedisResult<()>",
        );
        fine(
            "drive/watchdog.rs",
            "use crate::redis::Node; use crate::rules; use std::thread; use tokio::time;",
        );
        fine("drive/watchdog.rs", "use crate::redis; fn f(n: redis::Node) {}");
        fine("guard.rs", "use crate::drive::Claim; use crate::error::Error;");
        fine("lib.rs", "mod redis; pub use error::Error; fn f() { redis::connect() }");
    }

    #[test]
    fn upwards_is_not() {
        refused("rules/lease.rs", "use crate::redis::Node;", "not from rules up to redis");
        refused("redis/node.rs", "fn f() { crate::drive::go() }", "not from redis up to drive");
        refused(
            "drive/mod.rs",
            "use crate::{rules::lease, error::Error};",
            "not from drive up to the faces",
        );
        refused(
            "rules/protocol/keys.rs",
            "use super::super::super::drive;",
            "not from rules up to drive",
        );
    }

    #[test]
    fn the_client_crate_stays_in_its_place() {
        let sentence = "only src/redis/ names the client crate";
        refused("drive/mod.rs", "use redis::Client;", sentence);
        refused("guard.rs", "use crate::redis; use ::redis::Client;", sentence);
        refused("lib.rs", "pub use ::redis::Client;", sentence);
        refused("rules/tally.rs", "fn f(v: redis::Value) {}", sentence);
    }

    #[test]
    fn the_rules_know_no_world() {
        refused("rules/lease.rs", "use std::time::{Duration, Instant};", "read no clock");
        refused(
            "rules/lease.rs",
            "use std::time; fn f() { time::Instant::now() }",
            "read no clock",
        );
        refused("rules/lease.rs", "use std::time::*;", "glob");
        refused("rules/lease.rs", "fn f() { std::thread::sleep(d) }", "no threads");
        refused("rules/mod.rs", "use std::net::TcpStream;", "no I/O");
        refused("rules/mod.rs", "use tokio::sync;", "no runtime");
    }

    #[test]
    fn the_line_is_the_one_of_the_name() {
        let found =
            broken(Path::new("rules/lease.rs"), "\n\nuse std::{\n    net::TcpStream,\n};\n");
        assert_eq!(found[0].line, 4);
    }
}
