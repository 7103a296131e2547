//! Character vectors: Arrow's string views over buffers, a validity bitmap, a mark for each string.
//!
//! The payload holds the views, then the bitmap, then the marks. A view of up to 12 bytes has its
//! text in it; a longer one names a buffer and a place.

use fileheap_core::Result;
use fileheap_core::catalog::Memory;
use fileheap_core::format::Plain;

/// Bytes of a view.
pub const VIEW_BYTES: u64 = 16;
/// A view holds texts of up to so many bytes itself.
pub const INLINE_BYTES: usize = 12;
/// The first bytes of a buffer say how much of it is used, themselves included.
pub const BUFFER_HEAD: u64 = 16;
/// The first bytes of a buffer table: count and capacity.
pub const TABLE_HEAD: u64 = 16;

/// A buffer of strings' bytes, as the buffer table of a character vector lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
#[allow(missing_docs)] // they say it
pub struct BufferEntry {
    pub offset: u64,
    pub bytes: u64,
}

// SAFETY: repr(C), integers only, no padding.
unsafe impl Plain for BufferEntry {}

/// Where validity and marks begin in the payload of so many strings.
#[must_use]
pub fn text_parts(length: u64) -> (u64, u64) {
    let validity = length * VIEW_BYTES;
    (validity, validity + length.div_ceil(64) * 8)
}

/// The entries of a buffer table; none at offset 0.
pub fn buffer_table(memory: Memory<'_>, at: u64) -> Result<Vec<BufferEntry>> {
    if at == 0 {
        return Ok(Vec::new());
    }
    let count: u64 = memory.read(at)?;
    let entry_bytes = size_of::<BufferEntry>() as u64;
    // Bounds first: a damaged count must not become a large allocation.
    memory.slice(at, count.saturating_mul(entry_bytes).saturating_add(TABLE_HEAD))?;
    (0..count).map(|index| memory.read(at + TABLE_HEAD + index * entry_bytes)).collect()
}
