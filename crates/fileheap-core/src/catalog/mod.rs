//! The catalog: names of roots, and records of live vectors.

mod cursor;
mod insert;
mod inspect;
mod memory;
mod names;
mod node;
mod ordered;
mod records;
mod remove;
#[cfg(test)]
mod tests;
mod tree;

use std::mem::offset_of;

pub use cursor::Cursor;
pub use inspect::Inspector;
pub use memory::Memory;
pub use names::{Names, NamesView, Root};
pub use node::Entry;
pub use ordered::{OrderedMap, OrderedMapView};
pub use records::{RecordNew, Records, RecordsView};
pub use tree::{ByNumber, Order, Tree, TreeView};

use crate::Result;
use crate::format::{HEADER_OFFSET, Header};

const NAMES_SLOT: u64 = HEADER_OFFSET + offset_of!(Header, names_root) as u64;
const RECORDS_SLOT: u64 = HEADER_OFFSET + offset_of!(Header, records_root) as u64;

/// What the catalog asks of the transaction around it.
pub trait Cells {
    /// Address of offset 0.
    fn base(&self) -> *mut u8;
    /// Bytes that may be accessed from there on. Allocations make it grow.
    fn file_bytes(&self) -> u64;
    /// A new cell of `bytes` bytes, aligned to 16 (to 64 from 64 bytes on); its offset.
    fn alloc(&self, bytes: u64) -> Result<u64>;
    /// Frees a cell.
    fn free(&self, offset: u64) -> Result<()>;
    /// Notes that bytes were stored to.
    fn touch(&self, offset: u64, bytes: u64);
}

/// The catalog of a heap to read from.
#[derive(Debug, Clone, Copy)]
pub struct CatalogView<'a> {
    memory: Memory<'a>,
}

impl<'a> CatalogView<'a> {
    /// The catalog of the heap in `memory`.
    #[must_use]
    pub fn new(memory: Memory<'a>) -> Self {
        Self { memory }
    }

    /// The memory that it lies in, and what its offsets lead into.
    #[must_use]
    pub fn memory(&self) -> Memory<'a> {
        self.memory
    }

    /// The names of its roots.
    #[must_use]
    pub fn names(&self) -> NamesView<'a> {
        NamesView { tree: TreeView::new(self.memory, NAMES_SLOT, names::ByName) }
    }

    /// Its records of vectors.
    #[must_use]
    pub fn records(&self) -> RecordsView<'a> {
        RecordsView { tree: TreeView::new(self.memory, RECORDS_SLOT, ByNumber) }
    }

    /// Checks everything, whatever the bytes are. What names and records point at is not
    /// followed.
    pub fn check(&self, inspector: &mut dyn Inspector) {
        self.names().check(inspector);
        self.records().check(inspector);
    }
}

/// The catalog of a heap to write to.
#[derive(Debug)]
pub struct Catalog<'a, C: Cells> {
    cells: &'a C,
}

impl<'a, C: Cells> Catalog<'a, C> {
    /// The catalog of the heap that `cells` gives access to.
    ///
    /// # Safety
    /// For `'a`, `cells.base()` stays as it is, is aligned to 64 and valid for reads and writes of
    /// `cells.file_bytes()` bytes, and no other thread accesses them.
    #[must_use]
    pub unsafe fn new(cells: &'a C) -> Self {
        Self { cells }
    }

    /// The catalog as it is now.
    #[must_use]
    pub fn view(&self) -> CatalogView<'_> {
        // SAFETY: as `new` was promised.
        CatalogView { memory: unsafe { Memory::of(self.cells) } }
    }

    /// The names of its roots.
    pub fn names(&mut self) -> Names<'_, C> {
        // SAFETY: as `new` was promised.
        Names { tree: unsafe { Tree::new(self.cells, NAMES_SLOT, names::ByName) } }
    }

    /// Its records of vectors.
    pub fn records(&mut self) -> Records<'_, C> {
        // SAFETY: as `new` was promised.
        Records { tree: unsafe { Tree::new(self.cells, RECORDS_SLOT, ByNumber) } }
    }
}
