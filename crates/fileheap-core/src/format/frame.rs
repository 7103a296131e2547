//! The log: a header page, then frames, each a list of byte ranges and their contents.

use std::mem::offset_of;

use super::{Plain, checksum, short_checksum};

/// The frame closes its transaction.
pub const FRAME_COMMIT: u32 = 1;

/// F4: the first bytes of a log file.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct LogHeader {
    /// "HEAPLOG1".
    pub magic: [u8; 8],
    /// The heap it belongs to.
    pub uuid: [u8; 16],
    /// Grows by one at every switch between the two log files.
    pub generation: u64,
    /// Its first frame belongs to the transaction after this one.
    pub after_txn: u64,
    /// Random; frames of another life of this file do not carry it.
    pub salt: u64,
    /// Zero.
    pub reserved: u32,
    /// CRC-32 of all bytes before.
    pub crc: u32,
}

// SAFETY: repr(C), integers only, no padding (asserted below).
unsafe impl Plain for LogHeader {}
const _: () = assert!(size_of::<LogHeader>() == 56 && offset_of!(LogHeader, crc) == 52);

impl LogHeader {
    /// First bytes of a log file.
    pub const MAGIC: [u8; 8] = *b"HEAPLOG1";
    /// Where the first frame lies.
    pub const FIRST_FRAME: u64 = super::PAGE_BYTES;

    /// The same with its checksum set.
    #[must_use]
    pub fn sealed(mut self) -> Self {
        self.crc = short_checksum(0, &self.as_bytes()[..offset_of!(Self, crc)]);
        self
    }

    /// Whether it is a log header at all.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.magic == Self::MAGIC
            && self.crc == short_checksum(0, &self.as_bytes()[..offset_of!(Self, crc)])
    }
}

/// F5: then come `record_count` records, then their contents in the same order, then zeros up to
/// `frame_bytes`, a multiple of 8.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct FrameHeader {
    /// CRC-32 of everything after this field, seeded with the crc of the frame before.
    pub crc: u32,
    /// FRAME_COMMIT or 0.
    pub flags: u32,
    /// As in the log's header.
    pub salt: u64,
    /// The transaction.
    pub txn: u64,
    /// Every transaction up to this one was on the disk before this frame was written.
    pub durable_txn: u64,
    /// Length of the whole frame.
    pub frame_bytes: u64,
    /// Number of records.
    pub record_count: u32,
    /// Makes the header believable without the frame before it.
    pub head_crc: u32,
}

// SAFETY: repr(C), integers only, no padding (asserted below).
unsafe impl Plain for FrameHeader {}
const _: () = assert!(size_of::<FrameHeader>() == 48);

impl FrameHeader {
    /// What `head_crc` is to be for a frame at `position` in a log of the heap `uuid`.
    #[must_use]
    pub fn head_checksum(&self, uuid: &[u8; 16], position: u64) -> u32 {
        let place = checksum(checksum(0, uuid), &position.to_le_bytes());
        checksum(place, &self.as_bytes()[offset_of!(Self, flags)..offset_of!(Self, head_crc)])
    }
}

/// What a record says of its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum RecordKind {
    /// These are its bytes now.
    Bytes = 0,
    /// Its bytes are in the heap file; whatever earlier frames say of it is void.
    Home = 2,
    /// It was free and is in use: from this state on the heap file has its bytes, but for what this
    /// frame and later ones say. Of older states earlier frames still speak.
    Taken = 3,
}

const KIND_SHIFT: u32 = 62;

/// F6: one byte range. The top two bits of `span` are the kind, the rest the length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Record {
    /// First byte, from the start of the heap file.
    pub offset: u64,
    /// Kind and length.
    pub span: u64,
}

// SAFETY: repr(C), integers only, no padding (asserted below).
unsafe impl Plain for Record {}
const _: () = assert!(size_of::<Record>() == 16);

impl Record {
    /// A record of a kind.
    #[must_use]
    pub fn new(kind: RecordKind, offset: u64, bytes: u64) -> Self {
        Self { offset, span: (kind as u64) << KIND_SHIFT | bytes }
    }

    /// Its kind.
    #[must_use]
    pub fn kind(self) -> RecordKind {
        match self.span >> KIND_SHIFT {
            2 => RecordKind::Home,
            3 => RecordKind::Taken,
            _ => RecordKind::Bytes,
        }
    }

    /// Length of the range: of a kind that there is not it is more than any frame holds.
    #[must_use]
    pub fn bytes(self) -> u64 {
        match self.kind() {
            RecordKind::Bytes => self.span,
            RecordKind::Home | RecordKind::Taken => self.span & ((1 << KIND_SHIFT) - 1),
        }
    }

    /// Length of its contents in the frame.
    #[must_use]
    pub fn payload_bytes(self) -> u64 {
        if self.kind() == RecordKind::Bytes { self.span } else { 0 }
    }
}
