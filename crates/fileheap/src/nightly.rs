//! std's own allocator trait for `Here`, so that `std::collections::BTreeMap<_, _, Here>` and the
//! like work; for nightly compilers.
//!
//! std's containers are not made for allocators that unwind (a B-tree is torn in the middle of a
//! split). Where there is no space left in the heap they get memory of the process instead; the
//! transaction cannot commit any more, says why when it is asked to, and frees that memory.

use std::alloc::{AllocError, Allocator, Layout};
use std::ptr::NonNull;

use crate::here::Here;

// SAFETY: as for allocator_api2's trait; see there.
unsafe impl Allocator for Here<'_> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        Ok(self.take_or_stray(layout))
    }

    #[inline]
    unsafe fn deallocate(&self, memory: NonNull<u8>, layout: Layout) {
        // SAFETY: as our caller promises.
        unsafe { self.give(memory, layout) }
    }
}
