//! The catalog's cells: tree slots and nodes, entries of names, records of vectors.

use std::mem::offset_of;

use super::{Header, Plain};

/// Bytes of a node of a tree.
pub const NODE_BYTES: u64 = 1024;
/// Alignment of nodes.
pub const NODE_ALIGN: u64 = 64;
/// Entries that fit into a leaf.
pub const LEAF_ENTRIES: usize = (NODE_BYTES as usize - size_of::<NodeHead>()) / 16;
/// Entries that fit into a node with children, of which it has one more.
pub const INNER_ENTRIES: usize = (NODE_BYTES as usize - size_of::<NodeHead>() - 8) / 24;
/// The highest level that a root can have; leaves are level 0.
pub const LEVEL_MAX: u16 = 15;
/// Flag of a record: nothing but the record points at its payload, which may be moved.
pub const RECORD_RELOCATABLE: u64 = 1;
/// The longest name in bytes.
pub const NAME_MAX_BYTES: usize = 255;

// SAFETY: one integer.
unsafe impl Plain for u64 {}

/// F9: where a tree hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct TreeSlot {
    /// Root node, or 0 while the tree is empty.
    pub root: u64,
    /// Number of entries.
    pub count: u64,
}

// SAFETY: repr(C), integers only, no padding (asserted below).
unsafe impl Plain for TreeSlot {}
const _: () = assert!(size_of::<TreeSlot>() == 16 && offset_of!(TreeSlot, count) == 8);
const _: () = assert!(offset_of!(Header, names_count) == offset_of!(Header, names_root) + 8);
const _: () = assert!(offset_of!(Header, records_count) == offset_of!(Header, records_root) + 8);

/// F10: the first bytes of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct NodeHead {
    /// "NODE".
    pub tag: [u8; 4],
    /// Height above the leaves; one less than the parent's.
    pub level: u16,
    /// Entries in use.
    pub count: u16,
    /// Zero.
    pub reserved: u64,
}

// SAFETY: repr(C), integers only, no padding (asserted below).
unsafe impl Plain for NodeHead {}
const _: () = assert!(size_of::<NodeHead>() == 16 && offset_of!(NodeHead, count) == 6);

impl NodeHead {
    /// First bytes of a node.
    pub const TAG: [u8; 4] = *b"NODE";
}

/// F11: a node of level 0.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub struct LeafNode {
    /// Level and count.
    pub head: NodeHead,
    /// Ascending.
    pub keys: [u64; LEAF_ENTRIES],
    /// One for each key.
    pub values: [u64; LEAF_ENTRIES],
}

const _: () = assert!(size_of::<LeafNode>() as u64 == NODE_BYTES);

/// F12: a node of level 1 or above. Its entries lie between its children.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub struct InnerNode {
    /// Level and count.
    pub head: NodeHead,
    /// Ascending.
    pub keys: [u64; INNER_ENTRIES],
    /// One for each key.
    pub values: [u64; INNER_ENTRIES],
    /// Everything in child i is below entry i, everything in child i + 1 above.
    pub children: [u64; INNER_ENTRIES + 1],
}

const _: () = assert!(size_of::<InnerNode>() as u64 == NODE_BYTES);

/// F13: a bound name. The bytes of the name follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct NameCell {
    /// "NAME".
    pub tag: [u8; 4],
    /// Length of the name.
    pub name_bytes: u32,
    /// What the face that bound it calls this sort of root.
    pub kind: u32,
    /// Zero.
    pub flags: u32,
    /// Hash of the layout of the root's type.
    pub fingerprint: u64,
    /// Where the root lies.
    pub offset: u64,
    /// Length of the root.
    pub bytes: u64,
    /// Zero.
    pub reserved: u64,
}

// SAFETY: repr(C), integers only, no padding (asserted below).
unsafe impl Plain for NameCell {}
const _: () = assert!(size_of::<NameCell>() == 48 && offset_of!(NameCell, fingerprint) == 16);

impl NameCell {
    /// First bytes of a bound name.
    pub const TAG: [u8; 4] = *b"NAME";
}

/// F14: what the heap knows of one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct VectorRecord {
    /// Ascending, never used twice.
    pub id: u64,
    /// The owner's count of changes.
    pub generation: u64,
    /// A RecordState.
    pub state: u32,
    /// The owner's number for the type of the elements.
    pub element: u32,
    /// Number of elements.
    pub length: u64,
    /// Where the elements lie, or 0.
    pub payload_offset: u64,
    /// Bytes that they occupy.
    pub payload_bytes: u64,
    /// The owner's.
    pub flags: u64,
    /// The owner's, such as the offset of attributes.
    pub extra: [u64; 2],
    /// Zero.
    pub reserved: [u64; 3],
}

// SAFETY: repr(C), integers only, no padding (asserted below).
unsafe impl Plain for VectorRecord {}
const _: () = assert!(size_of::<VectorRecord>() == 96 && offset_of!(VectorRecord, length) == 24);

/// How far a vector's life has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum RecordState {
    /// Being filled; nobody else may rely on it.
    InProgress = 1,
    /// Complete.
    Committed = 2,
    /// Given up; its id still answers so that late references can tell.
    Tombstone = 3,
}

impl RecordState {
    /// The state that a stored number means.
    #[must_use]
    pub fn from_stored(number: u32) -> Option<Self> {
        Some(match number {
            1 => Self::InProgress,
            2 => Self::Committed,
            3 => Self::Tombstone,
            _ => return None,
        })
    }
}
