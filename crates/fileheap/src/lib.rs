//! A file is a heap: your own Rust structures in a file, safely, with transactions.

pub mod collections;
mod contents;
mod current;
#[doc(hidden)]
pub mod doctest;
mod heap;
mod here;
mod migrate;
mod options;
mod persist;
mod read;
mod rel;
mod roots;
mod session;
pub mod shape;
mod space;
mod update;
mod write;

pub use fileheap_core::heap::{
    CheckReport, CompactReport, Finding, FindingKind, RepairReport, Stat, TrimReport,
};
pub use fileheap_core::os::{Capture, Host, Wait};
pub use fileheap_core::{Durability, Error, ErrorKind, Result};
#[cfg(feature = "derive")]
pub use fileheap_derive::Persist;

pub use heap::{Heap, is_writing};
pub use here::{Alloc, Here};
pub use options::Options;
pub use persist::Persist;
pub use read::Read;
pub use rel::{Guard, Rel};
pub use shape::Shape;
pub use write::Write;

/// A vector in a heap; std's methods.
pub type Vec<'h, T> = allocator_api2::vec::Vec<T, Here<'h>>;
/// A value in a heap of its own allocation; std's methods.
pub type Box<'h, T> = allocator_api2::boxed::Box<T, Here<'h>>;
