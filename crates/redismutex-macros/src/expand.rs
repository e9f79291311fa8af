//! What the function becomes: one call of the library, with the body handed to it.
//!
//! Knows the names of the library's two entries and of the mutex. Must not know how a lock is acquired or released.

use crate::body;
use crate::function::Function;
use crate::options::Options;
use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Path, Result};

/// The function with the lock around its body.
pub(crate) fn expand(options: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let function: Function = syn::parse2(item)?;
    let options: Options = syn::parse2(options)?;
    let body = guarded(&options, &function);
    let Function { attributes, visibility, signature, .. } = &function;
    Ok(quote!(#(#attributes)* #visibility #signature { #body }))
}

fn guarded(options: &Options, function: &Function) -> TokenStream {
    let library = library(options);
    let asynchronous = function.signature.asyncness.is_some();
    let prepared = prepared(options, &library, asynchronous);
    // Where the compiler points when what is returned is no `Result` or cannot hold the library's error.
    let here = Span::mixed_site().located_at(function.returned.span());
    let call = if asynchronous {
        let body = body::future(function);
        quote_spanned!(here=> #library::internal::guarded(&mutex, key, #body).await)
    } else {
        let body = body::closure(function);
        quote_spanned!(here=> #library::internal::guarded_blocking(&mutex, key, #body))
    };
    quote!(#prepared #call)
}

/// What is read from the arguments before the body takes them: a mutex and a key of our own.
fn prepared(options: &Options, library: &TokenStream, asynchronous: bool) -> TokenStream {
    let here = Span::mixed_site();
    let face = if asynchronous { quote!(#library) } else { quote!(#library::blocking) };
    let Options { mutex, key, settings, .. } = options;
    let key = key.owned();
    let methods = settings.iter().map(|(name, _)| format_ident!("with_{name}"));
    let values = settings.iter().map(|(_, value)| value);
    // Through the type's own `clone`, not a method call: references, `Arc`s and `LazyLock`s are seen through.
    quote_spanned! {here=>
        let mutex = <#face::RedisMutex as ::core::clone::Clone>::clone(&#mutex) #(.#methods(#values))*;
        let key = #key;
    }
}

fn library(options: &Options) -> TokenStream {
    let named: Option<&Path> = options.library.as_ref();
    named.map_or_else(|| quote!(::redismutex), |path| quote!(#path))
}
