//! The key: a literal, a format string over the function's arguments, or any expression.
//!
//! Knows the syntax of format strings as far as it goes beyond the compiler's: fields of arguments. Whether an
//! argument exists and can be displayed is the compiler's to say.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::{Error, Expr, ExprLit, Lit, LitStr, Member, Result};

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
        match input.parse()? {
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
            Self::Bytes(expression) => quote_spanned! {here=>
                <[::core::primitive::u8]>::to_vec(
                    ::core::convert::AsRef::<[::core::primitive::u8]>::as_ref(&#expression)
                )
            },
        }
    }
}

fn field_name(index: usize) -> syn::Ident {
    format_ident!("field_{index}", span = Span::mixed_site())
}

/// A format string in which each field of an argument, `{self.id}`, has become a named argument of its own.
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
            return Err(self.refused(
                "a brace without its other half (a brace itself is written twice, `{{` or `}}`)",
            ));
        };
        self.argument(argument)?;
        Ok(rest)
    }

    /// `name`, `name.field`, each perhaps with `:` and how to show it.
    fn argument(&mut self, argument: &str) -> Result<()> {
        let (value, how) = match argument.split_once(':') {
            Some((value, how)) => (value.trim(), format!(":{how}")),
            None => (argument.trim(), String::new()),
        };
        if value.is_empty() || value.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(self.refused("say which argument: `{user_id}`"));
        }
        let expression: Expr = LitStr::new(value, self.span)
            .parse()
            .ok()
            .filter(is_plain)
            .ok_or_else(|| self.refused(&format!(
                "`{value}` is neither an argument nor a field of one; for anything more give an expression, \
                 `key = format!(…)`, and for a brace itself write it twice"
            )))?;
        if matches!(expression, Expr::Path(_)) {
            self.format.push_str(&format!("{{{value}{how}}}"));
        } else {
            self.format.push_str(&format!("{{{}{how}}}", field_name(self.fields.len())));
            self.fields.push(expression);
        }
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
        Expr::Field(field) => {
            matches!(field.member, Member::Named(_) | Member::Unnamed(_)) && is_plain(&field.base)
        }
        _ => false,
    }
}
