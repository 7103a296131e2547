//! A file is a heap: allocate in it, commit atomically, open it again in microseconds.
//!
//! A heap file is mapped into memory. A transaction allocates in it and stores through ordinary
//! pointers, by code that need not know of the file; `commit` makes all of it last, `abort`, a
//! panic or the death of the process leaves the last committed state, allocations included. Other
//! processes read their own snapshots meanwhile. The only pointers that last are *offsets* from
//! the start of the file: what is found by them is found at whatever address the heap is mapped.
//!
//! This crate is the engine: bytes, offsets and names, without types and without globals. Faces
//! with types stand on top of it.
//!
//! # A program
//! ```
//! use fileheap_core::{Heap, Options, catalog::Root};
//!
//! # fn main() -> fileheap_core::Result<()> {
//! # let path = std::env::temp_dir().join(format!("crate-doc-{}.heap", std::process::id()));
//! let (heap, _is_new) = Heap::open_or_create(&path, &Options::new())?;
//! let mut txn = heap.begin_write()?;
//! let offset = txn.alloc_zeroed(64, 8)?;
//! // SAFETY: 64 bytes that were just allocated, and that nobody else uses.
//! unsafe { txn.resolve(offset).cast::<u64>().write(7) };
//! txn.catalog().names().bind("seven", Root { offset, bytes: 64, ..Root::default() })?;
//! txn.commit()?;
//!
//! let read = heap.begin_read()?;
//! let root = read.catalog().names().lookup("seven")?.expect("bound above");
//! assert_eq!(read.bytes(root.offset, 3)?, [7, 0, 0]);
//! # drop(read);
//! # heap.close()?;
//! # std::fs::remove_file(path).expect("it is there");
//! # Ok(())
//! # }
//! ```
//!
//! # Where to begin
//! [`Heap`] creates, opens, begins, checks and closes; [`Options`] say how. [`WriteTxn`] allocates,
//! frees and commits, [`ReadTxn`] looks. [`catalog`] binds names and keeps records of vectors.
//! [`Durability`] says what a commit survives. [`Error`] says what was found and expected, where,
//! and what to do next. [`os::ram`] runs all of it in plain memory, for tests.
//!
//! # Limits
//! - Linux, 64-bit, little-endian; kernel 5.14 or later.
//! - One writer at a time over all processes. Threads of the writing process share its mapping:
//!   they read when it does not write. Readers in other processes never wait.
//! - 8 TiB for a heap, 704 processes at a time, names of up to 255 bytes.
//! - Stores must happen between `begin_write` and `commit`; a store at another time may be lost, or
//!   be taken into a later transaction.
//! - A transaction keeps the pages it stores to in memory until it commits, except in extents (from
//!   16 MiB on) that it allocated itself.
//!
//! # It is not
//! - a database: there are no queries, no schema, no server;
//! - a way to keep Rust values of any type: what holds an address, a file or a lock must not live
//!   in a file. Faces check that, this crate does not;
//! - a cache or shared memory for others' machines: a heap is for processes of one machine;
//! - a substitute for backups: see `Heap::backup`.

pub mod alloc;
pub mod catalog;
#[cfg(test)]
mod effort;
pub mod error;
pub mod format;
pub mod heap;
pub mod log;
pub mod os;
pub mod txn;

pub use error::{Error, ErrorKind, Result};
pub use heap::{Heap, Keeper, Options, ReadTxn, WriteTxn};
pub use os::Wait;
pub use txn::Durability;
