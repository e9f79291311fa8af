//! The function's body, as something that can be handed to the library.
//!
//! Knows how to make a body of a function the body of an async block or of a closure without the compiler knowing
//! less of its type than before: `?` and coercions in it need that.

use crate::function::Function;
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::visit_mut::{self, VisitMut};
use syn::{Type, parse_quote};

/// `async move { … }`, out of which `return` and `?` lead to the library.
pub(crate) fn future(function: &Function) -> TokenStream {
    let returned = annotation(&function.returned);
    let block = block(function);
    // Never run: tells what the block returns, for which there is no syntax.
    quote_spanned! {Span::mixed_site()=>
        async move {
            if let ::core::option::Option::Some(returned) = ::core::option::Option::None::<#returned> {
                return returned;
            }
            #block
        }
    }
}

/// `move || -> … { … }`, likewise.
pub(crate) fn closure(function: &Function) -> TokenStream {
    let returned = annotation(&function.returned);
    let block = block(function);
    quote_spanned!(Span::mixed_site()=> move || -> #returned #block)
}

fn block(function: &Function) -> TokenStream {
    let mut block = TokenStream::new();
    function.braces.surround(&mut block, |inside| function.body.to_tokens(inside));
    block
}

/// The returned type as it may be written inside a function, where `impl Trait` may not.
fn annotation(returned: &Type) -> Type {
    struct Unnamed;
    impl VisitMut for Unnamed {
        fn visit_type_mut(&mut self, found: &mut Type) {
            match found {
                Type::ImplTrait(_) => *found = parse_quote!(_),
                _ => visit_mut::visit_type_mut(self, found),
            }
        }
    }
    let mut returned = returned.clone();
    Unnamed.visit_type_mut(&mut returned);
    returned
}
