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
/// All spaces that were ever open lie between these: what does not is in none of them.
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
    open.iter().any(|&(first, end)| first < address && address <= end)
}
