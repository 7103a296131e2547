//! The table of zones: from an offset to the lane that owns the zone around it.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering::*};

use super::lane::Lane;
use crate::format::ZONE_BYTES;

/// One zone in the table. All zeros: not known yet.
#[repr(C)]
pub(super) struct Slot {
    owner: AtomicPtr<Lane>,
    /// Offset of the bitmap page.
    pub(super) bitmaps: AtomicU64,
    /// Position among the owner's zones; for the owner only.
    pub(super) position: AtomicUsize,
    /// Makes it a power of two long.
    _rest: u64,
}

impl Slot {
    #[inline]
    pub(super) fn owner(&self) -> *mut Lane {
        self.owner.load(Acquire)
    }

    /// Makes the zone `owner`'s. The caller excludes others from doing the same.
    pub(super) fn install(&self, bitmaps: u64, position: usize, owner: *mut Lane) {
        self.bitmaps.store(bitmaps, Relaxed);
        self.position.store(position, Relaxed);
        self.owner.store(owner, Release);
    }

    /// Makes the zone nobody's.
    pub(super) fn remove(&self) {
        self.owner.store(null_mut(), Release);
    }
}

/// A slot for every zone that the reserved range has room for; untouched ones cost nothing.
pub(super) struct ZoneTable {
    slots: NonNull<Slot>,
    count: usize,
}

// SAFETY: the slots are atomics; whoever reads an owner has Acquired what was stored before it.
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
        // No more than 16: zeroed memory of larger alignment is cleared by hand, page by page.
        Layout::from_size_align(count * size_of::<Slot>(), 16).expect("a table of that size")
    }

    /// The slot of the zone around an offset.
    #[inline]
    pub(super) fn slot(&self, offset: u64) -> Option<&Slot> {
        let index = (offset / ZONE_BYTES) as usize;
        // SAFETY: below count; zeros are a valid slot, so all are initialised.
        (index < self.count).then(|| unsafe { &*self.slots.as_ptr().add(index) })
    }

    /// The slot of a zone.
    pub(super) fn of(&self, number: u64) -> Option<&Slot> {
        self.slot(number.checked_mul(ZONE_BYTES)?)
    }

    /// Whether a zone belongs to somebody.
    pub(super) fn is_owned(&self, number: u64) -> bool {
        self.of(number).is_some_and(|slot| !slot.owner().is_null())
    }
}

impl Drop for ZoneTable {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout.
        unsafe { dealloc(self.slots.as_ptr().cast(), Self::layout(self.count)) }
    }
}
