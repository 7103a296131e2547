//! `#[derive(Persist)]`: checks what may live in a file, and writes down its shape.
//!
//! Use it through the crate `fileheap`, which explains it.

mod attributes;
mod body;
mod refuse;
mod rename;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a struct or an enum fit to live in a heap. See `fileheap::Persist`.
///
/// - `#[persist(version = 2)]`: part of the shape; to be raised when the meaning of the fields
///   changes, though their types do not.
/// - `#[persist(name = "Library")]`: the name in the shape, where the type's own will not do.
/// - `#[persist(crate = "path")]`: where `fileheap` is.
#[proc_macro_derive(Persist, attributes(persist))]
pub fn derive_persist(input: TokenStream) -> TokenStream {
    body::derive(&parse_macro_input!(input as DeriveInput)).into()
}
