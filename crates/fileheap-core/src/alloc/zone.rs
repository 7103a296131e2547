//! Zones: 256 KiB of cells each, and the table that finds a zone and its lane from an offset.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ops::Range;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering::*};

use super::Ground;
use super::bits::{self, Bits, END, WORDS};
use super::lane::Lane;
use super::words::Words;
use crate::format::{GRANULE_BYTES, PAGE_BYTES, ZONE_BYTES};

/// What is remembered of a zone beside its bitmaps. Only the owner changes it.
pub(super) struct ZoneState {
    /// As the live bitmap, and also set where a lane keeps a free cell at hand.
    pub(super) busy: Bits,
    /// No free range starts in a word before this one.
    first: AtomicUsize,
    /// Position among the owner's zones.
    pub(super) position: AtomicUsize,
}

/// One zone in the table. All zeros: not known yet.
#[derive(Default)]
#[repr(align(32))]
pub(super) struct Slot {
    pub(super) owner: AtomicPtr<Lane>,
    /// Offset of the bitmap page.
    pub(super) bitmaps: AtomicU64,
    state: AtomicPtr<ZoneState>,
}

impl Slot {
    #[inline]
    pub(super) fn owner(&self) -> *mut Lane {
        self.owner.load(Acquire)
    }
}

/// A slot for every zone that the reserved range has room for; untouched ones cost nothing.
pub(super) struct ZoneTable {
    slots: NonNull<Slot>,
    count: usize,
}

// SAFETY: the slots are atomics; what they point at is handed over with Release and Acquire.
unsafe impl Send for ZoneTable {}
// SAFETY: as above.
unsafe impl Sync for ZoneTable {}

impl ZoneTable {
    pub(super) fn new(reserved_bytes: u64) -> Self {
        let count = (reserved_bytes / ZONE_BYTES).max(1) as usize;
        let layout = Self::layout(count);
        // SAFETY: the layout is not empty.
        let memory = unsafe { alloc_zeroed(layout) };
        let slots = NonNull::new(memory.cast()).unwrap_or_else(|| handle_alloc_error(layout));
        Self { slots, count }
    }

    fn layout(count: usize) -> Layout {
        Layout::array::<Slot>(count).expect("the table of zones fits the address space")
    }

    /// The slot of the zone around an offset.
    #[inline]
    pub(super) fn slot(&self, offset: u64) -> Option<&Slot> {
        let index = (offset / ZONE_BYTES) as usize;
        // SAFETY: below count; zeros are a valid slot, so all are initialised.
        (index < self.count).then(|| unsafe { &*self.slots.as_ptr().add(index) })
    }

    /// A zone that has an owner.
    pub(super) fn zone<'a>(&'a self, words: &'a Words, number: u64) -> Option<Zone<'a>> {
        let slot = self.slot(number * ZONE_BYTES)?;
        let state = slot.state.load(Acquire);
        let page = slot.bitmaps.load(Acquire);
        let [starts, live] = words.bitmaps(page);
        // SAFETY: a state lives from `install` to `remove`, which the zone's owner calls.
        let state = unsafe { state.as_ref() }?;
        Some(Zone { number, page, starts, live, state })
    }

    /// Makes a zone known as `owner`'s. The caller excludes others from doing the same.
    pub(super) fn install(&self, number: u64, page: u64, live: &Bits, owner: *mut Lane) {
        let Some(slot) = self.slot(number * ZONE_BYTES) else { return };
        let busy = std::array::from_fn(|at| AtomicU64::new(bits::word(live, at)));
        let state = ZoneState { busy, first: AtomicUsize::new(0), position: AtomicUsize::new(0) };
        slot.state.store(Box::into_raw(Box::new(state)), Release);
        slot.bitmaps.store(page, Release);
        slot.owner.store(owner, Release);
    }

    /// Forgets a zone.
    pub(super) fn remove(&self, number: u64) {
        let Some(slot) = self.slot(number * ZONE_BYTES) else { return };
        slot.owner.store(null_mut(), Release);
        slot.bitmaps.store(0, Release);
        let state = slot.state.swap(null_mut(), AcqRel);
        if !state.is_null() {
            // SAFETY: came from a box in `install`; the swap makes sure it is dropped once.
            drop(unsafe { Box::from_raw(state) });
        }
    }
}

impl Drop for ZoneTable {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout.
        unsafe { dealloc(self.slots.as_ptr().cast(), Self::layout(self.count)) }
    }
}

