//! One node of a tree: where its arrays lie, and the moves that all changes are made of.

use std::mem::offset_of;

use super::Cells;
use super::memory::{Memory, corrupt};
use crate::Result;
use crate::format::{
    INNER_ENTRIES, InnerNode, LEAF_ENTRIES, LEVEL_MAX, LeafNode, NODE_ALIGN, NODE_BYTES, NodeHead,
};

/// A key and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// What entries are ordered by.
    pub key: u64,
    /// What is kept under it.
    pub value: u64,
}

/// A node whose level and count were found to be possible; both are kept here so that no later
/// look at the file can move an access out of the node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    at: *mut u8,
    offset: u64,
    level: u16,
    count: u16,
}

/// Entries that fit into a node of a level.
#[inline]
pub(super) const fn capacity_at(level: u16) -> usize {
    if level == 0 { LEAF_ENTRIES } else { INNER_ENTRIES }
}

/// Nodes with fewer entries are filled up from, or merged with, a neighbour. Only the root and
/// the last node of each level may have fewer: appending leaves full nodes behind. A quarter, not
/// a half, so that removing and inserting in turn does not split and merge each time.
pub(super) const fn low_count(level: u16) -> usize {
    capacity_at(level) / 4
}

impl<'a> Memory<'a> {
    /// The node at `offset`.
    #[inline]
    pub(super) fn node(self, offset: u64) -> Result<Node> {
        let at = self.address(offset, NODE_BYTES, NODE_ALIGN)?;
        prefetch(at);
        // SAFETY: in bounds and aligned to 64; every bit pattern is a NodeHead.
        let head = unsafe { at.cast::<NodeHead>().read() };
        let NodeHead { tag, level, count, .. } = head;
        if tag != NodeHead::TAG || level > LEVEL_MAX || usize::from(count) > capacity_at(level) {
            return Err(no_node(offset, head));
        }
        Ok(Node { at, offset, level, count })
    }

    /// Child `index` of `parent`. Levels fall by one, so every way down ends.
    #[inline]
    pub(super) fn child(self, parent: Node, index: usize) -> Result<Node> {
        let child = self.node(parent.child(index))?;
        if child.level + 1 != parent.level {
            return Err(wrong_level(parent, child));
        }
        Ok(child)
    }

    /// Makes a node without entries out of the cell at `offset`.
    pub(super) fn new_node<C: Cells>(self, cells: &C, offset: u64, level: u16) -> Result<Node> {
        let at = self.address(offset, NODE_BYTES, NODE_ALIGN)?;
        let head = NodeHead { tag: NodeHead::TAG, level, count: 0, reserved: 0 };
        // SAFETY: in bounds and aligned; the cell was just allocated and is ours to fill.
        unsafe { at.cast::<NodeHead>().write(head) };
        cells.touch(offset, size_of::<NodeHead>() as u64);
        Ok(Node { at, offset, level, count: 0 })
    }
}

