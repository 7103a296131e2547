//! What a storm heap holds: the hub with its counters, and where everything else hangs.

use fileheap_core::{ReadTxn, Result, WriteTxn};

/// Ten pages, so that a torn commit shows.
pub const HUB_BYTES: u64 = 40_960;
/// Number of the last commit.
pub const COMMIT: u64 = 0;
/// Sum of the identities of all blocks.
pub const SUM: u64 = 8;
/// Key of the next block.
pub const NEXT_KEY: u64 = 16;
/// Bytes of all blocks.
pub const LIVE_BYTES: u64 = 24;
/// A direct extent, or 0.
pub const DIRECT: u64 = 32;
/// The commit that enlisted it last.
pub const DIRECT_COMMIT: u64 = 40;
/// The ordered map of blocks: key to offset.
pub const BLOCKS: u64 = 48;

/// Words that all hold the number of the last commit.
pub const COUNTERS: std::ops::Range<u64> = 0..64;
/// Names that are bound in turn.
pub const NAMES: u64 = 37;
/// Every so many commits a record is added.
pub const RECORD_EVERY: u64 = 4;
/// And the oldest is removed beyond this.
pub const RECORDS_MAX: usize = 30;
/// The direct extent and the places in it that are stored to.
pub const DIRECT_BYTES: u64 = 2 << 20;
pub const DIRECT_STEP: u64 = 130_000;
pub const DIRECT_PLACES: u64 = 16;

/// The offset of a counter in the hub.
pub fn counter(index: u64) -> u64 {
    1024 + index * 600
}

/// The name that commit `commit` binds.
pub fn name(commit: u64) -> String {
    format!("commit {:02} of every {NAMES}", commit % NAMES)
}

/// Which commit bound a name last, if any.
pub fn last_binding(index: u64, commit: u64) -> Option<u64> {
    let back = (commit + NAMES - index % NAMES) % NAMES;
    commit.checked_sub(back).filter(|&bound| bound > 0)
}

/// A word of the heap as the open transaction has it.
pub fn word(txn: &WriteTxn, offset: u64) -> u64 {
    // SAFETY: callers pass offsets of words in live allocations.
    unsafe { txn.resolve(offset).cast::<u64>().read() }
}

/// Stores a word.
pub fn set(txn: &WriteTxn, offset: u64, value: u64) {
    // SAFETY: callers pass offsets of words in live allocations of this transaction's heap.
    unsafe { txn.resolve(offset).cast::<u64>().write(value) };
    txn.touch(offset, 8);
}

/// A word of a snapshot.
pub fn read_word(read: &ReadTxn, offset: u64) -> Result<u64> {
    let bytes = read.bytes(offset, 8)?;
    Ok(u64::from_le_bytes(bytes.try_into().unwrap_or_default()))
}

/// The hub of a snapshot; 0 before the first commit.
pub fn hub(read: &ReadTxn) -> Result<u64> {
    use fileheap_core::format::{HEADER_OFFSET, Header};
    let roots = HEADER_OFFSET + std::mem::offset_of!(Header, face_roots) as u64;
    read_word(read, roots)
}
