//! The header page: the transactional state of the heap as a whole.

use super::Plain;

/// F2: lies at HEADER_OFFSET; changed by transactions like any other memory.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Header {
    /// "HEAPHEAD".
    pub magic: [u8; 8],
    /// Pages of the file in use by this heap, from offset 0.
    pub page_count: u64,
    /// Offset of the directory: an array of offsets of map chunks.
    pub directory_offset: u64,
    /// Entries the directory has room for.
    pub directory_capacity: u64,
    /// Root node of the tree of names, or 0.
    pub names_root: u64,
    /// Number of names.
    pub names_count: u64,
    /// Root node of the tree of records, or 0.
    pub records_root: u64,
    /// Number of records.
    pub records_count: u64,
    /// The id that the next record gets.
    pub next_record: u64,
    /// First page of the run that zone bitmaps are taken from, or 0.
    pub bitmap_run: u64,
    /// Pages of it taken so far.
    pub bitmap_used: u64,
    /// Top of the stack of returned bitmap pages, or 0.
    pub bitmap_free: u64,
    /// For the faces: offsets of their own roots.
    pub face_roots: [u64; 8],
}

// SAFETY: repr(C), integers only, no padding (asserted below).
unsafe impl Plain for Header {}
const _: () = assert!(size_of::<Header>() == 160);

impl Header {
    /// First bytes of the header page.
    pub const MAGIC: [u8; 8] = *b"HEAPHEAD";
}