/// What a search through a zone came to.
pub(super) struct Cut {
    pub(super) cells: usize,
    /// The largest free range left, if the search went through to the end.
    pub(super) largest: Option<usize>,
}

/// A zone in its owner's hands.
pub(super) struct Zone<'a> {
    number: u64,
    /// Offset of the bitmap page.
    page: u64,
    starts: &'a Bits,
    live: &'a Bits,
    pub(super) state: &'a ZoneState,
}

impl Zone<'_> {
    pub(super) fn bitmap_page(&self) -> u64 {
        self.page / PAGE_BYTES
    }

    fn touch_starts(&self, g: &impl Ground, from: usize, end: usize) {
        let (first, last) = (from / 64, end.min(END - 1) / 64);
        g.touch(self.page + first as u64 * 8, (last + 1 - first) as u64 * 8);
    }

    /// Cuts up to `most` cells of `len` granules out of the first free ranges that fit. They are
    /// busy then, not yet live; `out` gets their offsets.
    pub(super) fn cut(
        &self,
        g: &impl Ground,
        (len, align): (usize, usize),
        most: usize,
        mut out: impl FnMut(u64),
    ) -> Cut {
        let busy = &self.state.busy;
        let (mut cells, mut largest) = (0, 0);
        let mut start = bits::next_free(self.starts, busy, self.state.first.load(Relaxed) * 64);
        self.state.first.store((start / 64).min(WORDS - 1), Relaxed);
        while start < END {
            let end = bits::next_set(busy, start + 1);
            let from = start.next_multiple_of(align);
            if from + len > end {
                largest = largest.max(end - start);
            } else {
                let count = ((end - from) / len).min(most - cells);
                self.mark(g, from, len, count, end);
                for index in 0..count {
                    let granule = (from + index * len) as u64;
                    out(self.number * ZONE_BYTES + granule * GRANULE_BYTES);
                }
                cells += count;
                if cells == most {
                    return Cut { cells, largest: None };
                }
                largest = largest.max(from - start).max(end - from - count * len);
            }
            start = bits::next_free(self.starts, busy, end);
        }
        Cut { cells, largest: Some(largest) }
    }

    /// Granules of the largest free range.
    pub(super) fn largest(&self) -> usize {
        let busy = &self.state.busy;
        let (mut largest, mut start) = (0, bits::next_free(self.starts, busy, 0));
        while start < END {
            let end = bits::next_set(busy, start + 1);
            largest = largest.max(end - start);
            start = bits::next_free(self.starts, busy, end);
        }
        largest
    }

    fn mark(&self, g: &impl Ground, from: usize, len: usize, count: usize, end: usize) {
        let stop = from + len * count;
        bits::clear_range(self.starts, from + 1, stop);
        for index in 0..count {
            bits::set(self.starts, from + index * len);
            bits::set(&self.state.busy, from + index * len);
        }
        if stop < end {
            bits::set(self.starts, stop);
        }
        self.touch_starts(g, from, stop);
    }

    /// Says on file that the cell at `at` is no longer allocated. It stays busy.
    pub(super) fn mark_free(&self, g: &impl Ground, at: usize) {
        bits::clear(self.live, at);
        g.touch(self.page + ((WORDS + at / 64) * 8) as u64, 8);
    }

    /// Lets go of a busy cell that is not live; returns the free range around it.
    pub(super) fn release(&self, at: usize) -> Range<usize> {
        let busy = &self.state.busy;
        bits::clear(busy, at);
        let before = bits::last_set(busy, at);
        let start = before.map_or(0, |before| bits::next_set(self.starts, before + 1));
        let start = start.min(at);
        if start / 64 < self.state.first.load(Relaxed) {
            self.state.first.store(start / 64, Relaxed);
        }
        start..bits::next_set(busy, at + 1)
    }

    /// Makes the live cell at `at` `len` granules long if it has room; returns the free range
    /// behind it then.
    pub(super) fn resize(&self, g: &impl Ground, at: usize, len: usize) -> Option<Range<usize>> {
        let stop = at + len;
        let end = bits::next_set(&self.state.busy, at + 1);
        let old_end = bits::next_set(self.starts, at + 1);
        if stop > end {
            return None;
        }
        if stop == old_end {
            return Some(stop..end);
        }
        bits::clear_range(self.starts, at + 1, stop);
        if stop < END {
            bits::set(self.starts, stop);
        }
        self.touch_starts(g, at, stop.max(old_end));
        if stop / 64 < self.state.first.load(Relaxed) {
            self.state.first.store(stop / 64, Relaxed);
        }
        Some(stop..end)
    }
}
