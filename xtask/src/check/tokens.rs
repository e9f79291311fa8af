//! Rust source as words: what is left when comments, literals and white space are gone.
//!
//! Knows just enough of the language not to be fooled by a path in a comment or a string. Must not know
//! what is looked for.

/// A word (`crate`, `Duration`), `::`, or one sign, and the line that it stands on, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

impl Token {
    pub(crate) fn is_word(&self) -> bool {
        self.text.starts_with(is_word)
    }
}

/// The tokens of a source text.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let mut lexer = Lexer { rest: source, line: 1, found: Vec::new() };
    while !lexer.rest.is_empty() {
        lexer.step();
    }
    lexer.found
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
    found: Vec<Token>,
}

impl Lexer<'_> {
    fn step(&mut self) {
        let rest = self.rest;
        let length = rest.chars().next().map_or(0, char::len_utf8);
        if rest.starts_with("//") {
            self.skip(rest.find('\n').unwrap_or(rest.len()));
        } else if rest.starts_with("/*") {
            self.skip(block_comment(rest));
        } else if let Some(length) = string(rest).or_else(|| character(rest)) {
            self.skip(length);
        } else if rest.starts_with(is_word) {
            self.take(rest.find(|c| !is_word(c)).unwrap_or(rest.len()));
        } else if rest.starts_with("::") {
            self.take(2);
        } else if rest.starts_with(char::is_whitespace) {
            self.skip(length);
        } else {
            self.take(length);
        }
    }

    fn take(&mut self, length: usize) {
        let text = self.rest[..length].to_owned();
        self.found.push(Token { text, line: self.line });
        self.skip(length);
    }

    fn skip(&mut self, length: usize) {
        let (passed, rest) = self.rest.split_at(length);
        self.line += passed.matches('\n').count();
        self.rest = rest;
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length of a block comment; they nest.
fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while let Some(next) = text[at..].find(['/', '*']) {
        at += next;
        if text[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if text[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

/// The length of a string literal of any kind, if one starts here.
fn string(text: &str) -> Option<usize> {
    let prefix = text.len() - text.trim_start_matches(['b', 'c']).len();
    let body = text.get(prefix.min(1)..)?;
    if let Some(raw) = body.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let open = raw[hashes..].strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        let length = open.find(&end).map_or(open.len(), |at| at + end.len());
        return Some(text.len() - open.len() + length);
    }
    let open = body.strip_prefix('"')?;
    Some(text.len() - open.len() + quoted(open, '"'))
}

/// The length of a character literal, if one starts here and not a lifetime.
fn character(text: &str) -> Option<usize> {
    let open = text.strip_prefix('\'')?;
    let mut chars = open.chars();
    let first = chars.next()?;
    (first == '\\' || chars.next() == Some('\'')).then(|| 1 + quoted(open, '\''))
}

/// The length up to and with the closing quote.
fn quoted(open: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in open.char_indices() {
        if c == quote && !escaped {
            return at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    open.len()
}

#[cfg(test)]
mod tests {
    use super::tokens;

    fn words(source: &str) -> String {
        tokens(source).iter().map(|t| t.text.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_and_literals_are_not_code() {
        assert_eq!(words("a // crate::x\n/* b /* c */ d */ e"), "a e");
        assert_eq!(
            words(r##"f("a::\"b", r#"c::"d"#, b"x", '"', '\'', b'q')"##),
            "f ( , , , , , b )"
        );
        assert_eq!(words("fn f<'a>(x: &'a str)"), "fn f < ' a > ( x : & ' a str )");
        assert_eq!(words("break_r0(boxed, crab)"), "break_r0 ( boxed , crab )");
    }

    #[test]
    fn lines_are_counted_through_everything() {
        let found = tokens("\"two\nlines\"\n/*\n*/ here::now");
        assert_eq!((found[0].text.as_str(), found[0].line), ("here", 4));
        assert_eq!(found[1].text, "::");
    }
}
