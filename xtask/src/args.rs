//! Command-line words and options, by hand: a parser crate would double the build time of `xtask`.
//!
//! Knows `--name value`, `--name=value` and flags. Must not know any command.

use std::str::FromStr;

use crate::run::Result;

/// The words of the command line that nobody has taken yet.
pub(crate) struct Args(Vec<String>);

impl Args {
    pub(crate) fn from_env() -> Self {
        Self(std::env::args().skip(1).collect())
    }

    /// The first word, if any is left.
    pub(crate) fn word(&mut self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.0.remove(0))
    }

    /// Whether `--name` was given.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|word| word != name);
        self.0.len() != before
    }

    /// The value of `--name value` or `--name=value`.
    pub(crate) fn option<T: FromStr>(&mut self, name: &str) -> Result<Option<T>> {
        let Some(text) = self.take(name)? else {
            return Ok(None);
        };
        match text.parse() {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(format!("{name}: `{text}` is not a value it can take")),
        }
    }

    /// Nothing may be left over: a misspelt option that is ignored is worse than an error.
    pub(crate) fn end(self) -> Result {
        match self.0.first() {
            None => Ok(()),
            Some(word) => Err(format!("`{word}` is not understood (cargo xtask help)")),
        }
    }

    fn take(&mut self, name: &str) -> Result<Option<String>> {
        let inline = format!("{name}=");
        let Some(at) = self.0.iter().position(|w| w == name || w.starts_with(&inline)) else {
            return Ok(None);
        };
        let word = self.0.remove(at);
        if let Some(value) = word.strip_prefix(&inline) {
            return Ok(Some(value.to_owned()));
        }
        if at < self.0.len() {
            return Ok(Some(self.0.remove(at)));
        }
        Err(format!("{name} needs a value"))
    }
}

#[cfg(test)]
mod tests {
    use super::Args;

    fn args(line: &str) -> Args {
        Args(line.split_whitespace().map(str::to_owned).collect())
    }

    #[test]
    fn options_and_flags_are_taken_in_any_order() {
        let mut args = args("--seconds 3 --quick --url=redis://h:1/2");
        assert!(args.flag("--quick"));
        assert_eq!(args.option::<String>("--url"), Ok(Some("redis://h:1/2".to_owned())));
        assert_eq!(args.option::<u64>("--seconds"), Ok(Some(3)));
        assert_eq!(args.end(), Ok(()));
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert!(args("--seconds").option::<u64>("--seconds").is_err());
        assert!(args("--seconds many").option::<u64>("--seconds").is_err());
        assert!(args("--secnods 3").end().is_err());
    }
}
