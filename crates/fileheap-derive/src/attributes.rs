//! What `#[persist(..)]` and `#[repr(..)]` say.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{DeriveInput, LitInt, LitStr, Path};

/// The words of `#[persist(..)]`, with their defaults.
pub struct Said {
    pub name: String,
    pub version: u32,
    pub krate: TokenStream,
}

/// What is understood of them; the rest becomes errors.
pub fn read(input: &DeriveInput, faults: &mut Vec<syn::Error>) -> Said {
    let mut said = Said {
        name: input.ident.to_string().trim_start_matches("r#").to_owned(),
        version: 1,
        krate: quote!(::fileheap),
    };
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("persist")) {
        let read = attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("version") {
                said.version = meta.value()?.parse::<LitInt>()?.base10_parse()?;
            } else if meta.path.is_ident("name") {
                let name = meta.value()?.parse::<LitStr>()?;
                if !is_word(&name.value()) {
                    let text = "a name in a shape is a word of letters, digits, `_`, `-` and `.`, \
                                and begins with a letter or `_`";
                    return Err(syn::Error::new(name.span(), text));
                }
                said.name = name.value();
            } else if meta.path.is_ident("crate") {
                let path = meta.value()?.parse::<LitStr>()?.parse::<Path>()?;
                said.krate = path.to_token_stream();
            } else {
                return Err(meta.error("expected `version`, `name` or `crate`"));
            }
            Ok(())
        });
        faults.extend(read.err());
    }
    said
}

fn is_word(name: &str) -> bool {
    let begins = name.starts_with(|first: char| first.is_alphabetic() || first == '_');
    begins && name.chars().all(|it| it.is_alphanumeric() || matches!(it, '_' | '-' | '.'))
}

/// What fixes the layout of an enum: its `#[repr(..)]`, if that does.
pub fn fixed_layout(input: &DeriveInput) -> Option<String> {
    const FIXING: [&str; 13] = [
        "C", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize",
    ];
    let mut words = Vec::new();
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("repr")) {
        // What it is not understood here the compiler judges.
        let _ = attribute.parse_nested_meta(|meta| {
            if let Some(word) = FIXING.iter().find(|word| meta.path.is_ident(word)) {
                words.push((*word).to_owned());
            }
            if meta.input.peek(syn::token::Paren) {
                let content;
                syn::parenthesized!(content in meta.input);
                let _: TokenStream = content.parse()?;
            }
            Ok(())
        });
    }
    (!words.is_empty()).then(|| words.join(", "))
}
