//! The allocator's face: everything about single pieces, but for the quick paths.

use std::sync::atomic::Ordering::Acquire;
use std::sync::{Arc, Mutex};

use super::Ground;
use super::bits::{self, Bits};
use super::lane::{Lane, place};
use super::pool::Want;
use super::runs::Runs;
use super::table::ZoneTable;
use super::threads::{self, Lanes, lock};
use super::words::{Words, bad_pointer};

use crate::format::{
    CELL_MAX_BYTES, EXTENT_BYTES, Entry, GRANULE_BYTES, HEAP_MAX_BYTES, PAGE_BYTES, RUN_DIRECT,
    RunKind,
};
use crate::{Error, ErrorKind, Result};

/// The allocator of one mapped heap. The truth is in the heap; this is the way to find it.
pub struct Allocator {
    pub(super) words: Words,
    pub(super) table: ZoneTable,
    pub(super) id: u64,
    pub(super) lanes: Arc<Lanes>,
    pub(super) runs: Mutex<Runs>,
    /// The first bad free found since the last settle, other than by the one who did it.
    pub(super) fault: Mutex<Option<Error>>,
}

/// A run of pages that was allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Where it begins.
    pub offset: u64,
    /// Its length, whole pages.
    pub bytes: u64,
    /// Its pages were free and safe: the transaction need not log them.
    pub claimed: bool,
    /// It is known to read as zeros.
    pub zero: bool,
}

/// How a run of pages is going to be mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mapped {
    /// Privately: any free pages will do.
    Private,
    /// Shared until the commit: they must be safe.
    Shared,
    /// Shared from now on: a direct extent. They must be safe.
    Direct,
}

/// What was freed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freed {
    /// Bytes that were usable.
    pub bytes: u64,
    /// It was a run of pages, not a cell.
    pub run: bool,
    /// It was a direct extent.
    pub direct: bool,
}

impl Freed {
    #[inline]
    pub(super) fn cell(granules: usize) -> Self {
        Self { bytes: granules as u64 * GRANULE_BYTES, run: false, direct: false }
    }
}

/// Extents from this size on are worth an aligned start.
const ALIGNED_BYTES: u64 = 8 * EXTENT_BYTES;

impl Allocator {
    /// An allocator that knows nothing yet. It reads and writes nothing now.
    ///
    /// # Safety
    /// `base` is page-aligned and begins `reserved_bytes` of address space that is this heap's as
    /// long as the allocator lives. Whenever an operation runs, everything below the header's
    /// page count is mapped, and so is what `Ground::extend` added; writable if it changes them.
    #[must_use]
    pub unsafe fn new(base: *mut u8, reserved_bytes: u64) -> Self {
        // SAFETY: passed on to our caller.
        let words = unsafe { Words::new(base, reserved_bytes) };
        let lanes = Lanes::new();
        let runs = Mutex::new(Runs::new(words));
        let table = ZoneTable::new(reserved_bytes);
        Self { words, table, id: lanes.id, lanes, runs, fault: Mutex::new(None) }
    }

    /// This thread's lane.
    #[inline]
    pub(super) fn lane(&self) -> *mut Lane {
        threads::current(self.id).unwrap_or_else(|| threads::enter(&self.lanes))
    }

    /// Allocates memory that reads as zeros.
    pub fn alloc_zeroed(&self, g: &impl Ground, bytes: u64, align: u64) -> Result<u64> {
        if is_run(bytes, align) {
            let run = self.alloc_run(g, bytes, align, Mapped::Private)?;
            if !run.zero {
                self.words.fill_zero(run.offset, bytes);
                g.touch(run.offset, bytes);
            }
            return Ok(run.offset);
        }
        let offset = self.alloc(g, bytes, align)?;
        self.words.fill_zero(offset, bytes);
        g.touch(offset, bytes);
        Ok(offset)
    }

    /// Allocates whole pages, whatever the size.
    pub fn alloc_run(&self, g: &impl Ground, bytes: u64, align: u64, to: Mapped) -> Result<Run> {
        check_request(bytes, align)?;
        let pages = bytes.div_ceil(PAGE_BYTES).max(1);
        let safe = to != Mapped::Private;
        let mut want = Want { safe, ..Want::any(pages, align.div_ceil(PAGE_BYTES)) };
        if bytes >= ALIGNED_BYTES {
            want.align = want.align.max(EXTENT_BYTES / PAGE_BYTES);
        }
        let flags = if to == Mapped::Direct { RUN_DIRECT } else { 0 };
        let head = Entry::run(RunKind::Run, pages, flags);
        let taken = lock(&self.runs).take(g, &want, head)?;
        let (offset, bytes) = (taken.page * PAGE_BYTES, pages * PAGE_BYTES);
        Ok(Run { offset, bytes, claimed: taken.claimed, zero: taken.zero })
    }

