//! A file is a heap: allocate in it, commit atomically, open it again in microseconds.

pub mod alloc;
pub mod catalog;
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
