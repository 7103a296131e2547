//! `Here`, the allocator that containers in a heap store, and `Alloc`, which programs hand about.

use std::alloc::Layout;
use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;

use allocator_api2::alloc::{AllocError, Allocator};
use fileheap_core::Error;

use crate::current::{Current, current};
use crate::space::is_in_a_heap;

/// The allocator of everything that lives in a heap. It has no size: it finds the heap by asking
/// which transaction its thread has open.
///
/// It cannot be made, only be got from an [`Alloc`]. Whatever has one in it lives as long as the
/// access to the root that it was got with, and stays on its thread.
///
/// Cloning a container clones its `Here`, which is refused with a panic where it would put a copy
/// of one heap's data into another: without a write guard on this thread, or from a container of
/// another heap than the one being written to. To copy between heaps, build anew from the parts.
pub struct Here<'h> {
    /// Not covariant by need, but nothing needs more; neither Send nor Sync: see DESIGN.md.
    life: PhantomData<(&'h (), *mut ())>,
}

impl Here<'_> {
    /// The transaction to allocate from, unless this `Here` stands in another heap.
    #[inline]
    fn current(&self) -> &Current {
        let here = std::ptr::from_ref(self) as usize;
        match current() {
            Some(current) if current.may_hold(here) || !is_in_a_heap(here) => current,
            Some(current) if current.has_stray(here) => current,
            Some(current) => foreign(current),
            None => unguarded(),
        }
    }

    #[inline]
    pub(crate) fn take(&self, layout: Layout) -> NonNull<[u8]> {
        self.take_or(layout, Current::refuse)
    }

    /// The same for callers that must not be unwound through.
    #[cfg(feature = "nightly")]
    #[inline]
    pub(crate) fn take_or_stray(&self, layout: Layout) -> NonNull<[u8]> {
        self.take_or(layout, |current, error, layout| {
            current.doom(error);
            current.stray(layout)
        })
    }

    #[inline]
    fn take_or(
        &self,
        layout: Layout,
        otherwise: impl FnOnce(&Current, Error, Layout) -> NonNull<u8>,
    ) -> NonNull<[u8]> {
        if layout.size() == 0 {
            return NonNull::slice_from_raw_parts(dangling(layout), 0);
        }
        let current = self.current();
        let memory = match current.txn().alloc(layout.size() as u64, layout.align() as u64) {
            // SAFETY: an offset in the heap, whose base is not null.
            Ok(offset) => unsafe { NonNull::new_unchecked(current.txn().resolve(offset)) },
            Err(error) => otherwise(current, error, layout),
        };
        NonNull::slice_from_raw_parts(memory, layout.size())
    }

    /// # Safety
    /// As `Allocator::deallocate`.
    #[inline]
    pub(crate) unsafe fn give(&self, memory: NonNull<u8>, layout: Layout) {
        if layout.size() == 0 {
            return;
        }
        // Without a transaction, or from elsewhere: safe code cannot get here, except with the
        // stray memory of a doomed transaction, which its end frees. Leaking harms nobody.
        let Some(current) = current() else { return };
        let Some(offset) = current.offset(memory.as_ptr() as usize) else { return };
        if let Err(error) = current.txn().free(offset) {
            current.doom(error);
        }
    }

    /// Makes a block longer or shorter, in place if that can be.
    ///
    /// # Safety
    /// As `Allocator::grow` or `shrink`.
    #[inline]
    pub(crate) unsafe fn resize(
        &self,
        memory: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> NonNull<[u8]> {
        let current = self.current();
        let offset = current.offset(memory.as_ptr() as usize);
        if let Some(offset) = offset.filter(|_| old.size() != 0 && new.size() != 0) {
            let bytes = new.size() as u64;
            if let Ok(offset) = current.txn().realloc(offset, bytes, new.align() as u64) {
                // SAFETY: an offset in the heap, whose base is not null.
                let memory = unsafe { NonNull::new_unchecked(current.txn().resolve(offset)) };
                return NonNull::slice_from_raw_parts(memory, new.size());
            }
        }
        let made = self.take(new);
        let bytes = old.size().min(new.size());
        // SAFETY: two blocks of at least that many bytes; the new one is nobody else's.
        unsafe { made.cast::<u8>().copy_from_nonoverlapping(memory, bytes) };
        // SAFETY: our caller's block, which it gives up.
        unsafe { self.give(memory, old) };
        made
    }
}

#[inline]
fn dangling(layout: Layout) -> NonNull<u8> {
    let address = std::ptr::without_provenance_mut(layout.align());
    // SAFETY: an alignment is not zero.
    unsafe { NonNull::new_unchecked(address) }
}

#[cold]
fn foreign(current: &Current) -> ! {
    let path = current.space.core.path().display();
    panic!(
        "a container of another heap would allocate in {path}, which this thread is writing to; \
         build a new container from its contents instead of cloning it"
    );
}

#[cold]
fn unguarded() -> ! {
    panic!(
        "this thread has no write guard: a container in a heap allocates (and cloning it does) \
         only inside a transaction"
    );
}

// SAFETY: blocks are the engine's, live until freed or until the transaction that made them
// aborts, which cannot happen while anything that has a `Here` in it is used; clones are equal,
// since a thread has one transaction.
unsafe impl Allocator for Here<'_> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        Ok(self.take(layout))
    }

    #[inline]
    unsafe fn deallocate(&self, memory: NonNull<u8>, layout: Layout) {
        // SAFETY: as our caller promises.
        unsafe { self.give(memory, layout) }
    }

    #[inline]
    unsafe fn grow(
        &self,
        memory: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: as our caller promises.
        Ok(unsafe { self.resize(memory, old, new) })
    }

    #[inline]
    unsafe fn shrink(
        &self,
        memory: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: as our caller promises.
        Ok(unsafe { self.resize(memory, old, new) })
    }
}

impl Clone for Here<'_> {
    /// Panics where a copy would end in another heap: see the type.
    #[inline]
    fn clone(&self) -> Self {
        self.current();
        Self { life: PhantomData }
    }
}

impl fmt::Debug for Here<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Here")
    }
}

/// The right to allocate in the heap that is being written to: what guards and closures give, and
/// what programs hand to their functions. Cheap to copy; stays on its thread and in its access.
#[derive(Clone, Copy)]
pub struct Alloc<'x> {
    current: NonNull<Current>,
    life: PhantomData<&'x mut ()>,
}

impl<'x> Alloc<'x> {
    /// # Safety
    /// The transaction is open for all of `'x`.
    pub(crate) unsafe fn new(current: NonNull<Current>) -> Self {
        Self { current, life: PhantomData }
    }

    pub(crate) fn current(&self) -> &'x Current {
        // SAFETY: as `new` was promised.
        unsafe { self.current.as_ref() }
    }

    /// The allocator to make containers with: `Vec::new_in(alloc.here())`.
    #[must_use]
    #[inline]
    pub fn here(self) -> Here<'x> {
        Here { life: PhantomData }
    }
}

impl<'x> From<Alloc<'x>> for Here<'x> {
    fn from(alloc: Alloc<'x>) -> Self {
        alloc.here()
    }
}

impl fmt::Debug for Alloc<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Alloc({})", self.current().space.core.path().display())
    }
}
