//! Allocators in memory: glibc, mimalloc, jemalloc; their footprint is the process's memory.

use std::ffi::{c_int, c_void};
use std::path::Path;
use std::ptr::null_mut;

use crate::seam::{Alloc, Result};

/// Resident bytes of this process.
fn resident_bytes() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/self/statm")?;
    let pages = text.split_whitespace().nth(1).ok_or("statm has no resident field")?;
    Ok(pages.parse::<u64>()? * 4096)
}

/// glibc's malloc.
pub struct Glibc {
    before_bytes: u64,
}

impl Alloc for Glibc {
    fn create(_dir: &Path) -> Result<Self> {
        Ok(Self { before_bytes: resident_bytes()? })
    }

    #[inline]
    fn alloc(&self, bytes: usize) -> *mut u8 {
        // SAFETY: malloc takes any size.
        unsafe { libc::malloc(bytes).cast() }
    }

    #[inline]
    unsafe fn free(&self, block: *mut u8) {
        // SAFETY: the caller passes a live block of malloc.
        unsafe { libc::free(block.cast()) }
    }

    fn footprint_bytes(&self) -> Result<u64> {
        Ok(resident_bytes()?.saturating_sub(self.before_bytes))
    }

    fn trim(&self) {
        // SAFETY: no precondition.
        unsafe { libc::malloc_trim(0) };
    }
}

/// mimalloc, linked beside glibc's, not instead of it.
pub struct Mimalloc {
    before_bytes: u64,
}

impl Alloc for Mimalloc {
    fn create(_dir: &Path) -> Result<Self> {
        Ok(Self { before_bytes: resident_bytes()? })
    }

    #[inline]
    fn alloc(&self, bytes: usize) -> *mut u8 {
        // SAFETY: mi_malloc takes any size.
        unsafe { libmimalloc_sys::mi_malloc(bytes).cast() }
    }

    #[inline]
    unsafe fn free(&self, block: *mut u8) {
        // SAFETY: the caller passes a live block of mi_malloc.
        unsafe { libmimalloc_sys::mi_free(block.cast()) }
    }

    fn footprint_bytes(&self) -> Result<u64> {
        Ok(resident_bytes()?.saturating_sub(self.before_bytes))
    }

    fn trim(&self) {
        // SAFETY: no precondition.
        unsafe { libmimalloc_sys::mi_collect(true) };
    }
}

/// jemalloc, its names prefixed.
pub struct Jemalloc {
    before_bytes: u64,
}

impl Alloc for Jemalloc {
    fn create(_dir: &Path) -> Result<Self> {
        Ok(Self { before_bytes: resident_bytes()? })
    }

    #[inline]
    fn alloc(&self, bytes: usize) -> *mut u8 {
        // SAFETY: malloc takes any size.
        unsafe { tikv_jemalloc_sys::malloc(bytes).cast() }
    }

    #[inline]
    unsafe fn free(&self, block: *mut u8) {
        // SAFETY: the caller passes a live block of this allocator.
        unsafe { tikv_jemalloc_sys::free(block.cast()) }
    }

    fn footprint_bytes(&self) -> Result<u64> {
        Ok(resident_bytes()?.saturating_sub(self.before_bytes))
    }

    fn trim(&self) {
        // 4096 is jemalloc's name for "all arenas".
        for command in [c"thread.tcache.flush", c"arena.4096.purge"] {
            let no_input: *mut c_void = null_mut();
            // SAFETY: both commands take and return nothing, so every pointer may be null.
            let code: c_int = unsafe {
                tikv_jemalloc_sys::mallctl(command.as_ptr(), null_mut(), null_mut(), no_input, 0)
            };
            debug_assert_eq!(code, 0);
        }
    }
}
