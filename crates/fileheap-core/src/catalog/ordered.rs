//! An ordered map of numbers in the heap, for whoever uses the engine.

use std::ops::{Bound, RangeBounds};

use super::Cells;
use super::inspect::Inspector;
use super::memory::Memory;
use super::node::Entry;
use super::tree::{ByNumber, Tree, TreeView};
use crate::Result;

/// A map from u64 to u64, ordered by key. Its TreeSlot is 16 bytes anywhere in the heap, zero at
/// first.
#[derive(Debug)]
pub struct OrderedMap<'a, C: Cells> {
    tree: Tree<'a, C, ByNumber>,
}

impl<'a, C: Cells> OrderedMap<'a, C> {
    /// The map whose TreeSlot lies at offset `slot`.
    ///
    /// # Safety
    /// For `'a`, `cells.base()` stays as it is, is aligned to 64 and valid for reads and writes of
    /// `cells.file_bytes()` bytes, and no other thread accesses them.
    #[must_use]
    pub unsafe fn new(cells: &'a C, slot: u64) -> Self {
        // SAFETY: the same contract.
        Self { tree: unsafe { Tree::new(cells, slot, ByNumber) } }
    }

    /// The map to read from.
    #[inline]
    #[must_use]
    pub fn view(&self) -> OrderedMapView<'_> {
        OrderedMapView { tree: self.tree.view() }
    }

    /// Puts `value` under `key`; returns the value it replaces.
    #[inline]
    pub fn insert(&mut self, key: u64, value: u64) -> Result<Option<u64>> {
        self.tree.insert(&key, value)
    }

    /// Takes out `key`; returns its value.
    pub fn remove(&mut self, key: u64) -> Result<Option<u64>> {
        self.tree.remove(&key)
    }

    /// Takes out everything.
    pub fn clear(&mut self) -> Result<()> {
        self.tree.free_all(|_| Ok(()))
    }
}

/// An OrderedMap to read from.
#[derive(Debug, Clone, Copy)]
pub struct OrderedMapView<'a> {
    tree: TreeView<'a, ByNumber>,
}

impl<'a> OrderedMapView<'a> {
    /// The map whose TreeSlot lies at offset `slot`.
    #[must_use]
    pub fn new(memory: Memory<'a>, slot: u64) -> Self {
        Self { tree: TreeView::new(memory, slot, ByNumber) }
    }

    /// Number of entries.
    pub fn count(&self) -> Result<u64> {
        self.tree.count()
    }

    /// The value under `key`.
    #[inline]
    pub fn get(&self, key: u64) -> Result<Option<u64>> {
        self.tree.get(&key)
    }

    /// The entry with the lowest key.
    pub fn first(&self) -> Result<Option<Entry>> {
        self.tree.first()
    }

    /// The entry with the highest key.
    pub fn last(&self) -> Result<Option<Entry>> {
        self.tree.last()
    }

    /// The entries whose keys lie in `range`, in order.
    pub fn range<R: RangeBounds<u64>>(
        &self,
        range: R,
    ) -> Result<impl Iterator<Item = Result<Entry>> + use<'a, R>> {
        let cursor = match range.start_bound() {
            Bound::Unbounded => self.tree.iter(),
            Bound::Included(key) => self.tree.from(key),
            Bound::Excluded(key) => self.tree.after(key),
        }?;
        let end = range.end_bound().cloned();
        Ok(cursor.take_while(move |entry| match (entry, end) {
            (Ok(entry), Bound::Included(end)) => entry.key <= end,
            (Ok(entry), Bound::Excluded(end)) => entry.key < end,
            _ => true,
        }))
    }

    /// Checks the map; its nodes are the cells reported.
    pub fn check(&self, inspector: &mut dyn Inspector) {
        self.tree.check(inspector, &mut |_, _| {});
    }
}
