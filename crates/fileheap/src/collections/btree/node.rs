//! Nodes of the B-tree: their layout, how they are made and freed, and moves inside them.
//!
//! Everything here is raw: a node is only ever reached through a pointer to all of its memory, and
//! no reference to a whole node exists, so that references to keys and values stay valid while
//! other parts of the node are read.

use core::alloc::Layout;
use core::mem::MaybeUninit;
use core::ptr::{self, NonNull};

use allocator_api2::alloc::{Allocator, handle_alloc_error};

/// Keys in a full node. In quiet rounds of 60,000 entries (examples/collections_speed), 15 was as
/// fast as the standard library's 11 or faster in all but copying numbers.
pub(super) const CAPACITY: usize = 15;
/// A node with fewer keys is filled up or merged when something is removed from it.
pub(super) const LOW: usize = CAPACITY / 3;

/// A node without children, and the first part of one that has some.
#[repr(C)]
pub(super) struct Leaf<K, V> {
    /// The internal node above; none for the root. A `*mut` here would make maps invariant, which
    /// those of the standard library are not.
    parent: Option<NonNull<Internal<K, V>>>,
    /// Which child of `parent` this is.
    index: u16,
    /// Initialized keys and values.
    len: u16,
    keys: [MaybeUninit<K>; CAPACITY],
    values: [MaybeUninit<V>; CAPACITY],
}

/// A node with children: `len + 1` of them.
#[repr(C)]
pub(super) struct Internal<K, V> {
    leaf: Leaf<K, V>,
    children: [MaybeUninit<Node<K, V>>; CAPACITY + 1],
}

/// A pointer to a node of either kind; only its height tells which.
#[repr(transparent)]
pub(super) struct Node<K, V>(NonNull<Leaf<K, V>>);

impl<K, V> Clone for Node<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K, V> Copy for Node<K, V> {}

impl<K, V> PartialEq for Node<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

fn layout_at<K, V>(height: usize) -> Layout {
    if height == 0 { Layout::new::<Leaf<K, V>>() } else { Layout::new::<Internal<K, V>>() }
}

/// The law of all these functions: the node is alive, indices are within what each says, and
/// functions about children are called on internal nodes only.
impl<K, V> Node<K, V> {
    /// An empty node without parent. Panics, or does what the program does when memory is short,
    /// if the allocator has none.
    pub(super) fn new<A: Allocator>(height: usize, alloc: &A) -> Self {
        let layout = layout_at::<K, V>(height);
        let Ok(memory) = alloc.allocate(layout) else { handle_alloc_error(layout) };
        let node = memory.cast::<Leaf<K, V>>();
        // SAFETY: fresh memory of a node's layout; what is not set here may be uninitialized.
        unsafe {
            (&raw mut (*node.as_ptr()).parent).write(None);
            (&raw mut (*node.as_ptr()).index).write(0);
            (&raw mut (*node.as_ptr()).len).write(0);
        }
        Node(node)
    }

    /// Gives the node's memory back, not what it contains.
    pub(super) unsafe fn free<A: Allocator>(self, height: usize, alloc: &A) {
        // SAFETY: made by `new` at this height, says the caller, with this or an equal allocator.
        unsafe { alloc.deallocate(self.0.cast(), layout_at::<K, V>(height)) }
    }

    fn leaf(self) -> *mut Leaf<K, V> {
        self.0.as_ptr()
    }

    pub(super) unsafe fn len(self) -> usize {
        // SAFETY: the node is alive.
        unsafe { (*self.leaf()).len as usize }
    }

    pub(super) unsafe fn set_len(self, len: usize) {
        debug_assert!(len <= CAPACITY);
        // SAFETY: the node is alive.
        unsafe { (*self.leaf()).len = len as u16 }
    }

    /// The node above and which of its children this is.
    pub(super) unsafe fn parent(self) -> Option<(Self, usize)> {
        // SAFETY: the node is alive.
        let (parent, index) = unsafe { ((*self.leaf()).parent, (*self.leaf()).index) };
        parent.map(|parent| (Node(parent.cast()), index as usize))
    }

    pub(super) unsafe fn set_parent(self, parent: Option<(Self, usize)>) {
        let (parent, index) = match parent {
            Some((parent, index)) => (Some(parent.0.cast()), index),
            None => (None, 0),
        };
        // SAFETY: the node is alive.
        unsafe {
            (*self.leaf()).parent = parent;
            (*self.leaf()).index = index as u16;
        }
    }

    /// Where key `index` is or will be; `index <= CAPACITY`.
    pub(super) unsafe fn key(self, index: usize) -> *mut K {
        // SAFETY: within the node or one past its last key.
        unsafe { (&raw mut (*self.leaf()).keys).cast::<K>().add(index) }
    }

    /// Where value `index` is or will be; `index <= CAPACITY`.
    pub(super) unsafe fn value(self, index: usize) -> *mut V {
        // SAFETY: within the node or one past its last value.
        unsafe { (&raw mut (*self.leaf()).values).cast::<V>().add(index) }
    }

    /// The initialized keys. They stay as they are for `'a`, says the caller.
    pub(super) unsafe fn keys<'a>(self) -> &'a [K] {
        // SAFETY: `len` keys are initialized.
        unsafe { core::slice::from_raw_parts(self.key(0), self.len()) }
    }

