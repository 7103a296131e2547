//! The only place that asks the operating system for anything: files, mapped memory, locks.
//!
//! Everything above speaks to three traits, so that the same engine runs on Linux, on plain
//! memory (tests, Miri, crash simulation), and one day elsewhere. See docs/PLATFORM.md.

use std::io::{self, IoSlice};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::format::{Bulletin, PREAMBLE_BYTES};

#[cfg(target_os = "linux")]
pub mod linux;
pub mod ram;
#[cfg(not(target_os = "linux"))]
pub mod stub;

/// The host of heaps on this system.
#[cfg(target_os = "linux")]
pub use linux::LinuxHost as SystemHost;
#[cfg(not(target_os = "linux"))]
pub use stub::StubHost as SystemHost;

/// Memory of this machine.
#[must_use]
pub fn physical_bytes() -> u64 {
    #[cfg(all(target_os = "linux", not(miri)))]
    return linux::physical_bytes();
    #[cfg(any(not(target_os = "linux"), miri))]
    return 4 << 30;
}

/// A file read and written by position. All methods may be called from any thread.
#[allow(clippy::len_without_is_empty)]
pub trait File: Send + Sync {
    /// Its length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Reads until `out` is full or the file ends; returns the bytes read.
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<usize>;
    /// Writes all parts, one after another, from `offset` on.
    fn write_at(&self, offset: u64, parts: &[IoSlice<'_>]) -> io::Result<()>;
    /// Returns when everything written so far survives a power cut.
    fn sync(&self) -> io::Result<()>;
    /// Asks the kernel to start writing a range; promises nothing.
    fn flush(&self, range: Range<u64>) -> io::Result<()>;
    /// Reserves disk space for a range, extending the file with zeros where it is shorter.
    fn reserve(&self, range: Range<u64>) -> io::Result<()>;
    /// Gives the disk space of a range back; it reads as zeros. The length stays.
    fn punch(&self, range: Range<u64>) -> io::Result<()>;
    /// Makes a range read as zeros while its disk space stays reserved.
    fn zero(&self, range: Range<u64>) -> io::Result<()>;
    /// Cuts the file. Never called while someone else may have it mapped.
    fn truncate(&self, len: u64) -> io::Result<()>;
    /// Bytes the file occupies on disk.
    fn disk_bytes(&self) -> io::Result<u64>;
    /// Becomes a copy of another file that shares its disk space until either is written to.
    /// Not every filesystem can do that.
    fn clone_from(&self, _source: &dyn File) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    /// The descriptor, where there is one.
    fn descriptor(&self) -> Option<i32> {
        None
    }
    /// A window of plain memory onto the file's first `bytes`, if there can be one. Stores to it
    /// survive the death of the process as `write_at` does. It lives as long as the file object.
    fn window(&self, bytes: u64) -> Option<*mut u8>;
}

/// The heap file mapped at one address: clean pages show the file, stored-to pages are private.
///
/// Ranges are byte offsets in the heap file, multiples of the page size. The caller serialises
/// calls that change the mapping (`extend`, `share`, `unshare`, `discard`, `harvest`).
pub trait View: Send + Sync {
    /// The address of offset 0. Constant for the life of the view.
    fn base(&self) -> *mut u8;
    /// How far the mapping may ever extend.
    fn reserved_bytes(&self) -> u64;
    /// Maps the file privately up to `bytes`; what is mapped stays where it is. A new view has
    /// nothing mapped before the first call.
    fn extend(&self, bytes: u64) -> io::Result<()>;
    /// Unmaps what lies beyond `bytes`: the file is going to be cut there.
    fn retract(&self, bytes: u64) -> io::Result<()>;
    /// Makes stores to the range go straight to the file. Private contents of it are dropped.
    fn share(&self, range: Range<u64>) -> io::Result<()>;
    /// Undoes `share`: later stores to the range are private again.
    fn unshare(&self, range: Range<u64>) -> io::Result<()>;
    /// Makes stores to a shared range visible to `File::read_at` and `File::sync` (a no-op where
    /// the kernel's page cache does that by itself).
    fn settle(&self, range: Range<u64>) -> io::Result<()>;
    /// Appends the ranges stored to since the last harvest, ascending, shared ranges excepted.
    /// A page it names without need costs time; a page it omits would be lost. What it appended
    /// before an error counts: those pages are not named again.
    fn harvest(&self, dirty: &mut Vec<Range<u64>>) -> io::Result<()>;
    /// Says that a range was stored to, which a kernel sees by itself: those pages no longer show
    /// the file, even if their bytes are the same.
    fn note_stores(&self, _range: Range<u64>) {}
    /// Pages of these ranges that are private count as stored to in the next harvest, whatever they
    /// hold: for views that tell stores by what changed.
    fn doubt(&self, _ranges: &[Range<u64>]) {}
    /// Lifts or restores write protection of a view that was mapped read-only; others ignore it.
    fn set_writable(&self, writable: bool) -> io::Result<()>;
    /// Drops private copies in the range: it shows the file again.
    fn discard(&self, range: Range<u64>) -> io::Result<()>;
    /// The same for many ranges, cheaper than one by one.
    fn discard_many(&self, ranges: &[Range<u64>]) -> io::Result<()> {
        ranges.iter().try_for_each(|range| self.discard(range.clone()))
    }
    /// In a forked child: shared ranges become private, so that stores stay in the child. A no-op
    /// in the process that made the view. Takes no lock that could be held for ever.
    fn isolate_child(&self) -> io::Result<()> {
        Ok(())
    }
    /// Drops all private copies below `bytes`, the end of what is mapped, and with them whatever
    /// else makes searches for dirty pages long.
    fn renew(&self, bytes: u64) -> io::Result<()> {
        self.discard(PREAMBLE_BYTES..bytes)
    }
    /// What searches cost since the last `renew` because of pages mapped since; None where
    /// renewing would not make them cheaper.
    fn search_cost(&self) -> Option<SearchCost> {
        None
    }
    /// Prepares a range just shared for being filled in order (populates it ahead).
    fn prefault(&self, range: Range<u64>);
    /// Whether finding dirty pages takes the longer the more private pages there are.
    fn wants_few_private(&self) -> bool {
        false
    }
    /// The name of the way dirty pages are found, for `stat` and tests.
    fn capture_name(&self) -> &'static str;
}

/// Time spent on searches for dirty pages since the private parts were mapped anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SearchCost {
    /// How many there were.
    pub count: u32,
    /// All of them.
    pub spent: Duration,
    /// The last one.
    pub last: Duration,
}

impl SearchCost {
    /// Adds a search.
    pub fn add(&mut self, took: Duration) {
        self.count += 1;
        self.spent += took;
        self.last = took;
    }
}

/// What processes say to each other: locks the kernel frees when their holder dies, and a shared
/// page of atomics (volatile: the first process to attach resets it).
pub trait Board: Send + Sync {
    /// The shared page.
    fn bulletin(&self) -> &Bulletin;
    /// Makes sure that stores to the bulletin find disk space (A3).
    fn reserve(&self) -> io::Result<()> {
        Ok(())
    }
    /// Takes a lock; false if it is held elsewhere at the deadline (None: waits for ever).
    fn lock(&self, lock: Lock, mode: Mode, wait: Wait) -> io::Result<bool>;
    /// Gives a lock back.
    fn unlock(&self, lock: Lock) -> io::Result<()>;
    /// Whether another process holds the lock in any mode.
    fn held_elsewhere(&self, lock: Lock) -> io::Result<bool>;
    /// Sleeps until `word` differs from `seen`, someone calls `wake`, or about `limit` passed.
    fn sleep(&self, word: &std::sync::atomic::AtomicU32, seen: u32, limit: Duration);
    /// Wakes all sleepers of `word`.
    fn wake(&self, word: &std::sync::atomic::AtomicU32);
    /// Whether this process opened the board itself (false in a forked child).
    fn is_mine(&self) -> bool;
    /// Whether the bulletin may be stored to and locks be taken exclusively.
    fn is_writable(&self) -> bool;
}

/// The locks of a heap. Their byte positions are in docs/FORMAT.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// Held exclusively while a process attaches or detaches.
    Door,
    /// Held shared by every attached process; who gets it exclusively is alone.
    Presence,
    /// Held shared by readers who cannot publish a pin (no write permission).
    Blind,
    /// Held exclusively by the process that owns the reader slot: its sign of life.
    Slot(u32),
}

