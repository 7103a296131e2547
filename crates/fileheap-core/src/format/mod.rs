//! The bytes on disk. docs/FORMAT.md is their text; crates/tidy holds the two together.

mod bulletin;
mod catalog;
mod frame;
mod header;
mod map;
mod superblock;

pub(crate) use bulletin::AtomicU64;
pub use bulletin::{Bulletin, SLOT_COUNT, Slot};
pub use catalog::{
    INNER_ENTRIES, InnerNode, LEAF_ENTRIES, LEVEL_MAX, LeafNode, NAME_MAX_BYTES, NODE_ALIGN,
    NODE_BYTES, NameCell, NodeHead, RECORD_RELOCATABLE, RecordState, TreeSlot, VectorRecord,
};
pub use frame::{FRAME_COMMIT, FrameHeader, LogHeader, Record, RecordKind};
pub use header::Header;
pub use map::{Entry, RUN_DIRECT, RunKind};
pub use superblock::{LOG_LIVE, Superblock};

/// The unit of commit, of runs and of the page map, whatever the OS page is.
pub const PAGE_BYTES: u64 = 4096;
/// Superblocks and bulletin: the first 64 KiB, never part of a transaction.
pub const PREAMBLE_BYTES: u64 = 64 * 1024;
/// Where the transactional header page lies.
pub const HEADER_OFFSET: u64 = PREAMBLE_BYTES;
/// Pages described by one map chunk.
pub const CHUNK_PAGES: u64 = 16 * 1024;
/// Pages that a map chunk occupies: eight bytes for each page it describes.
pub const CHUNK_MAP_PAGES: u64 = CHUNK_PAGES * 8 / PAGE_BYTES;
/// Pages of a zone; its bitmaps fill exactly one page.
pub const ZONE_PAGES: u64 = 64;
/// Bytes of a zone.
pub const ZONE_BYTES: u64 = ZONE_PAGES * PAGE_BYTES;
/// The smallest cell and the unit of cell sizes.
pub const GRANULE_BYTES: u64 = 16;
/// Granules of a zone.
pub const ZONE_GRANULES: u64 = ZONE_BYTES / GRANULE_BYTES;
/// The largest size served from zones; larger ones are runs of pages.
pub const CELL_MAX_BYTES: u64 = 32 * 1024;
/// Allocations from this size on are extents: mapped shared while they are filled.
pub const EXTENT_BYTES: u64 = 2 * 1024 * 1024;
/// The largest heap this format describes.
pub const HEAP_MAX_BYTES: u64 = 8 << 40;
/// No counter of transactions, log generations or superblocks reaches this.
pub const COUNTER_MAX: u64 = 1 << 62;
/// The length of a new heap file.
pub const INITIAL_BYTES: u64 = 512 * 1024;

/// CRC-32 (IEEE) of `bytes`, continued from `seed`.
#[must_use]
pub fn checksum(seed: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(seed);
    hasher.update(bytes);
    hasher.finalize()
}

/// The same for headers that are read at opening. The fast way asks for processor features
/// first; in a virtual machine that question traps, tens of microseconds the first time.
pub(crate) fn short_checksum(seed: u32, bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut index = 0;
        while index < 256 {
            let mut crc = index as u32;
            let mut bit = 0;
            while bit < 8 {
                crc = if crc & 1 == 0 { crc >> 1 } else { crc >> 1 ^ 0xedb8_8320 };
                bit += 1;
            }
            table[index] = crc;
            index += 1;
        }
        table
    };
    let step = |crc: u32, &byte: &u8| crc >> 8 ^ TABLE[(crc as u8 ^ byte) as usize];
    !bytes.iter().fold(!seed, step)
}

/// A struct that is its own bytes: `repr(C)`, integers only, no padding.
///
/// # Safety
/// The implementor is `repr(C)`, has no padding, and every bit pattern is a value of it.
pub unsafe trait Plain: Copy {
    /// Its bytes.
    fn as_bytes(&self) -> &[u8] {
        // SAFETY: Plain has no padding, so all size_of::<Self>() bytes are initialised.
        unsafe { std::slice::from_raw_parts(std::ptr::from_ref(self).cast(), size_of::<Self>()) }
    }

    /// The value whose bytes these are. `bytes` must be long enough.
    fn from_bytes(bytes: &[u8]) -> Self {
        assert!(bytes.len() >= size_of::<Self>());
        // SAFETY: length checked above; every bit pattern is a value; unaligned reads are allowed.
        unsafe { bytes.as_ptr().cast::<Self>().read_unaligned() }
    }
}

const _: () = assert!(CHUNK_MAP_PAGES == 32 && ZONE_GRANULES == 16384);
const _: () = assert!(ZONE_GRANULES / 8 * 2 == PAGE_BYTES, "two bits a granule fill one page");
const _: () = assert!(cfg!(target_endian = "little"), "the format is little-endian");
const _: () = assert!(size_of::<usize>() == 8, "fileheap needs 64-bit addresses");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_checksums_are_one_function() {
        let bytes: Vec<u8> = (0..1000_u32).map(|i| (i * 7 + i / 3) as u8).collect();
        assert_eq!(checksum(0, b"123456789"), 0xcbf4_3926);
        for cut in [0, 1, 100, 255, 256, 257, 700] {
            let (head, tail) = bytes.split_at(cut);
            assert_eq!(checksum(short_checksum(0, head), tail), crc32fast::hash(&bytes));
        }
    }
}
