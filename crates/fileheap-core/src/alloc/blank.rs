//! The memory of a heap that is being made: zeros in RAM, no transaction around them.

use std::ops::Range;

use super::{Allocator, Ground};
use crate::format::{INITIAL_BYTES, PAGE_BYTES};
use crate::{Error, ErrorKind, Result};

#[derive(Clone, Copy)]
#[repr(C, align(4096))]
struct Page([u8; PAGE_BYTES as usize]);

/// The first bytes of a heap, in RAM.
pub struct Blank {
    pages: Vec<Page>,
    base: *mut u8,
}

// SAFETY: the pointer leads into `pages`, which it owns.
unsafe impl Sync for Blank {}

impl Blank {
    /// An empty heap, complete but for its superblocks.
    pub fn empty_heap() -> Result<Self> {
        let mut pages = vec![Page([0; PAGE_BYTES as usize]); (INITIAL_BYTES / PAGE_BYTES) as usize];
        let base = pages.as_mut_ptr().cast();
        let blank = Self { pages, base };
        // SAFETY: base is page-aligned and begins INITIAL_BYTES of our own memory.
        unsafe { Allocator::new(base, INITIAL_BYTES) }.format(&blank)?;
        Ok(blank)
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: `pages` owns that much memory, and nobody stores to it while &self is shared out
        // by this method: `format` has returned.
        unsafe { std::slice::from_raw_parts(self.base, self.pages.len() * PAGE_BYTES as usize) }
    }
}

impl Ground for Blank {
    fn base(&self) -> *mut u8 {
        self.base
    }

    fn touch(&self, _offset: u64, _bytes: u64) {}

    fn extend(&self, _total_pages: u64) -> Result<bool> {
        Err(Error::new(ErrorKind::LimitReached, "a blank heap does not grow"))
    }

    fn reserve(&self, _pages: Range<u64>) -> Result<()> {
        Ok(())
    }

    fn txn(&self) -> u64 {
        0
    }

    fn safe_txn(&self) -> u64 {
        0
    }

    fn claimed(&self, _pages: Range<u64>) {}

    fn taken(&self, _pages: Range<u64>) {}

    fn is_claimed(&self, _pages: Range<u64>) -> bool {
        false
    }
}
