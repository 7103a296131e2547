//! The allocator: cells in zones, runs of pages, extents; true on file at every commit.

mod allocator;
mod bins;
mod bitmap;
mod bits;
mod blank;
mod cells;
mod check;
mod ends;
mod grow;
mod lane;
mod map;
mod pool;
mod quick;
mod room;
mod runs;
mod stat;
mod table;
mod threads;
mod tree;
mod trim;
mod upkeep;
mod view;
mod words;
mod zone;

use std::ops::Range;

use crate::Result;

pub use allocator::{Allocator, Freed, Mapped, Run};
pub use blank::Blank;
pub use check::{Finding, check};
pub use stat::{AllocStat, ClassStat, Region};
pub use trim::Holes;
pub use view::direct_extent;

#[cfg(test)]
mod tests;

/// What the allocator asks of the transaction around it.
pub trait Ground: Sync {
    /// Address of offset 0.
    fn base(&self) -> *mut u8;
    /// Notes that our own structures were stored to. Only tracked transactions listen.
    fn touch(&self, offset: u64, bytes: u64);
    /// Makes the file at least `total_pages` long: disk space reserved, mapped. Returns whether
    /// the pages that were added read as zeros.
    fn extend(&self, total_pages: u64) -> Result<bool>;
    /// Reserves disk space for pages whose space was given back.
    fn reserve(&self, pages: Range<u64>) -> Result<()>;
    /// The number this transaction will commit as.
    fn txn(&self) -> u64;
    /// Pages freed by this transaction or an earlier one are wanted by nobody any more: neither
    /// by a reader, nor by recovery after a power cut.
    fn safe_txn(&self) -> u64;
    /// Makes more pages safe, if all they wait for is the disk; returns whether there are more.
    fn secure(&self) -> Result<bool> {
        Ok(false)
    }
    /// These pages were free and safe when the transaction took them: they need no log.
    fn claimed(&self, pages: Range<u64>);
    /// These pages were free when the transaction took them, and maybe wanted by somebody.
    fn taken(&self, pages: Range<u64>);
    /// Whether all of these pages were claimed in this transaction: freed again they are as safe
    /// as they were.
    fn is_claimed(&self, pages: Range<u64>) -> bool;
}
