//! The open heaps of this process and the addresses they own, to tell foreign containers.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};

use fileheap_core::Heap;

/// A heap as handles and guards share it.
pub(crate) struct Space {
    pub(crate) core: Heap,
    pub(crate) bytes: usize,
}

/// First and last address of every space that is open.
static OPEN: RwLock<Vec<(usize, usize)>> = RwLock::new(Vec::new());
/// Memory of the process that stands in for that of a full heap: see `Current::stray`. Containers
/// in it are that heap's, as other threads must be told that look through its guard.
static STRAYS: RwLock<Vec<(usize, usize)>> = RwLock::new(Vec::new());
/// All that was ever open or stray lies between these: what does not is in no heap.
static LOWEST: AtomicUsize = AtomicUsize::new(usize::MAX);
static HIGHEST: AtomicUsize = AtomicUsize::new(0);

impl Space {
    pub(crate) fn new(core: Heap) -> Arc<Self> {
        let base = core.base() as usize;
        let bytes = core.reserved_bytes() as usize;
        let mut open = OPEN.write().unwrap_or_else(PoisonError::into_inner);
        open.push((base, base + bytes));
        LOWEST.fetch_min(base, Relaxed);
        HIGHEST.fetch_max(base + bytes, Relaxed);
        Arc::new(Self { core, bytes })
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        let base = self.core.base() as usize;
        let mut open = OPEN.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = open.iter().position(|range| *range == (base, base + self.bytes)) {
            open.swap_remove(at);
        }
    }
}

/// From now on this memory belongs to a heap.
pub(crate) fn enter_stray(first: usize, bytes: usize) {
    STRAYS.write().unwrap_or_else(PoisonError::into_inner).push((first, first + bytes));
    LOWEST.fetch_min(first, Relaxed);
    HIGHEST.fetch_max(first + bytes, Relaxed);
}

/// It does no more.
pub(crate) fn leave_stray(first: usize) {
    let mut strays = STRAYS.write().unwrap_or_else(PoisonError::into_inner);
    if let Some(at) = strays.iter().position(|stray| stray.0 == first) {
        strays.swap_remove(at);
    }
}

/// Whether an address belongs to an open heap. A field without size may stand behind the last
/// byte of its container, never before the first: a space begins with pages that hold none.
#[inline]
pub(crate) fn is_in_a_heap(address: usize) -> bool {
    if address < LOWEST.load(Relaxed) || address > HIGHEST.load(Relaxed) {
        return false;
    }
    is_in_one_of_many(address)
}

#[cold]
fn is_in_one_of_many(address: usize) -> bool {
    let open = OPEN.read().unwrap_or_else(PoisonError::into_inner);
    let strays = STRAYS.read().unwrap_or_else(PoisonError::into_inner);
    open.iter().any(|&(first, end)| first < address && address <= end)
        || strays.iter().any(|&(first, end)| first <= address && address <= end)
}
