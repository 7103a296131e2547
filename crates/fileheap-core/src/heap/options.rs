//! How to create and open a heap.

use std::time::Duration;

use crate::os::Capture;
use crate::txn::Durability;

/// What a caller may choose. The defaults suit nearly everybody.
#[derive(Debug, Clone)]
pub struct Options {
    pub(super) writable: bool,
    pub(super) limit_bytes: Option<u64>,
    pub(super) base: Option<u64>,
    pub(super) fixed: bool,
    pub(super) durability: Durability,
    pub(super) capture: Capture,
    pub(super) log_bytes: u64,
    pub(super) private_bytes: Option<u64>,
    pub(super) network: bool,
    pub(super) mode: u32,
    pub(super) door_wait: Duration,
    /// Repair only.
    pub(super) accept_loss: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            writable: true,
            limit_bytes: None,
            base: None,
            fixed: false,
            durability: Durability::Power,
            capture: Capture::Auto,
            log_bytes: 16 * 1024 * 1024,
            private_bytes: None,
            network: false,
            mode: 0o666,
            door_wait: Duration::from_secs(60),
            accept_loss: false,
        }
    }
}

impl Options {
    /// The defaults: writable, power-safe, 1 TiB at most if the heap is new.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens for reading only: stores to the heap are faults, `begin_write` is an error.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.writable = false;
        self
    }

    /// The file never grows beyond this, 8 TiB at most: a new heap records it, 1 TiB by default.
    /// Opening with another limit records that one, larger or smaller. That fails with `Busy` while
    /// anybody else has the heap open, with `InvalidArgument` if the file is longer already. Not
    /// given, the heap keeps its limit; for reading only it means nothing.
    #[must_use]
    pub fn limit_bytes(mut self, bytes: u64) -> Self {
        self.limit_bytes = Some(bytes);
        self
    }

    /// The address that offset 0 is to have, instead of one chosen at creation.
    #[must_use]
    pub fn base(mut self, address: u64) -> Self {
        self.base = Some(address);
        self
    }

    /// Refuses to open at another address than the recorded one: for callers who store raw
    /// pointers in the heap.
    #[must_use]
    pub fn fixed_address(mut self) -> Self {
        self.fixed = true;
        self
    }

    /// What commits survive, unless one says otherwise.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// How dirty pages are found.
    #[must_use]
    pub fn capture(mut self, capture: Capture) -> Self {
        self.capture = capture;
        self
    }

    /// Length of the log at which it is carried home. Longer: fewer checkpoints; shorter: faster
    /// opening after a crash.
    #[must_use]
    pub fn log_bytes(mut self, bytes: u64) -> Self {
        self.log_bytes = bytes.clamp(64 * 1024, 1 << 40);
        self
    }

    /// Memory for private copies of pages that may be kept once their contents are in the file:
    /// the next store to such a page is faster. By default a sixteenth of the machine's memory.
    #[must_use]
    pub fn private_bytes(mut self, bytes: u64) -> Self {
        self.private_bytes = Some(bytes);
        self
    }

    /// Writes even to a file on a network filesystem, where processes on other machines would
    /// not see each other's changes: the caller sees to it that there are none.
    #[must_use]
    pub fn allow_network(mut self) -> Self {
        self.network = true;
        self
    }

    /// Permissions of a new file, before the umask.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// How long to wait while other processes attach, recover or leave.
    #[must_use]
    pub fn door_wait(mut self, wait: Duration) -> Self {
        self.door_wait = wait;
        self
    }
}
