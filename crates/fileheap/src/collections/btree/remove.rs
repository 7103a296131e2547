//! Removal from a B-tree: out of a leaf, whose neighbours then fill it up or take it in.

use allocator_api2::alloc::Allocator;
use core::ptr;

use super::map::BTreeMap;
use super::node::{CAPACITY, LOW, Node};
use super::place::{Gap, Place};

/// Two neighbouring children and the entry between them.
struct Pair<K, V> {
    parent: Node<K, V>,
    /// Of the entry, and of the child on its left.
    index: usize,
    left: Node<K, V>,
    right: Node<K, V>,
    /// Of the children.
    height: usize,
}

impl<K, V, A: Allocator> BTreeMap<K, V, A> {
    /// Takes an entry of this map out; the gap is where it was.
    pub(super) unsafe fn remove_at(&mut self, place: Place<K, V>) -> ((K, V), Gap<K, V>) {
        // SAFETY: the entry is in this map, which nobody else changes. No code of the user runs
        // here, so nobody sees the order that is wrong until the entry is out.
        unsafe {
            if place.height == 0 {
                return self.remove_from_leaf(place.node, place.index);
            }
            // Change places with the entry before it, which is in a leaf.
            let Gap { leaf, index } = place.before();
            ptr::swap(place.key(), leaf.key(index - 1));
            ptr::swap(place.value(), leaf.value(index - 1));
            let (entry, gap) = self.remove_from_leaf(leaf, index - 1);
            // The entry that was before is now behind the gap.
            let gap = gap.right().map_or(gap, |moved| moved.after());
            (entry, gap)
        }
    }

    unsafe fn remove_from_leaf(&mut self, leaf: Node<K, V>, index: usize) -> ((K, V), Gap<K, V>) {
        // SAFETY: the leaf is in this map and has the entry.
        unsafe {
            let entry = leaf.remove(index, false);
            self.len -= 1;
            let mut gap = Gap { leaf, index };
            if leaf.len() < LOW {
                self.refill(&mut gap);
            }
            (entry, gap)
        }
    }

    /// Sees to it that nodes from the gap's leaf upwards have at least `LOW` entries. The gap
    /// stays the same gap, wherever it goes.
    unsafe fn refill(&mut self, gap: &mut Gap<K, V>) {
        let mut node = gap.leaf;
        let mut height = 0;
        // SAFETY: every node but the root has a neighbour, because its parent has an entry.
        unsafe {
            while node.len() < LOW {
                let Some((parent, child)) = node.parent() else { break };
                let index = child.saturating_sub(1);
                let (left, right) = (parent.child(index), parent.child(index + 1));
                let pair = Pair { parent, index, left, right, height };
                let is_right = child > 0;
                let left_len = left.len();
                let fits = left_len + 1 + right.len() <= CAPACITY;
                if fits {
                    pair.merge(&*self.alloc);
                    if height == 0 && is_right {
                        *gap = Gap { leaf: left, index: left_len + 1 + gap.index };
                    }
                } else if is_right {
                    let count = (left_len - node.len()) / 2;
                    pair.move_right(count);
                    gap.index += if height == 0 { count } else { 0 };
                } else {
                    pair.move_left((right.len() - node.len()) / 2);
                }
                node = parent;
                height += 1;
            }
            self.lower_root();
        }
    }

    /// A root without entries has one child, which becomes the root.
    unsafe fn lower_root(&mut self) {
        let Some(root) = self.root else { return };
        // SAFETY: the root is alive, and of this height.
        unsafe {
            if self.height > 0 && root.len() == 0 {
                let child = root.child(0);
                child.set_parent(None);
                root.free(self.height, &*self.alloc);
                self.root = Some(child);
                self.height -= 1;
            }
        }
    }
}

impl<K, V> Pair<K, V> {
    /// Moves the entry between and all of the right node into the left one.
    unsafe fn merge<A: Allocator>(self, alloc: &A) {
        let has_children = self.height > 0;
        // SAFETY: the caller saw that everything fits into the left node.
        unsafe {
            let (len, moved) = (self.left.len(), self.right.len());
            let between = self.parent.remove(self.index, true);
            self.left.key(len).write(between.0);
            self.left.value(len).write(between.1);
            if has_children {
                self.left.set_child(len + 1, self.right.child(0));
            }
            self.left.take_tail(len + 1, self.right, 0, moved, has_children);
            self.left.set_len(len + 1 + moved);
            self.right.free(self.height, alloc);
        }
    }

    /// Moves `count` entries from the left node to the right one, through the entry between.
    unsafe fn move_right(self, count: usize) {
        let has_children = self.height > 0;
        // SAFETY: the left node has more than `count` entries, the right one place for as many.
        unsafe {
            let rest = self.left.len() - count;
            self.right.make_room(count, has_children);
            let (left, right) = (self.left, self.right);
            ptr::copy_nonoverlapping(left.key(rest + 1), right.key(0), count - 1);
            ptr::copy_nonoverlapping(left.value(rest + 1), right.value(0), count - 1);
            self.rotate(right, count - 1, left, rest);
            for index in 0..count * usize::from(has_children) {
                right.set_child(index, left.child(rest + 1 + index));
            }
            left.set_len(rest);
        }
    }

    /// Moves `count` entries from the right node to the left one, through the entry between.
    unsafe fn move_left(self, count: usize) {
        let has_children = self.height > 0;
        // SAFETY: the right node has more than `count` entries, the left one place for as many.
        unsafe {
            let (left, right) = (self.left, self.right);
            let len = left.len();
            ptr::copy_nonoverlapping(right.key(0), left.key(len + 1), count - 1);
            ptr::copy_nonoverlapping(right.value(0), left.value(len + 1), count - 1);
            self.rotate(left, len, right, count - 1);
            for index in 0..count * usize::from(has_children) {
                left.set_child(len + 1 + index, right.child(index));
            }
            left.set_len(len + count);
            right.close_room(count, has_children);
        }
    }

    /// Moves the entry between down to a free place, and another one up into its place.
    unsafe fn rotate(&self, to: Node<K, V>, to_index: usize, from: Node<K, V>, from_index: usize) {
        // SAFETY: the target is not initialized, the source is not read again.
        unsafe {
            let (key, value) = (self.parent.key(self.index), self.parent.value(self.index));
            ptr::copy_nonoverlapping(key, to.key(to_index), 1);
            ptr::copy_nonoverlapping(value, to.value(to_index), 1);
            ptr::copy_nonoverlapping(from.key(from_index), key, 1);
            ptr::copy_nonoverlapping(from.value(from_index), value, 1);
        }
    }
}
