//! Memory for views: zeroed, and used again, because crash images need much of it in a short time.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::io;
use std::sync::{Mutex, PoisonError};

/// Larger blocks go back at once: the allocator gets those zeroed from the kernel in any case.
const KEEP_MAX_BYTES: usize = 32 << 20;
/// So many are kept. None under Miri, which is to see every use of memory that was given back.
const KEEP_COUNT: usize = if cfg!(miri) { 0 } else { 16 };

/// Zeroed memory.
#[derive(Debug)]
pub(super) struct Block {
    at: *mut u8,
    layout: Layout,
}

// SAFETY: it owns its memory, and hands out nothing but the address.
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

static KEPT: Mutex<Vec<Block>> = Mutex::new(Vec::new());

impl Block {
    /// So many zeros.
    pub(super) fn zeroed(bytes: usize) -> io::Result<Self> {
        let layout = Layout::from_size_align(bytes.max(1), 16).map_err(io::Error::other)?;
        {
            let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
            let found = kept.iter().position(|block| block.layout == layout);
            if let Some(index) = found {
                return Ok(kept.swap_remove(index));
            }
        }
        // SAFETY: the layout is not empty.
        let at = unsafe { alloc_zeroed(layout) };
        if at.is_null() {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        Ok(Self { at, layout })
    }

    pub(super) fn at(&self) -> *mut u8 {
        self.at
    }

    /// Its bytes, for an owner that gives the address to nobody.
    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: so many bytes were allocated, zeroed.
        unsafe { std::slice::from_raw_parts(self.at, self.layout.size()) }
    }

    /// The same, to be changed.
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and we are borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.at, self.layout.size()) }
    }

    /// Says that what follows the first `used` bytes is zero still: the next may have it.
    pub(super) fn retire(&mut self, used: usize) {
        if self.layout.size() > KEEP_MAX_BYTES || KEEP_COUNT == 0 {
            return;
        }
        // SAFETY: it is ours, and nobody has pointers into it any more.
        unsafe { self.at.write_bytes(0, used.min(self.layout.size())) };
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEEP_COUNT {
            drop(kept.remove(0)); // of a size that nobody wants any more, perhaps
        }
        let layout = self.layout;
        kept.push(Self { at: std::mem::replace(&mut self.at, std::ptr::null_mut()), layout });
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if !self.at.is_null() {
            // SAFETY: allocated in `zeroed` with this layout, and not retired.
            unsafe { dealloc(self.at, self.layout) };
        }
    }
}
