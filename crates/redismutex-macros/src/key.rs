//! The key: a literal, a format string over the function's arguments, or any expression.
//!
//! Knows the syntax of format strings as far as it goes beyond the compiler's: fields of arguments.
//! Whether an argument exists and can be displayed is the compiler's to say, so it must not know.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprLit, Ident, Lit, LitStr, Result};

const HALF_A_BRACE: &str = "a brace without its other half (a brace itself is written twice)";

const NOT_PLAIN: &str = "is neither an argument nor a field of one; for anything more give an \
     expression, `key = format!(…)` (a brace itself is written twice)";

/// What `key = …` says.
pub(crate) enum Key {
    /// A string literal without anything in braces.
    Static(LitStr),
    /// A format string, with the fields that it names.
    Format(LitStr, Vec<Expr>),
    /// Anything else: bytes as they are.
    Bytes(Expr),
}

impl Parse for Key {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut expression = input.parse()?;
        // A literal that came through a macro is a format string all the same.
        while let Expr::Group(group) = expression {
            expression = *group.expr;
        }
        match expression {
            Expr::Lit(ExprLit { lit: Lit::Str(text), attrs, .. }) if attrs.is_empty() => {
                Self::of_literal(text)
            }
            expression => Ok(Self::Bytes(expression)),
        }
    }
}

impl Key {
    fn of_literal(literal: LitStr) -> Result<Self> {
        let text = literal.value();
        if text.is_empty() {
            return Err(Error::new(literal.span(), "the key must not be empty"));
        }
        if !text.contains(['{', '}']) {
            return Ok(Self::Static(literal));
        }
        let mut rewritten = Rewritten::new(literal.span());
        rewritten.text(&text)?;
        if rewritten.fields.is_empty() {
            // The user's own token, so that the compiler can point into it.
            return Ok(Self::Format(literal, Vec::new()));
        }
        Ok(Self::Format(LitStr::new(&rewritten.format, literal.span()), rewritten.fields))
    }

    /// An expression that owns the key: the arguments it was made of may move afterwards.
    pub(crate) fn owned(&self) -> TokenStream {
        let here = Span::mixed_site();
        match self {
            Self::Static(literal) => quote_spanned!(here=> #literal),
            Self::Format(format, fields) => {
                let names = (0..fields.len()).map(field_name);
                quote_spanned!(here=> ::std::format!(#format #(, #names = #fields)*))
            }
            Self::Bytes(expression) => quote_spanned! {here.located_at(expression.span())=>
                <[::core::primitive::u8]>::to_vec(
                    ::core::convert::AsRef::<[::core::primitive::u8]>::as_ref(&#expression)
                )
            },
        }
    }
}

/// A name that no argument has: format strings know nothing of hygiene.
fn field_name(index: usize) -> Ident {
    format_ident!("redismutex_field_{index}")
}

/// A format string in which each field of an argument, `{self.id}`, has become a named argument.
struct Rewritten {
    format: String,
    fields: Vec<Expr>,
    span: Span,
}

impl Rewritten {
    fn new(span: Span) -> Self {
        Self { format: String::new(), fields: Vec::new(), span }
    }

    fn text(&mut self, text: &str) -> Result<()> {
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (plain, braced) = rest.split_at(at);
            self.format.push_str(plain);
            rest = self.brace(braced)?;
        }
        self.format.push_str(rest);
        Ok(())
    }

    /// Takes what begins with a brace; returns what follows it.
    fn brace<'a>(&mut self, braced: &'a str) -> Result<&'a str> {
        for doubled in ["{{", "}}"] {
            if let Some(rest) = braced.strip_prefix(doubled) {
                self.format.push_str(doubled);
                return Ok(rest);
            }
        }
        let inside = braced.strip_prefix('{').and_then(|inside| inside.split_once('}'));
        let Some((argument, rest)) = inside else {
            return Err(self.refused(HALF_A_BRACE));
        };
        self.argument(argument)?;
        Ok(rest)
    }

    /// `name`, `name.field`, each perhaps with `:` and how to show it.
    fn argument(&mut self, argument: &str) -> Result<()> {
        let (value, how) = argument.split_at(argument.find(':').unwrap_or(argument.len()));
        let value = value.trim();
        if value.is_empty() || value.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(self.refused("say which argument: `{user_id}`"));
        }
        let name = match LitStr::new(value, self.span).parse().ok().filter(is_plain) {
            Some(Expr::Path(_)) => value.to_owned(),
            Some(field) => {
                self.fields.push(field);
                field_name(self.fields.len() - 1).to_string()
            }
            None => return Err(self.refused(&format!("`{value}` {NOT_PLAIN}"))),
        };
        self.format.extend(["{", &name, how, "}"]);
        Ok(())
    }

    fn refused(&self, why: &str) -> Error {
        Error::new(self.span, format!("the key is a format string: {why}"))
    }
}

/// `a`, `a.b`, `a.b.0`: what reads a value and does nothing else.
fn is_plain(expression: &Expr) -> bool {
    match expression {
        Expr::Path(path) => path.path.get_ident().is_some(),
        Expr::Field(field) => is_plain(&field.base),
        _ => false,
    }
}