    /// How many bytes may be used of a live allocation.
    pub fn usable_bytes(&self, offset: u64) -> Result<u64> {
        self.live_piece(offset).map(|freed| freed.bytes)
    }

    /// Size and kind of a live allocation.
    pub fn piece(&self, offset: u64) -> Result<Freed> {
        self.live_piece(offset)
    }

    pub(super) fn live_piece(&self, offset: u64) -> Result<Freed> {
        let Some(slot) = self.table.slot(offset) else {
            return Err(bad_pointer(offset, "an offset beyond the heap"));
        };
        let mut page = if slot.owner().is_null() { 0 } else { slot.bitmaps.load(Acquire) };
        if page == 0 {
            let mut runs = lock(&self.runs);
            match runs.zone_bitmap(place(offset).0)? {
                Some((bitmap, _)) => page = bitmap * PAGE_BYTES,
                None => {
                    let entry = runs.allocated(offset)?;
                    let (bytes, direct) = (entry.pages() * PAGE_BYTES, entry.is_direct());
                    return Ok(Freed { bytes, run: true, direct });
                }
            }
        }
        live_cell(self.words.bitmaps(page), offset).map(Freed::cell)
    }

    /// Makes an allocation longer or shorter where it lies, as far as that is possible; returns
    /// whether `new_bytes` may be used of it then.
    pub fn resize_in_place(&self, g: &impl Ground, offset: u64, new_bytes: u64) -> Result<bool> {
        check_request(new_bytes, 1)?;
        let old = self.live_piece(offset)?;
        if old.run {
            let pages = new_bytes.div_ceil(PAGE_BYTES).max(1);
            let resized = lock(&self.runs).resize(g, offset / PAGE_BYTES, pages)?;
            return Ok(resized >= pages);
        }
        let fits = new_bytes <= old.bytes;
        if new_bytes > CELL_MAX_BYTES || granules(new_bytes) == granules(old.bytes) {
            return Ok(fits);
        }
        Ok(self.resize_cell(g, offset, granules(new_bytes))? || fits)
    }

    /// Makes an allocation longer or shorter, and moves it if it must.
    pub fn realloc(&self, g: &impl Ground, offset: u64, bytes: u64, align: u64) -> Result<u64> {
        check_request(bytes, align)?;
        let old = self.live_piece(offset)?;
        if offset & (align - 1) == 0 && self.resize_in_place(g, offset, bytes)? {
            return Ok(offset);
        }
        let new = if old.direct {
            self.alloc_run(g, bytes, align, Mapped::Direct)?.offset
        } else {
            self.alloc(g, bytes, align)?
        };
        self.words.copy(offset, new, bytes.min(old.bytes));
        self.free(g, offset)?;
        Ok(new)
    }
}

/// Granules of a cell of so many bytes.
#[inline]
pub(super) fn granules(bytes: u64) -> usize {
    (bytes.saturating_add(GRANULE_BYTES - 1) / GRANULE_BYTES).max(1) as usize
}

pub(super) fn is_run(bytes: u64, align: u64) -> bool {
    bytes > CELL_MAX_BYTES || align > PAGE_BYTES
}

pub(super) fn check_request(bytes: u64, align: u64) -> Result<()> {
    if !align.is_power_of_two() || align > HEAP_MAX_BYTES {
        let what = format!("expected an alignment that is a power of two, found {align}");
        return Err(Error::new(ErrorKind::InvalidArgument, what));
    }
    if bytes > HEAP_MAX_BYTES {
        let what = format!("{bytes} bytes are more than a heap can hold");
        return Err(Error::new(ErrorKind::LimitReached, what));
    }
    Ok(())
}

/// Granules of the cell, live or free, that starts at an offset.
pub(super) fn started_cell(starts: &Bits, offset: u64) -> Result<usize> {
    let (_, at) = place(offset);
    if offset % GRANULE_BYTES != 0 || !bits::get(starts, at) {
        return Err(bad_pointer(offset, "the inside of a cell"));
    }
    Ok(bits::next_set(starts, at + 1) - at)
}

/// Granules of the live cell at an offset.
pub(super) fn live_cell([starts, live]: &[Bits; 2], offset: u64) -> Result<usize> {
    let len = started_cell(starts, offset)?;
    if !bits::get(live, place(offset).1) {
        return Err(bad_pointer(offset, "a free cell"));
    }
    Ok(len)
}
