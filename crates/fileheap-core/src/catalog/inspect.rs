//! Checking trees: every cell and every defect is reported, none is tripped over.

use std::cmp::Ordering;
use std::collections::HashSet;

use super::memory::Memory;
use super::node::{Entry, Node};
use super::tree::{Order, TreeView};
use crate::Error;
use crate::format::{NODE_BYTES, TreeSlot};

/// Who hears what a check comes upon.
pub trait Inspector {
    /// A cell in use: it must be allocated, and nothing else may reach it.
    fn cell(&mut self, offset: u64, bytes: u64);
    /// A defect of what lies at `offset`.
    fn finding(&mut self, offset: u64, what: String);
}

impl<O: Order> TreeView<'_, O> {
    /// Checks nodes, order and count; `entry` gets every entry, to check what its value leads to.
    pub fn check(
        &self,
        inspector: &mut dyn Inspector,
        entry: &mut dyn FnMut(&mut dyn Inspector, Entry),
    ) {
        let slot = match self.memory.read::<TreeSlot>(self.slot) {
            Ok(slot) => slot,
            Err(error) => return report(inspector, self.slot, &error),
        };
        let mut walk = Walk {
            memory: self.memory,
            order: self.order,
            inspector,
            entry,
            seen: HashSet::new(),
            previous: None,
            count: 0,
            is_whole: true,
        };
        if slot.root != 0 {
            match self.memory.node(slot.root) {
                Ok(root) => walk.node(root, true, true),
                Err(error) => return report(inspector, slot.root, &error),
            }
        }
        let found = walk.count;
        if walk.is_whole && found != slot.count {
            let said = slot.count;
            inspector.finding(self.slot, format!("{said} entries are said, {found} are there"));
        }
    }
}

/// Passes an error on as a finding.
pub(super) fn report(inspector: &mut dyn Inspector, offset: u64, error: &Error) {
    inspector.finding(error.file_offset().unwrap_or(offset), error.to_string());
}

struct Walk<'a, 'i, O: Order> {
    memory: Memory<'a>,
    order: O,
    inspector: &'i mut dyn Inspector,
    entry: &'i mut dyn FnMut(&mut dyn Inspector, Entry),
    seen: HashSet<u64>,
    previous: Option<Entry>,
    count: u64,
    /// No part had to be left out.
    is_whole: bool,
}

impl<O: Order> Walk<'_, '_, O> {
    /// Checks `node` and everything below it. Levels bound the depth, `seen` the breadth.
    fn node(&mut self, node: Node, is_root: bool, is_last: bool) {
        let offset = node.offset();
        if !self.seen.insert(offset) {
            self.is_whole = false;
            self.inspector.finding(offset, "two ways lead to this node of a tree".into());
            return;
        }
        self.inspector.cell(offset, NODE_BYTES);
        if node.count() == 0 || node.is_low() && !is_root && !is_last {
            let count = node.count();
            self.inspector.finding(offset, format!("a node has too few entries: {count}"));
        }
        for index in 0..node.count() {
            self.child(node, index, false);
            self.visit(node, node.entry(index));
        }
        self.child(node, node.count(), is_last);
    }

    fn child(&mut self, node: Node, index: usize, is_last: bool) {
        if node.is_leaf() {
            return;
        }
        match self.memory.child(node, index) {
            Ok(child) => self.node(child, false, is_last),
            Err(error) => {
                self.is_whole = false;
                report(self.inspector, node.offset(), &error);
            }
        }
    }

    fn visit(&mut self, node: Node, entry: Entry) {
        self.count += 1;
        if let Some(last) = self.previous {
            let order = match last.key.cmp(&entry.key) {
                Ordering::Equal if !O::UNIQUE_KEYS => {
                    self.order.tie_between(self.memory, last.value, entry.value)
                }
                order => Ok(order),
            };
            match order {
                Ok(Ordering::Equal | Ordering::Greater) => {
                    let what = format!("key {:#x} follows {:#x}", entry.key, last.key);
                    self.inspector.finding(node.offset(), what);
                }
                // A value that leads nowhere is reported where values are checked.
                Ok(Ordering::Less) | Err(_) => {}
            }
        }
        self.previous = Some(entry);
        (self.entry)(self.inspector, entry);
    }
}
