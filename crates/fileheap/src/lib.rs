//! A file is a heap: your own Rust structures in a file, safely, with transactions.
//!
//! The heap file is mapped into memory, and the program's root structure lives in it, as it is: no
//! serialization, no loading, no server. A write guard changes the structure with ordinary methods;
//! `commit` makes all of it last, and an abort, a panic or the death of the process leaves the last
//! committed state. Other processes read their own snapshots meanwhile. Opening takes microseconds,
//! whatever the size: a page is read when it is looked at.
//!
//! # A program
//! ```
//! use fileheap::{BTreeMap, Heap, Persist, String};
//!
//! #[derive(Persist)]
//! struct Diary<'h> {
//!     days: BTreeMap<'h, u32, String<'h>>, // in the file, with std's methods
//!     visits: u64,
//! }
//!
//! # fileheap::doctest::in_a_folder(|path| {
//! let heap = Heap::<Diary>::open_or_create(path, |alloc| {
//!     Diary { days: alloc.btree_map(), visits: 0 }
//! })?;
//! heap.update(|diary, alloc| {
//!     diary.visits += 1; // all of this takes effect, or nothing
//!     diary.days.insert(20261121, alloc.string("rain"));
//! })?;
//! let diary = heap.read()?; // one committed state, as long as this lives
//! println!("{} visits, {} days", diary.visits, diary.days.len());
//! # Ok(()) });
//! ```
//!
//! # Guards
//! - [`Heap::read`] gives a [`Read`], which derefs to the root. Threads share it by reference.
//! - [`Heap::write`] gives a [`Write`]: [`root`](Write::root) and [`split`](Write::split) are
//!   access to the root, [`commit`](Write::commit) ends it, dropping it aborts. One writer at a
//!   time over all processes; one write guard at a time on a thread.
//! - [`Heap::update`] is the short form, [`Heap::try_update`] that for closures that can fail.
//!
//! What owns memory of the file carries the lifetime `'h` of the access that it was got by. The
//! compiler sees to it that it does not outlive the transaction, leave its thread, or come into
//! another heap. Whatever needs memory takes an [`Alloc`], which guards and closures give:
//! `alloc.vec()`, `alloc.boxed(value)`, `alloc.btree_map_from(entries)`. Cloning a container
//! allocates, too: it panics outside of a transaction, and where it would mix two heaps.
//!
//! | what happens | what follows |
//! |---|---|
//! | a second write guard on a thread, of whichever heap | [`ErrorKind::Nested`], at once |
//! | reading what this thread writes to, or the reverse | [`ErrorKind::Nested`], at once |
//! | writing while other threads of the process read, or the reverse | waits, or as [`Wait`] says |
//! | a panic in a closure, or with a guard alive | the transaction aborts; the heap stays usable |
//! | no space left | the transaction aborts; `update` and [`Write::run`] return it |
//! | a guard is leaked | its transaction is open till the process ends, then undone |
//! | a guard in a forked child | commit is [`ErrorKind::ForkedChild`]; the parent's is untouched |
//! | the handle is dropped before its guards | guards keep the heap open |
//! | a guard sent to another thread | does not compile; `&Read` and `&Write` may go |
//!
//! # Out of space
//! std's methods have no way to say that there is no memory, so running out unwinds, silently, to
//! the closure's caller, who gets [`ErrorKind::LimitReached`] or [`ErrorKind::DiskFull`]. With a
//! guard used by hand it is a panic with that text. `try_reserve` unwinds as well: an allocator is
//! not told who asks. Where unwinding would end the process - `panic = "abort"`, destructors that
//! allocate during a panic - the container gets memory of the process instead, and the transaction
//! cannot commit.
//!
//! # Types
//! [`Persist`] says what may live in a file. Its derive refuses references, `std`'s owning types,
//! locks and addresses, and writes down the type's [`Shape`], which the heap keeps. Opening a heap
//! with another type is an error that says which field changed; [`Options::migrate`] says how old
//! becomes new. The [`cookbook`] has whole programs;
//! `compare` says when to take something else.
//!
//! # Durability
//! By default a commit returns when the disk has it ([`Durability::Power`]).
//! [`Durability::Background`] syncs behind, [`Durability::Process`] at checkpoints: a power cut may
//! then take the last commits, whole ones; the death of the process takes nothing.
//!
//! # It is not
//! - a database: no queries, no server, no replication;
//! - a format for exchange: the file holds this machine's layout of your types;
//! - safe against forged files: a heap is trusted like the program itself. What somebody else
//!   wrote, or changes while it is open, can do anything;
//! - for values that hold files, locks or threads.
#![cfg_attr(feature = "nightly", feature(allocator_api))]

pub mod collections;
mod contents;
#[cfg(any(doc, doctest))]
pub mod cookbook;
#[cfg(doc)]
#[doc = include_str!("compare.md")]
pub mod compare {}
mod current;
#[doc(hidden)]
pub mod doctest;
mod heap;
mod here;
mod migrate;
#[cfg(feature = "nightly")]
mod nightly;
mod options;
mod persist;
mod read;
mod rel;
mod roots;
#[cfg(feature = "serde")]
pub mod serde;
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
/// An ordered map in a heap; std's methods.
pub type BTreeMap<'h, K, V> = collections::btree::BTreeMap<K, V, Here<'h>>;
/// An ordered set in a heap; std's methods.
pub type BTreeSet<'h, T> = collections::btree::BTreeSet<T, Here<'h>>;
/// A string in a heap; std's methods.
pub type String<'h> = collections::string::String<Here<'h>>;
/// A queue with two ends in a heap; std's methods.
pub type VecDeque<'h, T> = collections::deque::VecDeque<T, Here<'h>>;
/// A hash map in a heap; std's methods.
pub type HashMap<'h, K, V> = collections::hash::HashMap<K, V, Here<'h>>;
/// A hash set in a heap; std's methods.
pub type HashSet<'h, T> = collections::hash::HashSet<T, Here<'h>>;

/// The programs in the guide.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/rust.md")]
struct Guide;
