//! Boost.Interprocess's managed_mapped_file: a best-fit heap behind one mutex in a mapped file.

use std::ffi::{CString, c_char, c_void};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;

use crate::seam::{Alloc, Result};

/// The file does not grow: it is made, sparse, as large as any workload needs.
const FILE_BYTES: usize = 4 << 30;

// SAFETY: the declarations repeat cpp/boost.cpp.
unsafe extern "C" {
    fn boostpeer_create(path: *const c_char, bytes: usize) -> *mut c_void;
    fn boostpeer_alloc(heap: *mut c_void, bytes: usize) -> *mut c_void;
    fn boostpeer_free(heap: *mut c_void, block: *mut c_void);
    fn boostpeer_close(heap: *mut c_void);
}

pub struct Boost {
    heap: NonNull<c_void>,
    path: PathBuf,
}

// SAFETY: the heap takes its own mutex around every call.
unsafe impl Sync for Boost {}

impl Alloc for Boost {
    fn create(dir: &Path) -> Result<Self> {
        let path = dir.join("boost");
        let c_path = CString::new(path.as_os_str().as_bytes())?;
        // SAFETY: the path is terminated and lives through the call.
        let heap = unsafe { boostpeer_create(c_path.as_ptr(), FILE_BYTES) };
        let heap = NonNull::new(heap).ok_or("Boost could not create its file")?;
        Ok(Self { heap, path })
    }

    #[inline]
    fn alloc(&self, bytes: usize) -> *mut u8 {
        // SAFETY: the heap is open until drop.
        unsafe { boostpeer_alloc(self.heap.as_ptr(), bytes).cast() }
    }

    #[inline]
    unsafe fn free(&self, block: *mut u8) {
        // SAFETY: the caller passes a live block of this heap, which is open until drop.
        unsafe { boostpeer_free(self.heap.as_ptr(), block.cast()) }
    }

    fn footprint_bytes(&self) -> Result<u64> {
        Ok(std::fs::metadata(&self.path)?.blocks() * 512)
    }
}

impl Drop for Boost {
    fn drop(&mut self) {
        // SAFETY: opened in create, closed only here.
        unsafe { boostpeer_close(self.heap.as_ptr()) }
    }
}
