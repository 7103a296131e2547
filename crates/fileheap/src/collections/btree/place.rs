//! Places in a B-tree: entries, the gaps between them, and how to find and walk them.

use core::borrow::Borrow;
use core::cmp::Ordering;

use super::node::Node;

/// A gap between two entries, or before the first or behind the last. Each gap has exactly one
/// name: it lies in a leaf, where entries are inserted.
pub(super) struct Gap<K, V> {
    pub(super) leaf: Node<K, V>,
    pub(super) index: usize,
}

/// An entry: `index < node.len()`.
pub(super) struct Place<K, V> {
    pub(super) node: Node<K, V>,
    pub(super) height: usize,
    pub(super) index: usize,
}

impl<K, V> Clone for Gap<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K, V> Copy for Gap<K, V> {}
impl<K, V> PartialEq for Gap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.leaf == other.leaf && self.index == other.index
    }
}
impl<K, V> Clone for Place<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K, V> Copy for Place<K, V> {}

/// The law: the tree that the gap is in is alive and has not changed since.
impl<K, V> Gap<K, V> {
    /// The entry behind the gap.
    pub(super) unsafe fn right(self) -> Option<Place<K, V>> {
        let (mut node, mut index, mut height) = (self.leaf, self.index, 0);
        // SAFETY: parents lead up to the root and no further.
        unsafe {
            while index == node.len() {
                (node, index) = node.parent()?;
                height += 1;
            }
        }
        Some(Place { node, height, index })
    }

    /// The entry before the gap.
    pub(super) unsafe fn left(self) -> Option<Place<K, V>> {
        let (mut node, mut index, mut height) = (self.leaf, self.index, 0);
        // SAFETY: parents lead up to the root and no further.
        unsafe {
            while index == 0 {
                (node, index) = node.parent()?;
                height += 1;
            }
        }
        Some(Place { node, height, index: index - 1 })
    }
}

/// The law is that of gaps.
impl<K, V> Place<K, V> {
    pub(super) unsafe fn before(self) -> Gap<K, V> {
        match self.height {
            0 => Gap { leaf: self.node, index: self.index },
            // SAFETY: an internal node has a child on either side of each entry.
            height => unsafe { last_gap(self.node.child(self.index), height - 1) },
        }
    }

    pub(super) unsafe fn after(self) -> Gap<K, V> {
        match self.height {
            0 => Gap { leaf: self.node, index: self.index + 1 },
            // SAFETY: an internal node has a child on either side of each entry.
            height => unsafe { first_gap(self.node.child(self.index + 1), height - 1) },
        }
    }

    pub(super) unsafe fn key(self) -> *mut K {
        // SAFETY: the entry is there.
        unsafe { self.node.key(self.index) }
    }

    pub(super) unsafe fn value(self) -> *mut V {
        // SAFETY: the entry is there.
        unsafe { self.node.value(self.index) }
    }
}

/// The gap before the first entry under `node`.
pub(super) unsafe fn first_gap<K, V>(mut node: Node<K, V>, height: usize) -> Gap<K, V> {
    for _ in 0..height {
        // SAFETY: a node above height 0 has a first child.
        node = unsafe { node.child(0) };
    }
    Gap { leaf: node, index: 0 }
}

/// The gap behind the last entry under `node`.
pub(super) unsafe fn last_gap<K, V>(mut node: Node<K, V>, height: usize) -> Gap<K, V> {
    // SAFETY: a node above height 0 has a child behind its last entry.
    unsafe {
        for _ in 0..height {
            node = node.child(node.len());
        }
        Gap { leaf: node, index: node.len() }
    }
}

/// The entry with this key, or the gap where it would be.
pub(super) unsafe fn search<K, V, Q>(
    mut node: Node<K, V>,
    mut height: usize,
    key: &Q,
) -> Result<Place<K, V>, Gap<K, V>>
where
    K: Borrow<Q>,
    Q: Ord + ?Sized,
{
    loop {
        // SAFETY: the tree is alive; the keys are only looked at here.
        let keys = unsafe { node.keys() };
        let index = match find(keys, key) {
            Ok(index) => return Ok(Place { node, height, index }),
            Err(index) => index,
        };
        if height == 0 {
            return Err(Gap { leaf: node, index });
        }
        // SAFETY: `index <= len`, and the node has children.
        node = unsafe { node.child(index) };
        height -= 1;
    }
}

/// The key in a node, or where it would be.
#[inline]
fn find<K: Borrow<Q>, Q: Ord + ?Sized>(keys: &[K], key: &Q) -> Result<usize, usize> {
    if is_plain::<K>() { halve_to(keys, key) } else { step_to(keys, key) }
}

/// Whether a key is likely a number: a word at most, and nothing to drop.
const fn is_plain<K>() -> bool {
    !core::mem::needs_drop::<K>() && size_of::<K>() <= 8
}

/// Halving, with conditional moves for numbers: no branch is guessed wrong in every node.
#[inline]
fn halve_to<K: Borrow<Q>, Q: Ord + ?Sized>(keys: &[K], key: &Q) -> Result<usize, usize> {
    let index = keys.partition_point(|candidate| key.cmp(candidate.borrow()) == Ordering::Greater);
    match keys.get(index) {
        Some(candidate) if key.cmp(candidate.borrow()) == Ordering::Equal => Ok(index),
        _ => Err(index),
    }
}

/// One after another: the processor guesses that it goes on and fetches what the next keys lead to
/// meanwhile. Halving, where it cannot, took twice the time with strings.
#[inline]
fn step_to<K: Borrow<Q>, Q: Ord + ?Sized>(keys: &[K], key: &Q) -> Result<usize, usize> {
    for (index, candidate) in keys.iter().enumerate() {
        match key.cmp(candidate.borrow()) {
            Ordering::Greater => {}
            Ordering::Equal => return Ok(index),
            Ordering::Less => return Err(index),
        }
    }
    Err(keys.len())
}
