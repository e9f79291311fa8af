//! What stands in the parentheses: the mutex, then options by name.
//!
//! Knows which options there are, and refuses what is missing, doubled or unknown. Must not know
//! what they become.

use crate::key::Key;
use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Expr, Ident, Path, Result, Token};

/// The settings that can be changed for one function, in the order in which people are told of
/// them. Each is a method `with_…` of the mutex.
const SETTINGS: [&str; 6] = ["block_time", "delay", "expiry", "renew", "max_hold", "label"];

const MUTEX_FIRST: &str = "the mutex comes first: `#[with_redismutex(mutex, key = \"…\")]`, where \
     `mutex` is any expression in scope inside the function, such as an argument or `self.mutex`";

const WHICH_LOCK: &str = "the option `key` is missing: which lock? `key = \"report\"`, or with the \
     function's arguments `key = \"user:{user_id}\"`";

/// The options, checked.
pub(crate) struct Options {
    pub(crate) mutex: Expr,
    pub(crate) key: Key,
    /// Only those that were given, in the order in which they were written.
    pub(crate) settings: Vec<(Ident, Expr)>,
    /// Where the library is, if it was renamed.
    pub(crate) library: Option<Path>,
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if input.is_empty() || is_option(input) {
            return Err(Error::new(input.span(), MUTEX_FIRST));
        }
        let mutex = input.parse()?;
        let mut named = Named::default();
        while !input.is_empty() {
            input.parse::<Token![,]>()?;
            if input.is_empty() {
                break;
            }
            named.take_one(input)?;
        }
        named.finish(mutex)
    }
}

/// Whether `name =` comes next, as opposed to an expression.
fn is_option(input: ParseStream<'_>) -> bool {
    input.peek(Ident::peek_any) && input.peek2(Token![=]) && !input.peek2(Token![==])
}

/// The options by name that were seen so far.
#[derive(Default)]
struct Named {
    key: Option<Key>,
    settings: Vec<(Ident, Expr)>,
    library: Option<Path>,
}

impl Named {
    fn take_one(&mut self, input: ParseStream<'_>) -> Result<()> {
        if !is_option(input) {
            let message = format!("expected an option, `name = value`: {}", listed());
            return Err(Error::new(input.span(), message));
        }
        let name = input.call(Ident::parse_any)?;
        input.parse::<Token![=]>()?;
        self.refuse_doubled(&name)?;
        match name.to_string().as_str() {
            "key" => self.key = Some(input.parse()?),
            "crate" => self.library = Some(input.call(Path::parse_mod_style)?),
            setting if SETTINGS.contains(&setting) => self.settings.push((name, input.parse()?)),
            unknown => return Err(unknown_option(name.span(), unknown)),
        }
        Ok(())
    }

    fn refuse_doubled(&self, name: &Ident) -> Result<()> {
        let doubled = (name == "key" && self.key.is_some())
            || (name == "crate" && self.library.is_some())
            || self.settings.iter().any(|(seen, _)| seen == name);
        if doubled {
            return Err(Error::new(name.span(), format!("the option `{name}` is given twice")));
        }
        Ok(())
    }

    fn finish(self, mutex: Expr) -> Result<Options> {
        let key = self.key.ok_or_else(|| Error::new(Span::call_site(), WHICH_LOCK))?;
        Ok(Options { mutex, key, settings: self.settings, library: self.library })
    }
}

fn unknown_option(span: Span, unknown: &str) -> Error {
    Error::new(span, format!("there is no option `{unknown}`: {}", listed()))
}

fn listed() -> String {
    let settings = SETTINGS.map(|name| format!("`{name}`")).join(", ");
    format!("there are `key`, {settings} and `crate`")
}
