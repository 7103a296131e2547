//! Looking into an ordered tree of u64 pairs: search, first, last.

use std::cmp::Ordering;

use super::Cells;
use super::cursor::Cursor;
use super::memory::{Memory, store};
use super::node::{Entry, Node};
use crate::Result;
use crate::format::TreeSlot;

/// What entries are ordered by beyond their keys.
///
/// Keys are compared as numbers first. Where they are equal, the order may look at what the
/// values lead to; it must then be a total order that agrees with the keys.
pub trait Order: Copy {
    /// What is searched for.
    type Probe: ?Sized;

    /// No two entries have equal keys; `tie` is then never called.
    const UNIQUE_KEYS: bool;

    /// The key that an entry equal to `probe` has.
    fn key(probe: &Self::Probe) -> u64;

    /// How the entry with `value` compares to `probe`, given that their keys are equal.
    fn tie(self, memory: Memory<'_>, value: u64, probe: &Self::Probe) -> Result<Ordering>;

    /// How two entries with equal keys compare.
    fn tie_between(self, memory: Memory<'_>, left: u64, right: u64) -> Result<Ordering>;
}

/// Keys are numbers, each at most once.
#[derive(Debug, Clone, Copy, Default)]
pub struct ByNumber;

impl Order for ByNumber {
    type Probe = u64;
    const UNIQUE_KEYS: bool = true;

    #[inline]
    fn key(probe: &u64) -> u64 {
        *probe
    }

    fn tie(self, _: Memory<'_>, _: u64, _: &u64) -> Result<Ordering> {
        Ok(Ordering::Equal)
    }

    fn tie_between(self, _: Memory<'_>, _: u64, _: u64) -> Result<Ordering> {
        Ok(Ordering::Equal)
    }
}

/// A tree to read from.
#[derive(Debug, Clone, Copy)]
pub struct TreeView<'a, O: Order> {
    pub(super) memory: Memory<'a>,
    pub(super) slot: u64,
    pub(super) order: O,
}

impl<'a, O: Order> TreeView<'a, O> {
    /// The tree whose TreeSlot lies at offset `slot`.
    #[must_use]
    pub fn new(memory: Memory<'a>, slot: u64, order: O) -> Self {
        Self { memory, slot, order }
    }

    /// Number of entries, as the slot says.
    pub fn count(&self) -> Result<u64> {
        Ok(self.memory.read::<TreeSlot>(self.slot)?.count)
    }

    /// The topmost node, if there is one.
    #[inline]
    pub(super) fn root(&self) -> Result<Option<Node>> {
        match self.memory.read::<TreeSlot>(self.slot)?.root {
            0 => Ok(None),
            offset => self.memory.node(offset).map(Some),
        }
    }

    /// The value of the entry equal to `probe`.
    #[inline]
    pub fn get(&self, probe: &O::Probe) -> Result<Option<u64>> {
        let Some(mut node) = self.root()? else { return Ok(None) };
        loop {
            let (index, is_found) = self.search(node, probe)?;
            if is_found {
                return Ok(Some(node.value(index)));
            }
            if node.is_leaf() {
                return Ok(None);
            }
            node = self.memory.child(node, index)?;
        }
    }

    /// The lowest entry.
    pub fn first(&self) -> Result<Option<Entry>> {
        self.iter()?.next().transpose()
    }

    /// The highest entry.
    pub fn last(&self) -> Result<Option<Entry>> {
        let Some(mut node) = self.root()? else { return Ok(None) };
        while !node.is_leaf() {
            node = self.memory.child(node, node.count())?;
        }
        Ok(node.count().checked_sub(1).map(|index| node.entry(index)))
    }

    /// All entries in order.
    pub fn iter(&self) -> Result<Cursor<'a, O>> {
        Cursor::at_start(*self)
    }

