//! The catalog: names of roots, and records of live vectors.

use crate::Result;

/// What the catalog asks of the transaction around it.
pub trait Cells {
    /// Address of offset 0.
    fn base(&self) -> *mut u8;
    /// A new cell of `bytes` bytes, aligned to 16 (to 64 from 64 bytes on); its offset.
    fn alloc(&self, bytes: u64) -> Result<u64>;
    /// Frees a cell.
    fn free(&self, offset: u64) -> Result<()>;
    /// Notes that bytes were stored to.
    fn touch(&self, offset: u64, bytes: u64);
}
