//! Taking entries out of a tree; nodes that run low borrow from a neighbour or merge with it.

use super::Cells;
use super::memory::corrupt;
use super::node::Node;
use super::tree::{Order, Path, Tree};
use crate::Result;
use crate::format::TreeSlot;

impl<C: Cells, O: Order> Tree<'_, C, O> {
    /// Takes out the entry equal to `probe`; returns its value.
    pub fn remove(&mut self, probe: &O::Probe) -> Result<Option<u64>> {
        let slot: TreeSlot = self.memory().read(self.slot)?;
        let mut path = Path::new();
        let Some((node, index)) = self.find(probe, &mut path)? else { return Ok(None) };
        let value = node.value(index);
        let leaf = self.take(node, index, &mut path)?;
        self.set_count(slot.count.wrapping_sub(1))?;
        self.refill(leaf, path)?;
        Ok(Some(value))
    }

    /// The entry equal to `probe`; `path` gets the nodes above it.
    fn find(&self, probe: &O::Probe, path: &mut Path) -> Result<Option<(Node, usize)>> {
        let tree = self.view();
        let Some(mut node) = tree.root()? else { return Ok(None) };
        loop {
            let (index, is_found) = tree.search(node, probe)?;
            if is_found {
                return Ok(Some((node, index)));
            }
            if node.is_leaf() {
                return Ok(None);
            }
            path.push(node, index);
            node = self.memory().child(node, index)?;
        }
    }

    /// Takes an entry out, from an inner node by putting the highest one below it in its place.
    /// Returns the leaf that now has one entry less; `path` gets the nodes above that.
    fn take(&self, node: Node, index: usize, path: &mut Path) -> Result<Node> {
        let mut leaf = node;
        if node.is_leaf() {
            leaf.remove(self.cells, index);
            return Ok(leaf);
        }
        path.push(node, index);
        leaf = self.memory().child(node, index)?;
        while !leaf.is_leaf() {
            path.push(leaf, leaf.count());
            leaf = self.memory().child(leaf, leaf.count())?;
        }
        let Some(last) = leaf.count().checked_sub(1) else {
            return Err(corrupt(leaf.offset(), "a leaf is empty"));
        };
        node.set_entry(self.cells, index, leaf.entry(last));
        leaf.set_count(self.cells, last);
        Ok(leaf)
    }

    /// Sees to it that `node` and the nodes of `path` above it have enough entries.
    fn refill(&self, mut node: Node, mut path: Path) -> Result<()> {
        let memory = self.memory();
        while node.is_low() {
            let Some((above, index)) = path.pop() else { return self.lower_root(node) };
            let mut parent = memory.node(above)?;
            // Two neighbours and the entry between them.
            let at = index.saturating_sub(1);
            if at >= parent.count() {
                return Err(corrupt(above, "a node has one child only, or overlaps another"));
            }
            let (left, right) = if index > 0 {
                (memory.child(parent, at)?, node)
            } else {
                (node, memory.child(parent, 1)?)
            };
            if left.count() + right.count() < left.capacity() {
                self.merge(&mut parent, at, left, right)?;
            } else {
                self.balance(parent, at, left, right);
                return Ok(());
            }
            node = parent;
        }
        Ok(())
    }

    /// Drops a root without entries.
    fn lower_root(&self, root: Node) -> Result<()> {
        if root.count() > 0 {
            return Ok(());
        }
        self.set_root(if root.is_leaf() { 0 } else { root.child(0) })?;
        self.cells.free(root.offset())
    }

    /// Moves everything of `right`, and entry `at` of `parent` between them, into `left`.
    fn merge(&self, parent: &mut Node, at: usize, mut left: Node, right: Node) -> Result<()> {
        let (count, more) = (left.count(), right.count());
        left.set_entry(self.cells, count, parent.entry(at));
        left.copy_entries(self.cells, count + 1, (right, 0), more);
        left.copy_children(self.cells, count + 1, (right, 0), more + 1);
        left.set_count(self.cells, count + 1 + more);
        parent.remove(self.cells, at);
        self.cells.free(right.offset())
    }

    /// Shares the entries of `left` and `right` evenly through entry `at` of `parent`.
    fn balance(&self, parent: Node, at: usize, mut left: Node, mut right: Node) {
        let cells = self.cells;
        let (count, more) = (left.count(), right.count());
        let target = usize::midpoint(count, more);
        if count > target {
            let moved = count - target;
            right.copy_entries(cells, moved, (right, 0), more);
            right.copy_children(cells, moved, (right, 0), more + 1);
            right.set_entry(cells, moved - 1, parent.entry(at));
            right.copy_entries(cells, 0, (left, target + 1), moved - 1);
            right.copy_children(cells, 0, (left, target + 1), moved);
            parent.set_entry(cells, at, left.entry(target));
            left.set_count(cells, target);
            right.set_count(cells, more + moved);
        } else if count < target {
            let moved = target - count;
            left.set_entry(cells, count, parent.entry(at));
            left.copy_entries(cells, count + 1, (right, 0), moved - 1);
            left.copy_children(cells, count + 1, (right, 0), moved);
            parent.set_entry(cells, at, right.entry(moved - 1));
            right.copy_entries(cells, 0, (right, moved), more - moved);
            right.copy_children(cells, 0, (right, moved), more - moved + 1);
            left.set_count(cells, target);
            right.set_count(cells, more - moved);
        }
    }
}
