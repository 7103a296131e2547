//! Putting entries into a tree; nodes that are full split.

use super::Cells;
use super::memory::{Memory, corrupt};
use super::node::{Entry, Node, capacity_at};
use super::tree::{Order, Path, Tree};
use crate::format::{LEVEL_MAX, NODE_BYTES, TreeSlot};
use crate::{Error, ErrorKind, Result};

impl<C: Cells, O: Order> Tree<'_, C, O> {
    /// Puts `value` under `probe`; returns the value it replaces. After an error of the
    /// allocator the tree is as before.
    #[inline]
    pub fn insert(&mut self, probe: &O::Probe, value: u64) -> Result<Option<u64>> {
        let memory = self.memory();
        let slot: TreeSlot = memory.read(self.slot)?;
        let entry = Entry { key: O::key(probe), value };
        if slot.root == 0 {
            self.plant(entry)?;
            return self.set_count(1).map(|()| None);
        }
        let tree = self.view();
        let mut path = Path::new();
        let mut node = memory.node(slot.root)?;
        loop {
            let (index, is_found) = tree.search(node, probe)?;
            if is_found {
                let replaced = node.value(index);
                node.set_value(self.cells, index, value);
                return Ok(Some(replaced));
            }
            path.push(node, index);
            if !node.is_leaf() {
                node = memory.child(node, index)?;
                continue;
            }
            if node.is_full() {
                self.insert_splitting(path, entry)?;
            } else {
                node.insert(self.cells, index, entry, 0);
            }
            self.set_count(slot.count.wrapping_add(1))?;
            return Ok(None);
        }
    }

    /// The first node of an empty tree.
    fn plant(&self, entry: Entry) -> Result<()> {
        let offset = self.cells.alloc(NODE_BYTES)?;
        let mut leaf = self.memory().new_node(self.cells, offset, 0)?;
        leaf.insert(self.cells, 0, entry, 0);
        self.set_root(offset)
    }

    /// Inserts where `path` ends, in a full leaf.
    #[cold]
    #[inline(never)]
    fn insert_splitting(&self, mut path: Path, mut entry: Entry) -> Result<()> {
        let (mut fresh, is_last) = self.prepare_split(&path)?;
        let memory = self.memory();
        let mut child = 0;
        let root = path.steps()[0].0;
        let mut level = 0;
        while let Some((offset, index)) = path.pop() {
            let mut node = memory.node(offset)?;
            level = node.level();
            if index > node.count() {
                return Err(overlap(offset));
            }
            if !node.is_full() {
                node.insert(self.cells, index, entry, child);
                return Ok(());
            }
            let right = fresh.pop().ok_or_else(|| overlap(offset))?;
            let split = Split { memory, right, is_last };
            entry = split.run(self.cells, node, index, entry, child)?;
            child = right;
        }
        let offset = fresh.pop().ok_or_else(|| overlap(root))?;
        let mut top = memory.new_node(self.cells, offset, level + 1)?;
        top.set_child(self.cells, 0, root);
        top.insert(self.cells, 0, entry, child);
        self.set_root(offset)
    }

    /// Allocates every node that the split will need before the first store, so that a full disk
    /// changes nothing; and says whether the entry goes behind all others.
    fn prepare_split(&self, path: &Path) -> Result<(Vec<u64>, bool)> {
        let (mut full_count, mut is_last, mut still_full) = (0, true, true);
        for &(offset, index) in path.steps().iter().rev() {
            let node = self.memory().node(offset)?;
            is_last &= index == node.count();
            still_full &= node.is_full();
            full_count += usize::from(still_full);
        }
        if still_full && path.steps().len() > usize::from(LEVEL_MAX) {
            return Err(Error::new(ErrorKind::LimitReached, "a tree has as many levels as it can"));
        }
        let needed = full_count + usize::from(still_full);
        let mut fresh = Vec::with_capacity(needed);
        while fresh.len() < needed {
            match self.cells.alloc(NODE_BYTES) {
                Ok(offset) => fresh.push(offset),
                Err(error) => {
                    for offset in fresh {
                        self.cells.free(offset)?;
                    }
                    return Err(error);
                }
            }
        }
        Ok((fresh, is_last))
    }
}

/// A node changed although it was not stored to.
#[cold]
fn overlap(offset: u64) -> Error {
    corrupt(offset, "a node of a tree overlaps another")
}

/// One node becoming two.
struct Split<'a> {
    memory: Memory<'a>,
    right: u64,
    is_last: bool,
}

impl Split<'_> {
    /// Moves the upper part of `node` to the right, puts the new entry where it belongs, and
    /// returns the one that now separates the two.
    fn run<C: Cells>(
        self,
        cells: &C,
        mut node: Node,
        index: usize,
        entry: Entry,
        child: u64,
    ) -> Result<Entry> {
        let count = node.count();
        // Who appends will append again: leave a full node behind rather than two half ones.
        let at = if self.is_last { count - 1 } else { capacity_at(node.level()) / 2 };
        let mut right = self.memory.new_node(cells, self.right, node.level())?;
        right.copy_entries(cells, 0, (node, at + 1), count - at - 1);
        right.copy_children(cells, 0, (node, at + 1), count - at);
        right.set_count(cells, count - at - 1);
        let separator = node.entry(at);
        node.set_count(cells, at);
        if index <= at {
            node.insert(cells, index, entry, child);
        } else {
            right.insert(cells, index - at - 1, entry, child);
        }
        Ok(separator)
    }
}
