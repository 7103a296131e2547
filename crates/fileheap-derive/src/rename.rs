//! The same type elsewhere: its lifetime and its parameters replaced.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::visit_mut::{self, VisitMut};
use syn::{DeriveInput, Generics, Ident, Lifetime, Type, parse_quote};

/// `ty` with `Self` spelt out, to be named outside of an implementation.
pub fn spelt_out(ty: &Type, input: &DeriveInput) -> Type {
    struct Speller<'a>(&'a DeriveInput);
    impl VisitMut for Speller<'_> {
        fn visit_type_mut(&mut self, ty: &mut Type) {
            if matches!(ty, Type::Path(path) if path.path.is_ident("Self")) {
                let (ident, arguments) = (&self.0.ident, own(&self.0.generics));
                *ty = parse_quote!(#ident #arguments);
            } else {
                visit_mut::visit_type_mut(self, ty);
            }
        }
    }
    let mut ty = ty.clone();
    Speller(input).visit_type_mut(&mut ty);
    ty
}

/// `ty` with the lifetime of `generics` as `to`, and each type parameter `T` as `T::At<to>`.
pub fn at(ty: &Type, generics: &Generics, krate: &TokenStream, to: &Lifetime) -> Type {
    let params = generics.type_params().map(|param| param.ident.clone()).collect();
    let mut renamer = Renamer { params, krate, to };
    let mut ty = ty.clone();
    renamer.visit_type_mut(&mut ty);
    ty
}

struct Renamer<'a> {
    params: Vec<Ident>,
    krate: &'a TokenStream,
    to: &'a Lifetime,
}

impl VisitMut for Renamer<'_> {
    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        *lifetime = self.to.clone();
    }

    fn visit_type_mut(&mut self, ty: &mut Type) {
        if let Type::Path(path) = ty {
            let param = path.path.get_ident().filter(|ident| self.params.contains(ident));
            if let (None, Some(param)) = (&path.qself, param) {
                let (krate, to) = (self.krate, self.to);
                *ty = parse_quote!(<#param as #krate::Persist>::At<#to>);
                return;
            }
        }
        visit_mut::visit_type_mut(self, ty);
    }
}

/// A constant's name where a type of that name would be taken first.
fn constant(ident: &Ident) -> TokenStream {
    quote!({ #ident })
}

fn all(
    generics: &Generics,
    lifetime: impl Fn(&Lifetime) -> TokenStream,
    parameter: impl Fn(&Ident) -> TokenStream,
) -> TokenStream {
    let arguments = generics.params.iter().map(|param| match param {
        syn::GenericParam::Lifetime(param) => lifetime(&param.lifetime),
        syn::GenericParam::Type(param) => parameter(&param.ident),
        syn::GenericParam::Const(param) => constant(&param.ident),
    });
    quote!(<#(#arguments),*>)
}

/// The arguments of the type itself: `<'h, T, { N }>`.
pub fn own(generics: &Generics) -> TokenStream {
    all(generics, Lifetime::to_token_stream, Ident::to_token_stream)
}

/// The same at another lifetime, its parameters as they are: `<'x, T, { N }>`.
pub fn lifetimes(generics: &Generics, to: &Lifetime) -> TokenStream {
    all(generics, |_| quote!(#to), Ident::to_token_stream)
}

/// The arguments of the type itself at another lifetime: `<'x, T::At<'x>, { N }>`.
pub fn arguments(generics: &Generics, krate: &TokenStream, to: &Lifetime) -> TokenStream {
    all(generics, |_| quote!(#to), |ident| quote!(<#ident as #krate::Persist>::At<#to>))
}
