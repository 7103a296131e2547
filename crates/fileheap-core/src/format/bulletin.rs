//! The bulletin: what attached processes tell each other. Volatile, inside the preamble.

pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64};

/// How many processes can be attached at once.
pub const SLOT_COUNT: usize = 704;

/// F7: one attached process. Whether it lives, its lock says, not this.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Slot {
    /// Transaction whose state the process reads, plus one; 0: it reads none.
    pub snapshot: AtomicU64,
    /// Oldest transaction whose allocations the process may still point at, plus one; 0: none.
    pub keep: AtomicU64,
    /// Process id, for messages only.
    pub pid: AtomicU32,
    reserved: [u32; 11],
}

/// F8: lies at byte 16384. Reset by the first process to attach.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Bulletin {
    /// Last committed transaction that everybody may see.
    pub published_txn: AtomicU64,
    /// Last transaction that survives a power cut.
    pub durable_txn: AtomicU64,
    /// Every transaction up to this one is in the heap file.
    pub checkpoint_txn: AtomicU64,
    /// Nobody may newly pin a state before this one.
    pub floor_txn: AtomicU64,
    /// Generation of the log being written.
    pub log_generation: AtomicU64,
    /// Commits since the reset.
    pub commit_count: AtomicU64,
    /// Bits 0-9 the writer: its slot plus one; 0: none. Bits 10-30 count how often the word was
    /// taken. Top bit: somebody sleeps on it.
    pub writer: AtomicU32,
    /// 1 while a writer changes the log; whoever finds it must read the log's tail again.
    pub log_unsettled: AtomicU32,
    /// Slots ever used are below this.
    pub slot_high: AtomicU32,
    /// 1: a sync failed; nobody may write before the heap was opened anew.
    pub poisoned: AtomicU32,
    reserved: [u64; 504],
    /// One for each attached process.
    pub slots: [Slot; SLOT_COUNT],
}

impl Bulletin {
    /// Where it lies in the file.
    pub const OFFSET: u64 = 16 * 1024;
}

const _: () = assert!(size_of::<Slot>() == 64);
const _: () = assert!(std::mem::offset_of!(Bulletin, slots) == 4096);
const _: () = assert!(size_of::<Bulletin>() as u64 == super::PREAMBLE_BYTES - Bulletin::OFFSET);
