//! The naive oracle: what a heap holds after each commit, as ordered maps.

use std::collections::BTreeMap;

use fileheap_core::format::{HEADER_OFFSET, RecordState};
use fileheap_core::{Heap, ReadTxn};

use crate::random;

/// The face root that carries the number of the state.
pub const STAMP_ROOT: usize = 7;
/// Where that is in the header page.
const STAMP_OFFSET: u64 = HEADER_OFFSET + 96 + STAMP_ROOT as u64 * 8;

/// What an allocation's bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contents {
    /// All zero.
    Zero,
    /// The pattern of this seed.
    Seed(u64),
    /// A direct extent was stored to in place: nothing is promised.
    Unknown,
}

impl Contents {
    /// Where `bytes` are not what they should be.
    #[must_use]
    pub fn defect(self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::Zero => bytes.iter().position(|&byte| byte != 0),
            Self::Seed(seed) => random::differs(seed, bytes),
            Self::Unknown => None,
        }
    }
}

/// One allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Bytes asked for.
    pub bytes: u64,
    /// What they are.
    pub contents: Contents,
    /// It is a direct extent.
    pub direct: bool,
}

/// A record: its payload's offset and a number of the owner's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Note {
    /// Offset of a piece, or 0.
    pub target: u64,
    /// Counts changes.
    pub generation: u64,
}

/// One state of a heap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Model {
    /// Its number; 0 is the empty heap.
    pub stamp: u64,
    /// Allocations by offset.
    pub pieces: BTreeMap<u64, Piece>,
    /// Names: the offset of a piece, or 0.
    pub names: BTreeMap<String, u64>,
    /// Records by id.
    pub records: BTreeMap<u64, Note>,
}

/// How closely to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Contents, names, records, and `check`.
    All,
    /// All but the bytes of direct extents, which do not wait for commits.
    NoDirect,
}

impl Model {
    /// The number of the state that a snapshot shows.
    pub fn stamp_of(read: &ReadTxn) -> Result<u64, String> {
        read.memory().read::<u64>(STAMP_OFFSET).map_err(|error| error.to_string())
    }

    /// Bytes of the piece at an offset, 0 for none.
    #[must_use]
    pub fn bytes_at(&self, offset: u64) -> u64 {
        self.pieces.get(&offset).map_or(0, |piece| piece.bytes)
    }

    /// Compares a snapshot with this state.
    pub fn compare(&self, read: &ReadTxn, depth: Depth) -> Result<(), String> {
        let stamp = Self::stamp_of(read)?;
        if stamp != self.stamp {
            return Err(format!("the heap shows state {stamp}, expected {}", self.stamp));
        }
        for (&offset, piece) in &self.pieces {
            let bytes = read.bytes(offset, piece.bytes).map_err(|error| error.to_string())?;
            if depth == Depth::NoDirect && piece.direct {
                continue;
            }
            if let Some(at) = piece.contents.defect(bytes) {
                let found = &bytes[at..bytes.len().min(at + 8)];
                return Err(format!("state {stamp}: {offset} {piece:?} at +{at}: {found:?}"));
            }
        }
        self.compare_names(read)?;
        self.compare_records(read)
    }

    fn compare_names(&self, read: &ReadTxn) -> Result<(), String> {
        let found = read.catalog().names().list(None, usize::MAX).map_err(|e| e.to_string())?;
        let found: BTreeMap<String, u64> =
            found.into_iter().map(|(name, root)| (name, root.offset)).collect();
        if found == self.names {
            return Ok(());
        }
        Err(format!("state {}: names {found:?}, expected {:?}", self.stamp, self.names))
    }

    fn compare_records(&self, read: &ReadTxn) -> Result<(), String> {
        let found = read.catalog().records().list(0, usize::MAX).map_err(|e| e.to_string())?;
        let found: BTreeMap<u64, Note> = found
            .into_iter()
            .filter(|record| record.state == RecordState::Committed as u32)
            .map(|r| (r.id, Note { target: r.payload_offset, generation: r.generation }))
            .collect();
        if found == self.records {
            return Ok(());
        }
        Err(format!("state {}: records {found:?}, expected {:?}", self.stamp, self.records))
    }

    /// Compares the newest state of a heap with this one, and checks the heap.
    pub fn compare_heap(&self, heap: &Heap) -> Result<(), String> {
        let read = heap.begin_read().map_err(|error| error.to_string())?;
        self.compare(&read, Depth::All)?;
        drop(read);
        let report = heap.check().map_err(|error| error.to_string())?;
        if !report.is_clean() {
            return Err(format!("state {}: check finds {:?}", self.stamp, report.findings));
        }
        let live = report.live_count - report.catalog_count;
        if live != self.pieces.len() as u64 {
            let expected = self.pieces.len();
            return Err(format!("state {}: {live} live pieces, expected {expected}", self.stamp));
        }
        Ok(())
    }
}