    unsafe fn child_place(self, index: usize) -> *mut Self {
        let internal = self.leaf().cast::<Internal<K, V>>();
        // SAFETY: an internal node's pointer covers all of it; `index <= CAPACITY + 1`.
        unsafe { (&raw mut (*internal).children).cast::<Self>().add(index) }
    }

    /// Child `index <= len`.
    pub(super) unsafe fn child(self, index: usize) -> Self {
        // SAFETY: children up to `len` are initialized.
        unsafe { self.child_place(index).read() }
    }

    /// Sets child `index` and tells it where it hangs.
    pub(super) unsafe fn set_child(self, index: usize, child: Self) {
        // SAFETY: both nodes are alive, `index <= CAPACITY`.
        unsafe {
            self.child_place(index).write(child);
            child.set_parent(Some((self, index)));
        }
    }

    /// Tells the children from `first` up to and with `last` where they hang.
    unsafe fn relink(self, first: usize, last: usize) {
        for index in first..=last {
            // SAFETY: these children are initialized.
            unsafe { self.child(index).set_parent(Some((self, index))) };
        }
    }

    /// Inserts an entry at `index <= len < CAPACITY`, and `right` as the child after it where the
    /// node has children.
    pub(super) unsafe fn insert(self, index: usize, entry: (K, V), right: Option<Self>) {
        // SAFETY: there is place for one more; what lies at `index` moves up by one first.
        unsafe {
            let len = self.len();
            debug_assert!(index <= len && len < CAPACITY);
            ptr::copy(self.key(index), self.key(index + 1), len - index);
            ptr::copy(self.value(index), self.value(index + 1), len - index);
            self.key(index).write(entry.0);
            self.value(index).write(entry.1);
            self.set_len(len + 1);
            if let Some(right) = right {
                let place = self.child_place(index + 1);
                ptr::copy(place, place.add(1), len - index);
                place.write(right);
                self.relink(index + 1, len + 1);
            }
        }
    }

    /// Takes entry `index < len` out, and the child after it where `has_children`.
    pub(super) unsafe fn remove(self, index: usize, has_children: bool) -> (K, V) {
        // SAFETY: the entry is read out once, and what lies above it moves down over it.
        unsafe {
            let len = self.len();
            debug_assert!(index < len);
            let entry = (self.key(index).read(), self.value(index).read());
            let above = len - index - 1;
            ptr::copy(self.key(index + 1), self.key(index), above);
            ptr::copy(self.value(index + 1), self.value(index), above);
            self.set_len(len - 1);
            if has_children {
                let place = self.child_place(index + 1);
                ptr::copy(place.add(1), place, above);
                self.relink(index + 1, len - 1);
            }
            entry
        }
    }

    /// Moves `count` entries of `from`, from `start` on, behind those of this node; where
    /// `has_children`, the child after each of them as well. Lengths are the caller's to set.
    pub(super) unsafe fn take_tail(
        self,
        len: usize,
        from: Self,
        start: usize,
        count: usize,
        has_children: bool,
    ) {
        debug_assert!(len + count <= CAPACITY);
        // SAFETY: two different nodes; the source is initialized, the target has place.
        unsafe {
            ptr::copy_nonoverlapping(from.key(start), self.key(len), count);
            ptr::copy_nonoverlapping(from.value(start), self.value(len), count);
            if has_children && count > 0 {
                let place = self.child_place(len + 1);
                ptr::copy_nonoverlapping(from.child_place(start + 1), place, count);
                self.relink(len + 1, len + count);
            }
        }
    }

    /// Moves all entries up by `count`, and all children where `has_children`, to make place in
    /// front; the node's length counts the place from then on.
    pub(super) unsafe fn make_room(self, count: usize, has_children: bool) {
        // SAFETY: the caller saw to it that `len + count <= CAPACITY`.
        unsafe {
            let len = self.len();
            ptr::copy(self.key(0), self.key(count), len);
            ptr::copy(self.value(0), self.value(count), len);
            self.set_len(len + count);
            if has_children {
                ptr::copy(self.child_place(0), self.child_place(count), len + 1);
                self.relink(count, len + count);
            }
        }
    }

    /// Drops the first `count` places, which were moved out of, and the children before them.
    pub(super) unsafe fn close_room(self, count: usize, has_children: bool) {
        // SAFETY: `count <= len`; the first places are not to be read any more.
        unsafe {
            let len = self.len() - count;
            ptr::copy(self.key(count), self.key(0), len);
            ptr::copy(self.value(count), self.value(0), len);
            self.set_len(len);
            if has_children {
                ptr::copy(self.child_place(count), self.child_place(0), len + 1);
                self.relink(0, len);
            }
        }
    }
}

/// What a layout probe has to say of nodes: sizes and offsets.
pub(super) fn describe<K, V>() -> [usize; 6] {
    use core::mem::{offset_of, size_of};
    [
        CAPACITY,
        offset_of!(Leaf<K, V>, keys),
        offset_of!(Leaf<K, V>, values),
        size_of::<Leaf<K, V>>(),
        offset_of!(Internal<K, V>, children),
        size_of::<Internal<K, V>>(),
    ]
}
