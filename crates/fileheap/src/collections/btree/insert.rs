//! Insertion into a B-tree: all memory is asked for before anything is changed.
//!
//! So an allocator that panics leaves the map as it was. A full node is split in the middle, but
//! at the ends of the map beside the new entry: who appends leaves full nodes behind.

use core::marker::PhantomData;

use allocator_api2::alloc::Allocator;

use super::map::BTreeMap;
use super::node::{CAPACITY, Node};
use super::place::{Gap, Place};

/// Empty nodes of heights `taken..`, ready for an insertion; what is not used is freed.
struct Spares<'a, K, V, A: Allocator> {
    /// The next one; each names its successor as its parent.
    first: Option<Node<K, V>>,
    taken: usize,
    alloc: &'a A,
}

impl<'a, K, V, A: Allocator> Spares<'a, K, V, A> {
    fn allocate(count: usize, alloc: &'a A) -> Self {
        let mut spares = Spares { first: None, taken: count, alloc };
        for height in (0..count).rev() {
            let node = Node::new(height, alloc);
            // SAFETY: the node has just been made.
            unsafe { node.set_parent(spares.first.map(|next| (next, 0))) };
            spares.first = Some(node);
            spares.taken = height;
        }
        spares
    }

    /// The spare node of the lowest height.
    fn take(&mut self) -> Node<K, V> {
        let node = self.first.expect("as many were made as are taken");
        // SAFETY: spare nodes are alive and linked by their parents.
        unsafe {
            self.first = node.parent().map(|(next, _)| next);
            node.set_parent(None);
        }
        self.taken += 1;
        node
    }
}

impl<K, V, A: Allocator> Drop for Spares<'_, K, V, A> {
    fn drop(&mut self) {
        while self.first.is_some() {
            let height = self.taken;
            let node = self.take();
            // SAFETY: made at this height with this allocator, and nobody has it.
            unsafe { node.free(height, self.alloc) };
        }
    }
}

/// Where in the map a new entry comes.
#[derive(Clone, Copy, PartialEq)]
enum End {
    First,
    Last,
    Neither,
}

impl End {
    unsafe fn of<K, V>(gap: Gap<K, V>) -> Self {
        // SAFETY: the caller's tree is alive.
        unsafe {
            if gap.right().is_none() {
                End::Last
            } else if gap.left().is_none() {
                End::First
            } else {
                End::Neither
            }
        }
    }

    /// Which entry of a full node goes up when one is inserted at `index`.
    fn middle(self, index: usize) -> usize {
        const HALF: usize = CAPACITY / 2;
        match self {
            End::First => 0,
            End::Last => CAPACITY - 1,
            End::Neither if index < HALF => HALF - 1,
            End::Neither if index <= HALF + 1 => HALF,
            End::Neither => HALF + 1,
        }
    }
}

/// Moves what is above entry `middle` of a full node into an empty one, and that entry out.
unsafe fn split<K, V>(
    node: Node<K, V>,
    new: Node<K, V>,
    middle: usize,
    has_children: bool,
) -> (K, V) {
    let moved = CAPACITY - middle - 1;
    // SAFETY: `node` is full and `new` empty, both of the same height.
    unsafe {
        if has_children {
            new.set_child(0, node.child(middle + 1));
        }
        new.take_tail(0, node, middle + 1, moved, has_children);
        new.set_len(moved);
        node.set_len(middle);
        (node.key(middle).read(), node.value(middle).read())
    }
}

impl<K, V, A: Allocator> BTreeMap<K, V, A> {
    /// Inserts into a gap of this map and says where the entry is then. The gap is where the key
    /// belongs; a wrong one gives a map in wrong order, not an unsound one.
    pub(super) unsafe fn insert_at(&mut self, gap: Gap<K, V>, key: K, value: V) -> Place<K, V> {
        // SAFETY: the gap is in this map, which nobody else changes.
        unsafe {
            if gap.leaf.len() < CAPACITY {
                gap.leaf.insert(gap.index, (key, value), None);
                self.len += 1;
                return Place { node: gap.leaf, height: 0, index: gap.index };
            }
            self.insert_splitting(gap, (key, value))
        }
    }

    unsafe fn insert_splitting(&mut self, gap: Gap<K, V>, entry: (K, V)) -> Place<K, V> {
        // SAFETY: as above; once the nodes are there, nothing can fail.
        unsafe {
            let full = full_levels(gap.leaf);
            let is_taller = full == self.height + 1;
            let end = End::of(gap);
            let mut spares = Spares::allocate(full + usize::from(is_taller), &*self.alloc);

            let (mut node, mut index, mut height) = (gap.leaf, gap.index, 0);
            let (mut entry, mut right) = (entry, None);
            let mut landed = Place { node, height, index };
            while height < full {
                let new = spares.take();
                let middle = end.middle(index);
                let up = split(node, new, middle, height > 0);
                let (target, at) =
                    if index <= middle { (node, index) } else { (new, index - middle - 1) };
                target.insert(at, entry, right);
                if height == 0 {
                    landed = Place { node: target, height, index: at };
                }
                (entry, right) = (up, Some(new));
                height += 1;
                match node.parent() {
                    Some(parent) => (node, index) = parent,
                    None => {
                        let root = spares.take();
                        root.set_child(0, node);
                        (node, index) = (root, 0);
                        self.root = Some(root);
                        self.height = height;
                    }
                }
            }
            node.insert(index, entry, right);
            self.len += 1;
            landed
        }
    }

    /// Inserts the first entry of a map that has no root yet.
    pub(super) fn insert_first(&mut self, key: K, value: V) -> Place<K, V> {
        debug_assert!(self.root.is_none());
        let leaf = Node::new(0, &*self.alloc);
        self.root = Some(leaf);
        // SAFETY: the gap is in the leaf just made.
        unsafe { self.insert_at(Gap { leaf, index: 0 }, key, value) }
    }
}

/// How many nodes are full, from this one upwards, before one that is not.
unsafe fn full_levels<K, V>(leaf: Node<K, V>) -> usize {
    let mut full = 0;
    let mut next = Some(leaf);
    while let Some(node) = next {
        // SAFETY: parents lead up to the root and no further.
        unsafe {
            if node.len() < CAPACITY {
                break;
            }
            full += 1;
            next = node.parent().map(|(parent, _)| parent);
        }
    }
    full
}

/// Fills a map with entries that come in order.
pub(super) struct Appender<K, V, A: Allocator> {
    map: BTreeMap<K, V, A>,
    /// The last leaf.
    tail: Option<Node<K, V>>,
    owns: PhantomData<(K, V)>,
}

impl<K, V, A: Allocator> Appender<K, V, A> {
    pub(super) fn new(alloc: A) -> Self {
        Appender { map: BTreeMap::new_in(alloc), tail: None, owns: PhantomData }
    }

    pub(super) fn push(&mut self, key: K, value: V) {
        let place = match self.tail {
            None => self.map.insert_first(key, value),
            // SAFETY: the tail is the last leaf of the map that only this appender has.
            Some(leaf) => unsafe {
                let index = leaf.len();
                self.map.insert_at(Gap { leaf, index }, key, value)
            },
        };
        self.tail = Some(place.node);
    }

    pub(super) fn finish(self) -> BTreeMap<K, V, A> {
        self.map
    }
}
