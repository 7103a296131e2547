//! The C ABI: `include/fileheap.h` is made from this crate, `docs/C.md` is its guide.
//!
//! Thin: every function turns its arguments into Rust's, calls the engine, and turns the answer
//! into a status or a pointer. What is here and not in the engine is what C needs: handles that
//! can be checked, an error per thread, and nothing that unwinds across the border.
//!
//! Functions take raw pointers and are not `unsafe`, since C would not see that: what they demand
//! of their callers is written in the header, and `arguments` is the one place that follows them.

mod alloc;
mod arguments;
mod border;
mod fmalloc;
mod fork;
mod heap;
mod names;
mod near;
mod seats;
mod state;
mod table;
#[cfg(test)]
mod tests;
mod txn;
mod upkeep;
mod vectors;

pub use alloc::*;
pub use border::*;
pub use fmalloc::*;
pub use heap::*;
pub use names::{
    FHEAP_KIND_CPP, FHEAP_KIND_FMALLOC, FHEAP_NAME_BYTES, fheap_bind, fheap_lookup,
    fheap_next_name, fheap_rebind, fheap_rename, fheap_root, fheap_unbind,
};
pub use near::*;
pub use txn::*;
pub use upkeep::*;
pub use vectors::*;
