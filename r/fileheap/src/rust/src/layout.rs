//! What R keeps in a heap beside vectors' elements: its root, its flags, its cells. docs/R.md.

use fileheap_core::format::Plain;

/// Which of the heap's face roots is R's.
pub const FACE_ROOT: usize = 2;
/// `Root::kind` of names that R binds: "R".
pub const ROOT_KIND: u32 = 0x52;

/// Flags of a record, beside the engine's RELOCATABLE.
pub const TEMPORARY: u64 = 1 << 8;
/// Its payload is a direct extent.
pub const DIRECT: u64 = 1 << 9;
/// Its owner wished it away: nobody is to see it any more, even where it still could be.
pub const UNWANTED: u64 = 1 << 10;
/// One object cell that refers to the record.
pub const ONE_REFERENCE: u64 = 1 << 32;

/// R's numbers for types of vectors; they are the numbers in records, too.
pub const LGLSXP: u32 = 10;
pub const INTSXP: u32 = 13;
pub const REALSXP: u32 = 14;
pub const CPLXSXP: u32 = 15;
pub const STRSXP: u32 = 16;
pub const VECSXP: u32 = 19;
pub const RAWSXP: u32 = 24;

/// Bytes of an element in the payload, marks and validity of strings not counted.
pub fn element_bytes(element: u32) -> Option<u64> {
    match element {
        LGLSXP | INTSXP => Some(4),
        REALSXP | VECSXP => Some(8),
        CPLXSXP | STRSXP => Some(16),
        RAWSXP => Some(1),
        _ => None,
    }
}

/// Vectors are no longer than R allows.
pub const LENGTH_MAX: u64 = 1 << 52;

/// R's root: the first thing R makes in a heap.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct FaceRoot {
    pub magic: [u8; 8],
    /// 1 persistent, 2 scratch.
    pub mode: u32,
    pub version: u32,
    /// Records that are temporary or buried: somebody has to look after them.
    pub loose_count: u64,
    pub reserved: [u64; 5],
}

// SAFETY: repr(C), integers only, no padding.
unsafe impl Plain for FaceRoot {}
const _: () = assert!(size_of::<FaceRoot>() == 64);
pub const FACE_MAGIC: [u8; 8] = *b"RFACE001";
pub const FACE_VERSION: u32 = 1;

/// An object cell: child ids, then R's serialization of the object, follow.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct ObjectHead {
    pub magic: [u8; 8],
    /// The record of the object itself if it is a vector of the heap, else 0.
    pub primary: u64,
    /// Records that the serialization refers to.
    pub child_count: u64,
    pub blob_bytes: u64,
}

// SAFETY: repr(C), integers only, no padding.
unsafe impl Plain for ObjectHead {}
const _: () = assert!(size_of::<ObjectHead>() == 32);
pub const OBJECT_MAGIC: [u8; 8] = *b"ROBJECT1";

/// A buffer of strings' bytes, as the buffer table of a character vector lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct BufferEntry {
    pub offset: u64,
    pub bytes: u64,
}

// SAFETY: repr(C), integers only, no padding.
unsafe impl Plain for BufferEntry {}

/// The first bytes of a buffer say how much of it is used, themselves included.
pub const BUFFER_HEAD: u64 = 16;
/// The first bytes of a buffer table: count and capacity.
pub const TABLE_HEAD: u64 = 16;
