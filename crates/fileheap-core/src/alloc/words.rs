//! The heap's own words in mapped memory: u64s at aligned offsets, stored to with due notice.

use std::mem::offset_of;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::Ground;
use super::bits::Bits;
use crate::format::{HEADER_OFFSET, Header, PAGE_BYTES};
use crate::{Error, ErrorKind};

pub(super) const PAGE_COUNT: u64 = HEADER_OFFSET + offset_of!(Header, page_count) as u64;
pub(super) const DIRECTORY: u64 = HEADER_OFFSET + offset_of!(Header, directory_offset) as u64;
pub(super) const CAPACITY: u64 = HEADER_OFFSET + offset_of!(Header, directory_capacity) as u64;
pub(super) const BITMAP_RUN: u64 = HEADER_OFFSET + offset_of!(Header, bitmap_run) as u64;
pub(super) const BITMAP_USED: u64 = HEADER_OFFSET + offset_of!(Header, bitmap_used) as u64;
pub(super) const BITMAP_FREE: u64 = HEADER_OFFSET + offset_of!(Header, bitmap_free) as u64;

/// The mapped heap, seen as words. Every access is checked against the reserved range; that what
/// lies below the page count is mapped is the promise made to `new`.
#[derive(Clone, Copy)]
pub(super) struct Words {
    base: *mut u8,
    limit_bytes: u64,
}

// SAFETY: the words are reached as atomics only, and pages as a whole only by their one owner.
unsafe impl Send for Words {}
// SAFETY: as above.
unsafe impl Sync for Words {}

impl Words {
    /// # Safety
    /// `base` is page-aligned and starts `limit_bytes` of address space that belong to this heap
    /// as long as the result is used; every offset asked for is mapped when it is asked for.
    pub(super) unsafe fn new(base: *mut u8, limit_bytes: u64) -> Self {
        Self { base, limit_bytes }
    }

    pub(super) fn base(&self) -> *mut u8 {
        self.base
    }

    pub(super) fn limit_pages(&self) -> u64 {
        self.limit_bytes / PAGE_BYTES
    }

    #[inline]
    pub(super) fn at(&self, offset: u64) -> &AtomicU64 {
        assert!(offset % 8 == 0 && offset < self.limit_bytes & !7);
        // SAFETY: aligned and within the range that `new` was promised.
        unsafe { &*self.base.add(offset as usize).cast() }
    }

    #[inline]
    pub(super) fn load(&self, offset: u64) -> u64 {
        self.at(offset).load(Relaxed)
    }

    #[inline]
    pub(super) fn store(&self, ground: &impl Ground, offset: u64, value: u64) {
        self.at(offset).store(value, Relaxed);
        ground.touch(offset, 8);
    }

    /// The two bitmaps in the page at `offset`: starts and live.
    #[inline]
    pub(super) fn bitmaps(&self, offset: u64) -> &[Bits; 2] {
        assert!(offset % PAGE_BYTES == 0 && offset < self.limit_bytes);
        // SAFETY: a whole page, aligned, within the range that `new` was promised.
        unsafe { &*self.base.add(offset as usize).cast() }
    }

    /// The same without a look at the offset.
    ///
    /// # Safety
    /// `bitmaps` was called with this offset before.
    #[inline]
    pub(super) unsafe fn known_bitmaps(&self, offset: u64) -> &[Bits; 2] {
        // SAFETY: that call has checked it.
        unsafe { &*self.base.add(offset as usize).cast() }
    }

    /// Sets whole pages of the heap's own structures to zero.
    pub(super) fn clear_pages(&self, ground: &impl Ground, pages: Range<u64>) {
        let (offset, bytes) = (pages.start * PAGE_BYTES, (pages.end - pages.start) * PAGE_BYTES);
        self.fill_zero(offset, bytes);
        ground.touch(offset, bytes);
    }

    /// Sets memory that nobody else uses to zero.
    pub(super) fn fill_zero(&self, offset: u64, bytes: u64) {
        assert!(offset <= self.limit_bytes && bytes <= self.limit_bytes - offset);
        // SAFETY: within range; the caller owns these bytes: it has just taken them.
        unsafe { self.base.add(offset as usize).write_bytes(0, bytes as usize) }
    }

    /// Copies between two allocations that the caller owns.
    pub(super) fn copy(&self, from: u64, to: u64, bytes: u64) {
        let limit = self.limit_bytes;
        assert!(bytes <= limit && from <= limit - bytes && to <= limit - bytes);
        // SAFETY: within range; both belong to the caller, and two allocations never overlap.
        unsafe {
            let (from, to) = (self.base.add(from as usize), self.base.add(to as usize));
            to.copy_from_nonoverlapping(from, bytes as usize);
        }
    }
}

#[cold]
pub(super) fn corrupt(what: &str, offset: u64, found: u64) -> Error {
    Error::new(ErrorKind::Corrupt, format!("{what}: found {found:#x}"))
        .offset(offset)
        .advice("run a check of the heap")
}

#[cold]
pub(super) fn bad_pointer(offset: u64, found: &str) -> Error {
    Error::new(ErrorKind::BadPointer, format!("expected a live allocation, found {found}"))
        .offset(offset)
}
