//! The function's body, as something that can be handed to the library.
//!
//! Knows how the body of a function becomes that of an async block or of a closure without the
//! compiler knowing less of its type than before: `?` and coercions in it need that. Must not know
//! what the library does with it.

use crate::function::Function;
use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::parse::Parser;
use syn::visit_mut::{self, VisitMut};
use syn::{Block, Expr, ExprAsync, Stmt, Type, parse_quote};

/// `async move { … }`, out of which `return` and `?` lead to the library.
pub(crate) fn future(function: &Function) -> TokenStream {
    let returned = annotation(&function.returned);
    let body = &function.body;
    // Never run: tells what the block returns, for which there is no syntax.
    quote_spanned! {Span::mixed_site()=>
        async move {
            if let ::core::option::Option::Some(it) = ::core::option::Option::None::<#returned> {
                return it;
            }
            #body
        }
    }
}

/// `move || -> … { … }`, likewise.
pub(crate) fn closure(function: &Function) -> TokenStream {
    let returned = annotation(&function.returned);
    let body = &function.body;
    quote_spanned!(Span::mixed_site()=> move || -> #returned { #body })
}

/// The async block of a function whose body is `Box::pin(async move { … })` and nothing else: an
/// async method made usable as `dyn`, mostly by an attribute on its trait.
pub(crate) fn boxed(function: &Function) -> Option<ExprAsync> {
    let statements = Block::parse_within.parse2(function.body.clone()).ok()?;
    // Alone, as a `return` before it would lead past the lock.
    let [Stmt::Expr(Expr::Call(call), None)] = <[Stmt; 1]>::try_from(statements).ok()? else {
        return None;
    };
    let Expr::Path(called) = *call.func else { return None };
    let called = called.path.segments.into_iter().map(|segment| segment.ident);
    if !called.rev().take(2).eq(["pin", "Box"]) {
        return None;
    }
    match call.args.into_iter().next() {
        Some(Expr::Async(block)) => Some(block),
        _ => None,
    }
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
