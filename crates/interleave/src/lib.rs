//! Processes that share a bulletin, each a thread of a scheduler that decides who takes a step.
//!
//! `txn/pins.rs` and `txn/writer.rs` of the engine are compiled here as they stand, on atomics that
//! let the scheduler in at every access. It knows no weak memory: what they store and load with
//! `SeqCst`, as these files do where it matters, is in one order.

#[path = "../../fileheap-core/src/txn/pins.rs"]
pub mod pins;
#[path = "../../fileheap-core/src/txn/writer.rs"]
pub mod writer;

pub use fileheap_core::{Error, ErrorKind, Result};

/// The bulletin, as far as those two use it.
pub mod format {
    pub use shuttle::sync::atomic::{AtomicU32, AtomicU64};

    /// So many processes at once.
    pub const SLOT_COUNT: usize = 4;

    /// One attached process.
    #[derive(Default)]
    pub struct Slot {
        /// As in the engine.
        pub snapshot: AtomicU64,
        /// As in the engine.
        pub keep: AtomicU64,
        /// As in the engine.
        pub pid: AtomicU32,
    }

    /// What processes tell each other.
    #[derive(Default)]
    pub struct Bulletin {
        /// As in the engine.
        pub published_txn: AtomicU64,
        /// As in the engine.
        pub durable_txn: AtomicU64,
        /// As in the engine.
        pub floor_txn: AtomicU64,
        /// As in the engine.
        pub writer: AtomicU32,
        /// As in the engine.
        pub log_unsettled: AtomicU32,
        /// As in the engine.
        pub slot_high: AtomicU32,
        /// As in the engine.
        pub slots: [Slot; SLOT_COUNT],
    }
}

/// Locks, and who is seen to hold them.
pub mod os {
    use std::io;
    use std::time::Duration;

    pub use fileheap_core::os::{Lock, Mode, Wait};

    use crate::format::{AtomicU32, Bulletin};

    /// What the two files ask of a board.
    pub trait Board: Send + Sync {
        /// As in the engine.
        fn bulletin(&self) -> &Bulletin;
        /// As in the engine.
        fn lock(&self, lock: Lock, mode: Mode, wait: Wait) -> io::Result<bool>;
        /// As in the engine.
        fn held_elsewhere(&self, lock: Lock) -> io::Result<bool>;
        /// As in the engine.
        fn sleep(&self, word: &AtomicU32, seen: u32, limit: Duration);
        /// As in the engine.
        fn wake(&self, word: &AtomicU32);
    }
}

mod inert;
mod machine;

pub use inert::Inert;
pub use machine::{Machine, Process};
