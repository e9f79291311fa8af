//! What the function becomes: one call of the library, with the body handed to it.
//!
//! Knows the names of the library's two entries and of the mutex. Must not know how a lock is
//! acquired or released.

use crate::body;
use crate::function::Function;
use crate::options::Options;
use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::Result;
use syn::spanned::Spanned;

/// The function with the lock around its body.
pub(crate) fn expand(options: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let function: Function = syn::parse2(item)?;
    let options: Options = syn::parse2(options)?;
    let body = guarded(&options, &function);
    let Function { attributes, visibility, signature, .. } = &function;
    Ok(quote!(#(#attributes)* #visibility #signature { #body }))
}

fn guarded(options: &Options, function: &Function) -> TokenStream {
    let boxed = if is_async(function) { None } else { body::boxed(function) };
    let blocking = !is_async(function) && boxed.is_none();
    let prepared = prepared(options, blocking);
    // Where the compiler points when what is returned is no `Result` or cannot hold our error.
    let here = Span::mixed_site().located_at(function.returned.span());
    let library = library(options, here);
    let call = if let Some(body) = boxed {
        quote_spanned! {here=>
            ::std::boxed::Box::pin(async move {
                #library::internal::guarded(&mutex, key, #body).await
            })
        }
    } else if blocking {
        let body = body::closure(function);
        quote_spanned!(here=> #library::internal::guarded_blocking(&mutex, key, #body))
    } else {
        let body = body::future(function);
        quote_spanned!(here=> #library::internal::guarded(&mutex, key, #body).await)
    };
    quote!(#prepared #call)
}

fn is_async(function: &Function) -> bool {
    function.signature.asyncness.is_some()
}

/// What is read from the arguments before the body takes them: a mutex and a key of our own.
fn prepared(options: &Options, blocking: bool) -> TokenStream {
    let here = Span::mixed_site();
    let library = library(options, here);
    let face = if blocking { quote!(#library::blocking) } else { library };
    let Options { mutex, key, settings, .. } = options;
    let key = key.owned();
    // By its type, not by a method call: references, `Arc`s and `LazyLock`s are seen through.
    let borrowed = quote_spanned!(here.located_at(mutex.span())=> &#mutex);
    let settings = settings.iter().map(|(name, value)| {
        let method = format_ident!("with_{name}");
        quote_spanned!(here.located_at(value.span())=> .#method(#value))
    });
    quote_spanned! {here=>
        let mutex = {
            let mutex: &#face::RedisMutex = #borrowed;
            ::core::clone::Clone::clone(mutex) #(#settings)*
        };
        let key = #key;
    }
}

fn library(options: &Options, here: Span) -> TokenStream {
    match &options.library {
        Some(path) => quote!(#path),
        None => quote_spanned!(here=> ::redismutex),
    }
}
