//! The function that the attribute stands on.
//!
//! Knows which functions can run under a lock, and says of the others why not. Must not know what
//! they become.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{AttrStyle, Attribute, Error, Result, ReturnType, Signature, Token, Type, Visibility};

const RESULT: &str = "it must return `Result<_, E>` with `E: From<redismutex::Error>`: the lock \
     may not be had, or be lost";

const RESULT_NOT_FUTURE: &str = "it must return `Result<_, E>` with `E: From<redismutex::Error>`; \
     if this is a future of one, write an `async fn`: the lock would be given back before it runs";

const EXTERN: &str = "an `extern` function cannot run under a lock, as its caller would not know a \
     `Result`: put the attribute on a function that it calls";

/// A function with a body.
pub(crate) struct Function {
    /// Those before it, and those that stood at the beginning of its body.
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    pub(crate) returned: Type,
    /// What stands between the braces. Not parsed: it may be newer than our parser.
    pub(crate) body: TokenStream,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let signature = parse_signature(input)?;
        if input.peek(Token![;]) {
            return Err(Error::new(
                signature.span(),
                "only a function with a body can run under a lock",
            ));
        }
        let returned = checked(&signature)?;
        let content;
        syn::braced!(content in input);
        attributes.extend(content.call(Attribute::parse_inner)?.into_iter().map(outer));
        let body = content.parse()?;
        Ok(Self { attributes, visibility, signature, returned, body })
    }
}

fn parse_signature(input: ParseStream<'_>) -> Result<Signature> {
    let here = input.span();
    input
        .parse()
        .map_err(|_| Error::new(here, "`#[with_redismutex]` goes on a function or a method"))
}

/// What stood inside the body means the same in front of the function.
fn outer(attribute: Attribute) -> Attribute {
    Attribute { style: AttrStyle::Outer, ..attribute }
}

/// The type that it returns, if it is a function that can run under a lock.
fn checked(signature: &Signature) -> Result<Type> {
    if let Some(constness) = &signature.constness {
        return refuse(constness, "a `const fn` cannot run under a lock: that takes I/O");
    }
    if let Some(abi) = &signature.abi {
        return refuse(abi, EXTERN);
    }
    match &signature.output {
        ReturnType::Type(_, returned) if matches!(**returned, Type::ImplTrait(_)) => {
            refuse(returned, RESULT_NOT_FUTURE)
        }
        ReturnType::Default => refuse(signature, RESULT),
        ReturnType::Type(_, returned) if is_no_result(returned) => refuse(returned, RESULT),
        ReturnType::Type(_, returned) => Ok((**returned).clone()),
    }
}

/// Whether it cannot be a `Result`, whatever the names in it stand for. Of the others the compiler
/// will say whether they are.
fn is_no_result(returned: &Type) -> bool {
    !matches!(returned, Type::Path(_) | Type::Macro(_) | Type::Paren(_) | Type::Group(_))
}

fn refuse<T>(place: &impl ToTokens, why: &str) -> Result<T> {
    Err(Error::new_spanned(place, why))
}
