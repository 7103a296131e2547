//! Reading: a guard that pins one committed state, and the keeper that pins space only.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::Shared;
use crate::Result;
use crate::catalog::{CatalogView, Memory};
use crate::format::{HEADER_OFFSET, Header};
use crate::os::Wait;

/// One committed state, for as long as this lives. Threads of the process share the state that
/// the first of them pinned. It stays on its thread, so that no thread can wait for itself.
pub struct ReadTxn {
    shared: Arc<Shared>,
    number: u64,
    stays_here: PhantomData<*const ()>,
}

impl ReadTxn {
    pub(super) fn begin(shared: &Arc<Shared>, wait: Wait) -> Result<Self> {
        let number = shared.engine.begin_read(wait)?;
        Ok(Self { shared: shared.clone(), number, stays_here: PhantomData })
    }

    /// The transaction whose state this is.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The bytes of the heap, from offset 0.
    #[must_use]
    pub fn memory(&self) -> Memory<'_> {
        // SAFETY: while this guard lives nobody in this process stores to the heap, and others
        // cannot change what a pinned, private mapping shows.
        unsafe { memory(&self.shared) }
    }

    /// Names and records.
    #[must_use]
    pub fn catalog(&self) -> CatalogView<'_> {
        CatalogView::new(self.memory())
    }

    /// One of the eight roots of the faces.
    #[must_use]
    pub fn face_root(&self, index: usize) -> u64 {
        // SAFETY: the header page is mapped since the first begin, and at rest while we read.
        let header = unsafe { &*self.base().add(HEADER_OFFSET as usize).cast::<Header>() };
        header.face_roots[index]
    }

    /// The bytes of a range, if it lies inside the heap.
    pub fn bytes(&self, offset: u64, bytes: u64) -> Result<&[u8]> {
        self.memory().slice(offset, bytes)
    }

    /// The address of offset 0.
    #[must_use]
    pub fn base(&self) -> *const u8 {
        self.shared.engine.view().base()
    }
}

impl Drop for ReadTxn {
    fn drop(&mut self) {
        self.shared.engine.end_read();
    }
}

/// What is mapped and belongs to the heap now.
///
/// # Safety
/// As `Memory::new` says.
pub(super) unsafe fn memory(shared: &Shared) -> Memory<'_> {
    let base = shared.engine.view().base();
    let mapped = shared.engine.mapped_bytes();
    // SAFETY: the header page is mapped since the first begin; passed on to our caller.
    unsafe {
        let header = base.add(HEADER_OFFSET as usize).cast::<Header>();
        // Atomic, as where it is stored: another thread of the writer may be allocating.
        let count = AtomicU64::from_ptr(&raw mut (*header).page_count).load(Relaxed);
        Memory::new(base, count.saturating_mul(crate::format::PAGE_BYTES).min(mapped))
    }
}

/// Says that this process may point at anything allocated in the state it was made in (that of the
/// read guard open at the time, if there is one): nobody writes into that space in the file. For
/// foreign garbage collectors that hold raw pointers. It is a sign for others, too: who frees what
/// was allocated before a keeper of another process, as `Heap::attached` names it, lets the space
/// be used again, and whoever holds pointers there sees that with its next transaction. So those
/// who share a heap with a collector free what is older when no such keeper is left.
pub struct Keeper {
    shared: Arc<Shared>,
}

impl Keeper {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        shared.engine.keep();
        Self { shared: shared.clone() }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.shared.engine.unkeep();
    }
}
