//! The C ABI between R and the engine: every entry catches panics and returns a code with a text.
//!
//! C calls, Rust answers; Rust never calls C or R. So no R error ever passes a Rust frame, and no
//! lock of ours is held while R runs. `src/fileheap.h` declares what is exported here.

mod body;
mod edit;
mod entry;
mod extended;
mod face;
mod fault;
mod find;
mod heap;
mod mutualinfo;
mod names;
mod object;
mod open;
mod report;
mod share;
mod spares;
mod strings;
mod sums;
mod tend;
mod upkeep;
mod vector;
