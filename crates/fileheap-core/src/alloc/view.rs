//! The heap's structures as found, hostile or not: every look is checked against the file's length.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::bits::{self, Bits, END, WORDS};
use super::words;
use crate::format::{
    CHUNK_MAP_PAGES, CHUNK_PAGES, Entry, GRANULE_BYTES, PAGE_BYTES, RunKind, ZONE_BYTES, ZONE_PAGES,
};

/// A mapped heap of which nothing is believed.
#[derive(Clone, Copy)]
pub(super) struct View {
    base: *const u8,
    bytes: u64,
}

impl View {
    /// # Safety
    /// `bytes` bytes from the page-aligned `base` on are mapped as long as the view is used.
    pub(super) unsafe fn new(base: *const u8, bytes: u64) -> Self {
        Self { base, bytes: bytes / PAGE_BYTES * PAGE_BYTES }
    }

    /// The word at an offset, if it is in the file.
    pub(super) fn word(&self, offset: u64) -> Option<u64> {
        if offset % 8 != 0 || offset >= self.bytes {
            return None;
        }
        // SAFETY: aligned, and within the mapped bytes, whose length is a multiple of 8.
        Some(unsafe { &*self.base.add(offset as usize).cast::<AtomicU64>() }.load(Relaxed))
    }

    /// Whether these pages are in the file and in the heap.
    pub(super) fn holds(&self, page: u64, pages: u64) -> bool {
        let count = self.page_count();
        pages <= count && page <= count - pages
    }

    /// Pages of the heap, no more than the file has.
    pub(super) fn page_count(&self) -> u64 {
        self.word(words::PAGE_COUNT).unwrap_or(0).min(self.bytes / PAGE_BYTES)
    }

    /// Pages that the file has.
    pub(super) fn file_pages(&self) -> u64 {
        self.bytes / PAGE_BYTES
    }

    /// Where the directory names a map chunk.
    fn slot(&self, index: u64) -> Option<u64> {
        let directory = self.word(words::DIRECTORY)?;
        if index >= self.word(words::CAPACITY)? {
            return None;
        }
        directory.checked_add(index.checked_mul(8)?)
    }

    /// Offset of a map chunk, if it is one that can be.
    pub(super) fn chunk(&self, index: u64) -> Option<u64> {
        let chunk = self.word(self.slot(index)?)?;
        let fits = chunk % PAGE_BYTES == 0 && self.holds(chunk / PAGE_BYTES, CHUNK_MAP_PAGES);
        fits.then_some(chunk)
    }

    /// Where the map entry of a page lies.
    fn entry_offset(&self, page: u64) -> Option<u64> {
        self.chunk(page / CHUNK_PAGES).map(|chunk| chunk + page % CHUNK_PAGES * 8)
    }

    /// The map entry of a page.
    pub(super) fn entry(&self, page: u64) -> Option<Entry> {
        self.word(self.entry_offset(page)?).map(Entry)
    }

    /// The bytes of the direct extent that begins at an offset, if one does, and where the two
    /// words lie that say so.
    pub(super) fn direct_extent(&self, offset: u64) -> Option<([u64; 2], Option<u64>)> {
        let page = offset / PAGE_BYTES;
        let slot = self.slot(page / CHUNK_PAGES)?;
        let Some(at) = self.entry_offset(page) else { return Some(([slot; 2], None)) };
        let entry = self.word(at).map(Entry).filter(|entry| entry.kind() == Some(RunKind::Run));
        let bytes = entry.filter(|entry| entry.is_direct()).map(|entry| entry.pages() * PAGE_BYTES);
        Some(([slot, at], bytes))
    }

    /// The two bitmaps in a page.
    pub(super) fn bitmaps(&self, page: u64) -> Option<&[Bits; 2]> {
        if page >= self.bytes / PAGE_BYTES {
            return None;
        }
        // SAFETY: a whole page within the mapped bytes; atomics, so that others may store.
        Some(unsafe { &*self.base.add((page * PAGE_BYTES) as usize).cast() })
    }

    /// Calls for each run from the first page on, until one makes no sense; returns where it
    /// stopped: the page count if all is well.
    pub(super) fn each_run(&self, f: &mut dyn FnMut(u64, Entry, RunKind)) -> u64 {
        let mut page = 0;
        while page < self.page_count() {
            let Some(entry) = self.entry(page) else { break };
            let kind = entry.kind().filter(|kind| *kind != RunKind::Inner);
            let Some(kind) = kind else { break };
            if entry.pages() == 0 || !self.holds(page, entry.pages()) {
                break;
            }
            if kind == RunKind::Zone && page % ZONE_PAGES != 0 {
                break;
            }
            f(page, entry, kind);
            page += entry.pages();
        }
        page
    }

    /// Calls for each live cell of a zone: offset and bytes.
    pub(super) fn each_cell(&self, page: u64, bitmap: u64, f: &mut dyn FnMut(u64, u64)) {
        let Some([starts, live]) = self.bitmaps(bitmap) else { return };
        let mut at = bits::next_set(live, 0);
        while at < END {
            let end = bits::next_set(starts, at + 1);
            let offset = page / ZONE_PAGES * ZONE_BYTES + at as u64 * GRANULE_BYTES;
            f(offset, (end - at) as u64 * GRANULE_BYTES);
            at = bits::next_set(live, at + 1);
        }
    }

    /// Granules of a zone's largest free range, and how many are free.
    pub(super) fn zone_room(&self, bitmap: u64) -> (u64, u64) {
        let Some([starts, live]) = self.bitmaps(bitmap) else { return (0, 0) };
        let (mut largest, mut free) = (0, 0);
        let mut start = bits::next_free(starts, live, 0);
        while start < END {
            let end = bits::next_set(live, start + 1);
            largest = largest.max(end - start);
            free += end - start;
            start = bits::next_free(starts, live, end);
        }
        (largest as u64, free as u64)
    }

    /// The first granule whose bits contradict the format.
    pub(super) fn zone_flaw(&self, bitmap: u64) -> Option<usize> {
        let [starts, live] = self.bitmaps(bitmap)?;
        if !bits::get(starts, 0) {
            return Some(0);
        }
        (0..WORDS).find_map(|at| {
            let flaw = bits::word(live, at) & !bits::word(starts, at);
            (flaw != 0).then(|| at * 64 + flaw.trailing_zeros() as usize)
        })
    }
}

/// The bytes of the direct extent that begins at an offset of a mapped heap, if one does, and where
/// the two words lie that say so, if the heap has them.
///
/// # Safety
/// `bytes` bytes from the page-aligned `base` on are mapped.
#[must_use]
pub unsafe fn direct_extent(
    base: *const u8,
    bytes: u64,
    offset: u64,
) -> Option<([u64; 2], Option<u64>)> {
    // SAFETY: passed on to our caller.
    unsafe { View::new(base, bytes) }.direct_extent(offset)
}
