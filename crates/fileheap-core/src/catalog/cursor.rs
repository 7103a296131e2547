//! Walking through a tree in order, from any point on.

use super::memory::corrupt;
use super::node::{Entry, Node};
use super::tree::{Order, TreeView};
use crate::Result;

/// An iterator over entries in order. After an error it ends.
#[derive(Debug)]
pub struct Cursor<'a, O: Order> {
    tree: TreeView<'a, O>,
    /// The nodes whose entries are still to come, each with the index of the next one.
    stack: Vec<(Node, usize)>,
    previous: Option<u64>,
}

impl<'a, O: Order> Cursor<'a, O> {
    pub(super) fn at_start(tree: TreeView<'a, O>) -> Result<Self> {
        let mut cursor = Self { tree, stack: Vec::new(), previous: None };
        if let Some(root) = tree.root()? {
            cursor.descend(root)?;
        }
        Ok(cursor)
    }

    /// Before (`inclusive`) or behind the entry equal to `probe`, or where it would be.
    pub(super) fn at(tree: TreeView<'a, O>, probe: &O::Probe, inclusive: bool) -> Result<Self> {
        let mut cursor = Self { tree, stack: Vec::new(), previous: None };
        let Some(mut node) = tree.root()? else { return Ok(cursor) };
        loop {
            let (index, is_found) = tree.search(node, probe)?;
            let next = index + usize::from(is_found && !inclusive);
            cursor.stack.push((node, next));
            if is_found && inclusive {
                return Ok(cursor);
            }
            if node.is_leaf() {
                return Ok(cursor);
            }
            let child = tree.memory.child(node, next)?;
            if is_found {
                cursor.descend(child)?;
                return Ok(cursor);
            }
            node = child;
        }
    }

    /// Goes down the left edge below `node`.
    fn descend(&mut self, mut node: Node) -> Result<()> {
        loop {
            self.stack.push((node, 0));
            if node.is_leaf() {
                return Ok(());
            }
            node = self.tree.memory.child(node, 0)?;
        }
    }

    fn step(&mut self) -> Result<Option<Entry>> {
        while let Some((node, index)) = self.stack.last_mut() {
            let node = *node;
            if *index == node.count() {
                self.stack.pop();
                continue;
            }
            let entry = node.entry(*index);
            *index += 1;
            let below = *index;
            if !node.is_leaf() {
                self.descend(self.tree.memory.child(node, below)?)?;
            }
            // Also what ends the walk when a damaged tree has two parents for one child.
            if self
                .previous
                .is_some_and(|last| last > entry.key || O::UNIQUE_KEYS && last == entry.key)
            {
                return Err(corrupt(node.offset(), "the keys of a tree do not ascend"));
            }
            self.previous = Some(entry.key);
            return Ok(Some(entry));
        }
        Ok(None)
    }
}

impl<O: Order> Iterator for Cursor<'_, O> {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step();
        if step.is_err() {
            self.stack.clear();
        }
        step.transpose()
    }
}
