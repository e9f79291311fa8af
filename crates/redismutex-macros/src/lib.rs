//! The attribute macro of `redismutex`, which re-exports it: depend on that crate, not on this one.
//!
//! It knows the syntax of functions and of its own options. It must not know anything of locks: what it makes of a
//! function is one call of the library, and everything that can go wrong is decided there.

mod body;
mod expand;
mod function;
mod key;
mod options;

use proc_macro::TokenStream;

/// Runs a function under the lock.
#[proc_macro_attribute]
pub fn with_redismutex(options: TokenStream, item: TokenStream) -> TokenStream {
    let item = proc_macro2::TokenStream::from(item);
    match expand::expand(options.into(), item.clone()) {
        Ok(expanded) => expanded,
        // The function stays, so that the mistake is reported and not also each of its callers.
        Err(error) => [error.into_compile_error(), item].into_iter().collect(),
    }
    .into()
}
