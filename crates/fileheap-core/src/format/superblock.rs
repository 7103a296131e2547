//! The superblock: what the file is. Two copies, at bytes 0 and 4096, written in turn.

use std::mem::offset_of;

use super::{
    COUNTER_MAX, HEAP_MAX_BYTES, INITIAL_BYTES, PAGE_BYTES, PREAMBLE_BYTES, Plain, short_checksum,
};

/// The log files hold committed data that the heap file may lack.
pub const LOG_LIVE: u32 = 1;

/// F1: the identity of a heap and how much of its log has come home.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Superblock {
    /// "FILEHEAP".
    pub magic: [u8; 8],
    /// Format version.
    pub version: u32,
    /// 0x01020304 as the writing machine stores it.
    pub byte_order: u32,
    /// Size of a format page.
    pub page_bytes: u32,
    /// Size of a pointer.
    pub pointer_bytes: u32,
    /// Identity of the heap.
    pub uuid: [u8; 16],
    /// Address that offset 0 is meant to have.
    pub base: u64,
    /// The file never grows beyond this.
    pub limit_bytes: u64,
    /// Creation, seconds since 1970.
    pub created_unix_s: u64,
    /// Counts superblock writes; the valid copy with the higher number rules.
    pub sequence: u64,
    /// Every transaction up to this one is in the heap file.
    pub checkpoint_txn: u64,
    /// The file had at least so many bytes at that transaction.
    pub file_bytes: u64,
    /// Generation of the log that was being written.
    pub log_generation: u64,
    /// LOG_LIVE or 0.
    pub flags: u32,
    /// CRC-32 of all bytes before.
    pub crc: u32,
}

// SAFETY: repr(C), integers only; the assertion below shows that no padding exists.
unsafe impl Plain for Superblock {}
const _: () = assert!(size_of::<Superblock>() == 104 && offset_of!(Superblock, crc) == 100);

impl Superblock {
    /// First bytes of every heap file.
    pub const MAGIC: [u8; 8] = *b"FILEHEAP";
    /// The format this library writes.
    pub const VERSION: u32 = 1;
    /// What `byte_order` must read as.
    pub const BYTE_ORDER: u32 = 0x0102_0304;

    /// Where copy 0 or 1 lies.
    #[must_use]
    pub fn offset(copy: u64) -> u64 {
        (copy & 1) * PAGE_BYTES
    }

    /// The same with its checksum set.
    #[must_use]
    pub fn sealed(mut self) -> Self {
        self.crc = short_checksum(0, &self.as_bytes()[..offset_of!(Self, crc)]);
        self
    }

    /// Whether it is of this format and its values can be.
    #[must_use]
    pub fn is_plausible(&self) -> bool {
        let counters = [self.sequence, self.checkpoint_txn, self.log_generation];
        self.magic == Self::MAGIC
            && self.version == Self::VERSION
            && self.byte_order == Self::BYTE_ORDER
            && self.base % PREAMBLE_BYTES == 0
            && self.limit_bytes <= HEAP_MAX_BYTES
            && self.file_bytes >= INITIAL_BYTES
            && self.file_bytes <= self.limit_bytes
            && counters.iter().all(|&counter| counter < COUNTER_MAX)
    }

    /// Whether the checksum holds.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.crc == short_checksum(0, &self.as_bytes()[..offset_of!(Self, crc)])
    }
}