/// Shared or exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Many may hold it.
    Shared,
    /// One may hold it.
    Exclusive,
}

/// How long to wait for something another thread or process holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// As long as it takes.
    Forever,
    /// Not at all.
    Try,
    /// Until this instant.
    Until(Instant),
}

/// Where and how to map a heap.
#[derive(Debug, Clone, Copy)]
pub struct Placement {
    /// The address that offset 0 should get.
    pub base: u64,
    /// Fail with `AddrInUse` rather than map elsewhere when that address is taken.
    pub exact: bool,
    /// Address range to reserve; less is taken where the system refuses.
    pub reserve_bytes: u64,
    /// False: a store is a fault (until the engine lifts it to copy frames in).
    pub writable: bool,
    /// How to find dirty pages.
    pub capture: Capture,
}

/// A host of one heap: its file, its two logs, its board, and mappings of it.
pub trait Host: Send + Sync {
    /// The heap file.
    fn data(&self) -> &Arc<dyn File>;
    /// Log file 0 or 1; created when missing and `create` is set, with its directory entry synced.
    fn log(&self, which: usize, create: bool) -> io::Result<Option<Arc<dyn File>>>;
    /// Removes a log file (only the last process to leave does so).
    fn remove_log(&self, which: usize) -> io::Result<()>;
    /// Gives what lies in the place of a log another name, one that nothing has.
    fn set_log_aside(&self, which: usize) -> io::Result<()>;
    /// Whether the path still leads to this file.
    fn is_current(&self) -> io::Result<bool> {
        Ok(true)
    }
    /// Returns when the names of the files survive a power cut.
    fn sync_folder(&self) -> io::Result<()>;
    /// Gives a file that was made without a name its name, never in place of another file, and
    /// returns when the name survives a power cut. Nothing to do for any other file.
    fn publish(&self) -> io::Result<()> {
        Ok(())
    }
    /// Maps the heap file.
    fn map(&self, placement: &Placement) -> io::Result<Box<dyn View>>;
    /// The board.
    fn board(&self) -> &dyn Board;
    /// The heap file's path, for messages.
    fn path(&self) -> &PathBuf;
}

/// Which way of finding dirty pages to use; `Auto` picks the best the kernel offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Capture {
    /// The best one that passes its self-test.
    #[default]
    Auto,
    /// userfaultfd write-protection on every page: Linux 6.7, for heaps whose mapped part is small.
    Armed,
    /// userfaultfd on private pages only: Linux 6.7, for large heaps.
    Unarmed,
    /// PAGEMAP_SCAN and hashes of private pages: Linux 6.7 where userfaultfd is forbidden.
    Scan,
    /// /proc/self/pagemap and hashes of private pages: every kernel we support.
    Pagemap,
}
