//! The implementation that the derive writes.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Field, Generics, Lifetime, Member, parse_quote};

use crate::attributes::{self, Said};
use crate::{refuse, rename};

/// The whole of it: an implementation, or errors and what stands in for one.
pub fn derive(input: &DeriveInput) -> TokenStream {
    let fields = fields(input);
    let mut faults = Vec::new();
    let said = attributes::read(input, &mut faults);
    match refuse::whole(input) {
        Err(fault) => faults.push(fault),
        Ok(()) => faults.extend(fields.iter().filter_map(|it| refuse::field(input, it).err())),
    }
    let errors = faults.into_iter().reduce(|mut all, next| {
        all.combine(next);
        all
    });
    match errors {
        None => implementation(input, &fields, &said),
        Some(errors) => {
            let (errors, stand_in) = (errors.to_compile_error(), stand_in(input, &said.krate));
            quote!(#errors #stand_in)
        }
    }
}

fn implementation(input: &DeriveInput, fields: &[&Field], said: &Said) -> TokenStream {
    let krate = &said.krate;
    let types = fields.iter().map(|field| {
        let ty = &field.ty;
        quote_spanned!(ty.span()=> && <#ty as #krate::Persist>::ANYWHERE)
    });
    let (name, lines) = (name(input, said), lines(input));
    let version = said.version;
    let inner = fields.iter().map(|field| {
        let ty = &field.ty;
        quote!(<#ty as #krate::Persist>::define(__book);)
    });
    let law = law(input, fields, krate);
    let members = quote! {
        const ANYWHERE: ::core::primitive::bool = true #(#types)*;

        fn name() -> ::std::string::String {
            #name
        }

        // Names that no type or constant in scope has.
        fn define(__book: &mut #krate::shape::Book) {
            if __book.knows::<Self>() {
                return;
            }
            __book.define::<Self>(#version, |__block| { #lines });
            #(#inner)*
        }
    };
    // Every field is Persist and stays what it is at another lifetime, which `law` lets the
    // compiler check; all of them are told.
    let persist = persist(input, krate, &members);
    quote!(#persist #law)
}

/// Beside an error that ends the compilation: whatever uses the type has nothing to add to it.
fn stand_in(input: &DeriveInput, krate: &TokenStream) -> TokenStream {
    let members = quote! {
        const ANYWHERE: ::core::primitive::bool = true;

        fn name() -> ::std::string::String {
            ::std::string::String::new()
        }

        fn define(_: &mut #krate::shape::Book) {}
    };
    persist(input, krate, &members)
}

/// `unsafe impl Persist for` the type, which is itself at every lifetime.
fn persist(input: &DeriveInput, krate: &TokenStream, members: &TokenStream) -> TokenStream {
    let ident = &input.ident;
    let mut generics = bounded(&input.generics, krate);
    let own_arguments = rename::own(&input.generics);
    let life = Lifetime::new("'__at", Span::call_site());
    let mut at = rename::arguments(&input.generics, krate, &life);
    if refuse::bounds(input).is_err() {
        // A stand-in: another lifetime's parameters would miss the bounds, one more error.
        generics.type_params_mut().for_each(|param| param.bounds.push(parse_quote!('static)));
        at = rename::lifetimes(&input.generics, &life);
    }
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    quote! {
        // SAFETY: `implementation` lets the compiler check it; beside an error nothing is ever run.
        #[automatically_derived]
        unsafe impl #impl_generics #krate::Persist for #ident #own_arguments #where_clause {
            type At<#life> = #ident #at;
            #members
        }
    }
}

fn fields(input: &DeriveInput) -> Vec<&Field> {
    match &input.data {
        Data::Struct(data) => data.fields.iter().collect(),
        Data::Enum(data) => data.variants.iter().flat_map(|variant| &variant.fields).collect(),
        Data::Union(_) => Vec::new(),
    }
}

/// Type parameters are Persist.
fn bounded(generics: &Generics, krate: &TokenStream) -> Generics {
    let mut bounded = generics.clone();
    for param in bounded.type_params_mut() {
        param.default = None;
        param.bounds.push(parse_quote!(#krate::Persist));
    }
    bounded
}

fn name(input: &DeriveInput, said: &Said) -> TokenStream {
    let (name, krate) = (&said.name, &said.krate);
    let mut parts = Vec::new();
    for param in &input.generics.params {
        match param {
            syn::GenericParam::Lifetime(_) => {}
            syn::GenericParam::Type(param) => {
                let ident = &param.ident;
                parts.push(quote!(<#ident as #krate::Persist>::name()));
            }
            syn::GenericParam::Const(param) => {
                let ident = &param.ident;
                // As in the source: a character may be a comma, or end a line.
                parts.push(quote!(::std::format!("{:?}", #ident)));
            }
        }
    }
    if parts.is_empty() {
        return quote!(::std::string::String::from(#name));
    }
    quote! {
        let __parts: &[::std::string::String] = &[#(#parts),*];
        ::std::format!("{}<{}>", #name, __parts.join(", "))
    }
}

/// What is written down of each field.
fn lines(input: &DeriveInput) -> TokenStream {
    match &input.data {
        Data::Struct(data) => {
            let lines = data.fields.members().zip(&data.fields).map(|(member, field)| {
                let (name, ty) = (member_name(&member), &field.ty);
                quote!(__block.field::<#ty>(#name, ::std::mem::offset_of!(Self, #member));)
            });
            quote!(#(#lines)*)
        }
        Data::Enum(data) => {
            let repr = attributes::fixed_layout(input);
            let repr = format!("represented as {}", repr.as_deref().unwrap_or("its numbers"));
            let lines = data.variants.iter().map(|variant| {
                let name = plain(&variant.ident);
                if variant.fields.is_empty() {
                    let ident = &variant.ident;
                    // Where no variant carries data the number is known here.
                    return match data.variants.iter().all(|variant| variant.fields.is_empty()) {
                        true => quote! {
                            let __number = Self::#ident as ::core::primitive::i128;
                            __block.fact(&::std::format!("{} = {}", #name, __number));
                        },
                        false => numbered(&name, variant),
                    };
                }
                let head = numbered(&name, variant);
                let parts = variant.fields.members().zip(&variant.fields).map(|(member, field)| {
                    let (part, ty) = (format!("{name}.{}", member_name(&member)), &field.ty);
                    quote!(__block.part::<#ty>(#part);)
                });
                quote!(#head #(#parts)*)
            });
            quote! {
                __block.fact(#repr);
                #(#lines)*
            }
        }
        Data::Union(_) => TokenStream::new(),
    }
}

/// A variant of an enum that carries data: numbered by its place unless the source says otherwise.
fn numbered(name: &str, variant: &syn::Variant) -> TokenStream {
    match &variant.discriminant {
        None => quote!(__block.fact(#name);),
        Some((_, number)) => quote! {
            __block.fact(&::std::format!("{} = {}", #name, (#number) as ::core::primitive::i128));
        },
    }
}

fn member_name(member: &Member) -> String {
    match member {
        Member::Named(ident) => plain(ident),
        Member::Unnamed(index) => index.index.to_string(),
    }
}

/// An identifier without the `r#` that some editions want.
fn plain(ident: &syn::Ident) -> String {
    ident.to_string().trim_start_matches("r#").to_owned()
}

/// For each field a function that compiles only if the field's type at another lifetime is what the
/// struct's field is there. Pointers to mutable are invariant: nothing is coerced.
fn law(input: &DeriveInput, fields: &[&Field], krate: &TokenStream) -> TokenStream {
    let life = Lifetime::new("'__at", Span::call_site());
    let mut generics = bounded(&input.generics, krate);
    generics.params.insert(0, parse_quote!(#life));
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let checks = fields.iter().map(|field| {
        let ty = &rename::spelt_out(&field.ty, input);
        let there = rename::at(ty, &input.generics, krate, &life);
        quote_spanned! {ty.span()=>
            #[allow(dead_code, clippy::all)]
            fn __field #impl_generics (__field: *mut #there)
                -> *mut <#ty as #krate::Persist>::At<#life> #where_clause
            {
                __field
            }
        }
    });
    let checks = checks.map(|check| quote!(const _: () = { #check };));
    quote!(#(#checks)*)
}