    /// The entries from `probe` on, in order.
    pub fn from(&self, probe: &O::Probe) -> Result<Cursor<'a, O>> {
        Cursor::at(*self, probe, true)
    }

    /// The entries above `probe`, in order: the next page of a listing.
    pub fn after(&self, probe: &O::Probe) -> Result<Cursor<'a, O>> {
        Cursor::at(*self, probe, false)
    }

    /// The index of the first entry of `node` not below `probe`, and whether it is equal.
    #[inline]
    pub(super) fn search(&self, node: Node, probe: &O::Probe) -> Result<(usize, bool)> {
        let key = O::key(probe);
        let keys = node.keys();
        let index = lower_bound(keys, key);
        if index == keys.len() || keys[index] != key {
            return Ok((index, false));
        }
        if O::UNIQUE_KEYS {
            return Ok((index, true));
        }
        self.search_ties(node, index, probe)
    }

    /// The same among the entries from `index` on that have the probe's key.
    fn search_ties(&self, node: Node, index: usize, probe: &O::Probe) -> Result<(usize, bool)> {
        let key = O::key(probe);
        let (mut low, mut high) = (index, node.keys().partition_point(|&other| other <= key));
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.order.tie(self.memory, node.value(middle), probe)? {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Ok((middle, true)),
                Ordering::Greater => high = middle,
            }
        }
        Ok((low, false))
    }
}

/// How many of `keys` are below `key`. Compiles to conditional moves, where a guessed branch would
/// be wrong every other time; only the branch that all appending takes is worth guessing.
#[inline]
fn lower_bound(keys: &[u64], key: u64) -> usize {
    if keys.last().is_some_and(|&last| last < key) {
        return keys.len();
    }
    keys.partition_point(|&other| other < key)
}

/// A tree to write to.
#[derive(Debug)]
pub struct Tree<'a, C: Cells, O: Order> {
    pub(super) cells: &'a C,
    pub(super) slot: u64,
    pub(super) order: O,
}

impl<'a, C: Cells, O: Order> Tree<'a, C, O> {
    /// The tree whose TreeSlot lies at offset `slot`; a slot of zeros is an empty tree.
    ///
    /// # Safety
    /// For `'a`, `cells.base()` stays as it is, is aligned to 64 and valid for reads and writes of
    /// `cells.file_bytes()` bytes, and no other thread accesses them.
    #[must_use]
    pub unsafe fn new(cells: &'a C, slot: u64, order: O) -> Self {
        Self { cells, slot, order }
    }

    /// The tree as it is now.
    #[inline]
    #[must_use]
    pub fn view(&self) -> TreeView<'_, O> {
        TreeView { memory: self.memory(), slot: self.slot, order: self.order }
    }

    #[inline]
    pub(super) fn memory(&self) -> Memory<'_> {
        // SAFETY: as `new` was promised.
        unsafe { Memory::of(self.cells) }
    }

    pub(super) fn set_root(&self, root: u64) -> Result<()> {
        store(self.cells, self.memory(), self.slot, root)
    }

    #[inline]
    pub(super) fn set_count(&self, count: u64) -> Result<()> {
        store(self.cells, self.memory(), self.slot + 8, count)
    }

    /// Frees all nodes, after `entry` saw each entry (to free what its value leads to).
    pub fn free_all(&mut self, mut entry: impl FnMut(Entry) -> Result<()>) -> Result<()> {
        if let Some(root) = self.view().root()? {
            self.free_below(root, &mut entry)?;
        }
        self.set_root(0)?;
        self.set_count(0)
    }

    fn free_below(&self, node: Node, entry: &mut impl FnMut(Entry) -> Result<()>) -> Result<()> {
        for index in 0..node.count() {
            entry(node.entry(index))?;
        }
        if !node.is_leaf() {
            for index in 0..=node.count() {
                let child = self.memory().child(node, index)?;
                self.free_below(child, entry)?;
            }
        }
        self.cells.free(node.offset())
    }
}

/// The way from the root to a node: at each level the node's offset and an index in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Path {
    steps: [(u64, usize); crate::format::LEVEL_MAX as usize + 1],
    len: usize,
}

impl Path {
    #[inline]
    pub(super) fn new() -> Self {
        Self { steps: [(0, 0); crate::format::LEVEL_MAX as usize + 1], len: 0 }
    }

    /// Levels fall by one along a path, so it never holds more than it has room for.
    #[inline]
    pub(super) fn push(&mut self, node: Node, index: usize) {
        self.steps[self.len] = (node.offset(), index);
        self.len += 1;
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Option<(u64, usize)> {
        self.len = self.len.checked_sub(1)?;
        Some(self.steps[self.len])
    }

    pub(super) fn steps(&self) -> &[(u64, usize)] {
        &self.steps[..self.len]
    }
}