/// Has the whole node fetched while the head is waited for: keys, value and child are needed one
/// after the other, and each would be waited for again.
#[inline]
fn prefetch(at: *mut u8) {
    #[cfg(target_arch = "x86_64")]
    for line in 1..NODE_BYTES as usize / 64 {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch does nothing wrong at any address.
        unsafe { _mm_prefetch(at.wrapping_add(line * 64).cast(), _MM_HINT_T0) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}
#[cold]
fn no_node(offset: u64, head: NodeHead) -> crate::Error {
    corrupt(offset, format!("no node of a tree, or one with impossible counts: {head:?}"))
}

#[cold]
fn wrong_level(parent: Node, child: Node) -> crate::Error {
    let (found, from, above) = (child.level, parent.offset, parent.level);
    corrupt(
        child.offset,
        format!("a node of level {found} hangs below the one at {from} of level {above}"),
    )
}

impl Node {
    #[inline]
    pub(super) fn offset(self) -> u64 {
        self.offset
    }

    #[inline]
    pub(super) fn level(self) -> u16 {
        self.level
    }

    #[inline]
    pub(super) fn count(self) -> usize {
        usize::from(self.count)
    }

    #[inline]
    pub(super) fn capacity(self) -> usize {
        capacity_at(self.level)
    }

    #[inline]
    pub(super) fn is_leaf(self) -> bool {
        self.level == 0
    }

    #[inline]
    pub(super) fn is_full(self) -> bool {
        self.count() == self.capacity()
    }

    #[inline]
    pub(super) fn is_low(self) -> bool {
        self.count() < low_count(self.level)
    }

    #[inline]
    fn keys_at(self) -> usize {
        const { assert!(offset_of!(LeafNode, keys) == offset_of!(InnerNode, keys)) };
        offset_of!(LeafNode, keys)
    }

    #[inline]
    fn values_at(self) -> usize {
        if self.level == 0 { offset_of!(LeafNode, values) } else { offset_of!(InnerNode, values) }
    }

    /// The word `index` of the array at byte `array` of the node.
    #[inline]
    fn word(self, array: usize, index: usize) -> *mut u64 {
        debug_assert!(array + index * 8 <= NODE_BYTES as usize);
        // SAFETY: every caller's index is within (or just behind) an array inside the node.
        unsafe { self.at.add(array).cast::<u64>().add(index) }
    }

    /// The keys in use. The slice must not outlive the next store to the node.
    #[inline]
    pub(super) fn keys<'n>(self) -> &'n [u64] {
        // SAFETY: count <= capacity since the node was loaded, so all lies within the node.
        unsafe { std::slice::from_raw_parts(self.word(self.keys_at(), 0), self.count()) }
    }

    #[inline]
    pub(super) fn value(self, index: usize) -> u64 {
        assert!(index < self.count());
        // SAFETY: index < count <= capacity.
        unsafe { self.word(self.values_at(), index).read() }
    }

    #[inline]
    pub(super) fn entry(self, index: usize) -> Entry {
        Entry { key: self.keys()[index], value: self.value(index) }
    }

    #[inline]
    pub(super) fn child(self, index: usize) -> u64 {
        assert!(self.level > 0 && index <= self.count());
        // SAFETY: index <= count <= INNER_ENTRIES, and there is one child more than entries.
        unsafe { self.word(offset_of!(InnerNode, children), index).read() }
    }

    /// Notes that words `index..index + count` of an array were stored to.
    #[inline]
    fn touch<C: Cells>(self, cells: &C, array: usize, index: usize, count: usize) {
        cells.touch(self.offset + (array + index * 8) as u64, count as u64 * 8);
    }

    #[inline]
    pub(super) fn set_value<C: Cells>(self, cells: &C, index: usize, value: u64) {
        assert!(index < self.capacity());
        // SAFETY: index < capacity; the writer may store here.
        unsafe { self.word(self.values_at(), index).write(value) };
        self.touch(cells, self.values_at(), index, 1);
    }

    #[inline]
    pub(super) fn set_entry<C: Cells>(self, cells: &C, index: usize, entry: Entry) {
        self.set_value(cells, index, entry.value);
        // SAFETY: set_value has checked index < capacity; the writer may store here.
        unsafe { self.word(self.keys_at(), index).write(entry.key) };
        self.touch(cells, self.keys_at(), index, 1);
    }

    #[inline]
    pub(super) fn set_child<C: Cells>(self, cells: &C, index: usize, child: u64) {
        assert!(self.level > 0 && index <= INNER_ENTRIES);
        let array = offset_of!(InnerNode, children);
        // SAFETY: there is one child more than INNER_ENTRIES; the writer may store here.
        unsafe { self.word(array, index).write(child) };
        self.touch(cells, array, index, 1);
    }

    #[inline]
    pub(super) fn set_count<C: Cells>(&mut self, cells: &C, count: usize) {
        assert!(count <= self.capacity());
        self.count = count as u16;
        let field = offset_of!(NodeHead, count);
        // SAFETY: the head lies at the start of the node, aligned to 64.
        unsafe { self.at.add(field).cast::<u16>().write(self.count) };
        cells.touch(self.offset + field as u64, 2);
    }

    /// Copies `count` entries of `from` (which may be this node) to index `to`.
    #[inline]
    pub(super) fn copy_entries<C: Cells>(
        self,
        cells: &C,
        to: usize,
        (from, index): (Self, usize),
        count: usize,
    ) {
        assert!(index + count <= from.capacity() && to + count <= self.capacity());
        if count == 0 {
            return;
        }
        let arrays = [(self.keys_at(), from.keys_at()), (self.values_at(), from.values_at())];
        for (target, source) in arrays {
            // SAFETY: both ranges lie within their arrays; copy allows them to overlap.
            unsafe { self.word(target, to).copy_from(from.word(source, index), count) };
            self.touch(cells, target, to, count);
        }
    }

    /// Copies `count` children of `from` (which may be this node) to index `to`; leaves have none.
    #[inline]
    pub(super) fn copy_children<C: Cells>(
        self,
        cells: &C,
        to: usize,
        (from, index): (Self, usize),
        count: usize,
    ) {
        if self.is_leaf() || from.is_leaf() || count == 0 {
            return;
        }
        assert!(index + count <= INNER_ENTRIES + 1 && to + count <= INNER_ENTRIES + 1);
        let array = offset_of!(InnerNode, children);
        // SAFETY: both ranges lie within the arrays of children; copy allows them to overlap.
        unsafe { self.word(array, to).copy_from(from.word(array, index), count) };
        self.touch(cells, array, to, count);
    }

    /// Puts an entry at `index`, and `child` to its right.
    #[inline]
    pub(super) fn insert<C: Cells>(&mut self, cells: &C, index: usize, entry: Entry, child: u64) {
        let count = self.count();
        self.copy_entries(cells, index + 1, (*self, index), count - index);
        self.set_entry(cells, index, entry);
        if !self.is_leaf() {
            self.copy_children(cells, index + 2, (*self, index + 1), count - index);
            self.set_child(cells, index + 1, child);
        }
        self.set_count(cells, count + 1);
    }

    /// Takes out the entry at `index`, and the child to its right.
    #[inline]
    pub(super) fn remove<C: Cells>(&mut self, cells: &C, index: usize) {
        let count = self.count();
        self.copy_entries(cells, index, (*self, index + 1), count - index - 1);
        self.copy_children(cells, index + 1, (*self, index + 2), count - index - 1);
        self.set_count(cells, count - 1);
    }
}
