//! Every path that a source file names, spelt out from the crate's root.
//!
//! Knows `use` groups, `self`, `super` and modules within a file. Must not know which paths are wanted.

use super::tokens::{Token, tokens};

/// A path such as `crate::rules::lease`, or `std::time::Instant`, and its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// From the root: the first is `crate`, or a crate's name, or a name that the file brought into scope.
    pub(crate) segments: Vec<String>,
    /// Written with `::` in front, so that nothing in scope can stand in for the crate's name.
    pub(crate) outside: bool,
    pub(crate) line: usize,
}

impl Named {
    /// Whether the path is this one or leads through it.
    pub(crate) fn is_in(&self, path: &str) -> bool {
        let mut segments = self.segments.iter();
        path.split("::").all(|wanted| segments.next().is_some_and(|segment| segment == wanted))
    }
}

/// The paths named in the file of this module (`["rules", "lease"]`).
pub(crate) fn named(module: &[String], source: &str) -> Vec<Named> {
    let mut reader = Reader {
        tokens: tokens(source),
        module: module.to_vec(),
        braces: Vec::new(),
        found: Vec::new(),
    };
    let mut at = 0;
    while at < reader.tokens.len() {
        at = reader.step(at);
    }
    reader.found
}

struct Reader {
    tokens: Vec<Token>,
    /// The module that the current token is in.
    module: Vec<String>,
    /// The open braces; true for those that opened a module.
    braces: Vec<bool>,
    found: Vec<Named>,
}

impl Reader {
    /// Looks at one token and returns the place of the next.
    fn step(&mut self, at: usize) -> usize {
        match self.text(at) {
            "{" => self.braces.push(false),
            "}" => self.close(),
            "mod" if self.text(at + 2) == "{" => {
                self.module.push(self.text(at + 1).to_owned());
                self.braces.push(true);
                return at + 3;
            }
            "use" => return self.tree(at + 1, &[], false),
            "extern" if self.text(at + 1) == "crate" => return self.tree(at + 2, &[], true),
            _ if self.starts_path(at) => return self.path(at),
            _ => {}
        }
        at + 1
    }

    fn close(&mut self) {
        if self.braces.pop() == Some(true) {
            self.module.pop();
        }
    }

    /// A word or `::` with more path behind it. Words behind a dot are methods, those behind `>` are of a type.
    fn starts_path(&self, at: usize) -> bool {
        let leading = self.text(at) == "::" && self.word(at + 1);
        let inner = at > 0 && (self.text(at - 1) == "." || self.text(at - 1) == "::");
        let behind_type = at > 0 && (self.text(at - 1) == ">" || self.word(at - 1));
        (leading && !behind_type) || (self.word(at) && self.text(at + 1) == "::" && !inner)
    }

    /// A path within the code.
    fn path(&mut self, mut at: usize) -> usize {
        let line = self.tokens[at].line;
        let outside = self.text(at) == "::";
        let mut segments = Vec::new();
        at += usize::from(outside);
        while self.word(at) {
            segments.push(self.text(at).to_owned());
            at += 1;
            if self.text(at) != "::" {
                break;
            }
            at += 1;
        }
        self.add(segments, outside, line);
        at
    }

    /// What follows `use`: a path, at whose end there may be a group of such paths.
    fn tree(&mut self, mut at: usize, prefix: &[String], mut outside: bool) -> usize {
        let mut segments = prefix.to_vec();
        if self.text(at) == "::" {
            outside = true;
            at += 1;
        }
        loop {
            if self.text(at) == "{" {
                return self.group(at + 1, &segments, outside);
            }
            if !self.word(at) && self.text(at) != "*" {
                return at;
            }
            segments.push(self.text(at).to_owned());
            if self.text(at + 1) != "::" {
                break;
            }
            at += 2;
        }
        let line = self.tokens[at].line;
        self.add(segments, outside, line);
        if self.text(at + 1) == "as" { at + 3 } else { at + 1 }
    }

    fn group(&mut self, mut at: usize, prefix: &[String], outside: bool) -> usize {
        while at < self.tokens.len() && self.text(at) != "}" {
            // Always ahead, also in a text that is no Rust.
            at = if self.text(at) == "," {
                at + 1
            } else {
                self.tree(at, prefix, outside).max(at + 1)
            };
        }
        at + 1
    }

    fn add(&mut self, segments: Vec<String>, outside: bool, line: usize) {
        let segments = if outside { segments } else { self.spelt_out(segments) };
        self.found.push(Named { segments, outside, line });
    }

    /// Spells out a leading `self` and `super`s.
    fn spelt_out(&self, segments: Vec<String>) -> Vec<String> {
        let relative = segments.iter().take_while(|s| *s == "self" || *s == "super").count();
        if relative == 0 {
            return segments;
        }
        let up = segments[..relative].iter().filter(|s| *s == "super").count();
        let here = &self.module[..self.module.len().saturating_sub(up)];
        let root = ["crate".to_owned()];
        root.iter().chain(here).chain(&segments[relative..]).cloned().collect()
    }

    fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| &token.text)
    }

    fn word(&self, at: usize) -> bool {
        self.tokens.get(at).is_some_and(Token::is_word)
    }
}

#[cfg(test)]
mod tests {
    use super::named;

    fn paths(source: &str) -> Vec<String> {
        let module = ["rules".to_owned(), "lease".to_owned()];
        named(&module, source)
            .iter()
            .map(|n| format!("{}:{}", n.line, n.segments.join("::")))
            .collect()
    }

    #[test]
    fn groups_are_spelt_out_with_their_lines() {
        let source =
            "use crate::{\n  rules::{tally::Vote, self},\n  drive as d,\n};\nuse std::time::*;";
        let expected = [
            "2:crate::rules::tally::Vote",
            "2:crate::rules::self",
            "3:crate::drive",
            "5:std::time::*",
        ];
        assert_eq!(paths(source), expected);
    }

    #[test]
    fn relative_paths_are_resolved_also_in_inner_modules() {
        assert_eq!(paths("use super::tally;"), ["1:crate::rules::tally"]);
        assert_eq!(
            paths("mod t { use super::super::x; } use self::y;"),
            ["1:crate::rules::x", "1:crate::rules::lease::y"]
        );
        assert_eq!(paths("fn f() { super::super::drive::go() }"), ["1:crate::drive::go"]);
    }

    #[test]
    fn paths_in_code_are_found() {
        assert_eq!(
            paths("let x: Vec<redis::Value> = a.b::<u8>(::tokio::spawn());"),
            ["1:redis::Value", "1:tokio::spawn"]
        );
        assert_eq!(paths("pub(crate) fn f() {} // std::net"), Vec::<String>::new());
        assert_eq!(paths("extern crate redis;"), ["1:redis"]);
    }

    #[test]
    fn what_is_no_rust_comes_to_an_end() {
        for source in ["use", "use {", "use a::", "use {a::{;", "mod", "::", "use ;;{,}"] {
            let _ = paths(source);
        }
    }
}
