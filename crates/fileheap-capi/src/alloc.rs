//! Allocating in a heap's open write transaction, from any number of threads.

use std::ffi::{c_int, c_void};
use std::ptr::null_mut;

use fileheap_core::{Error, ErrorKind, Result};

use crate::arguments;
use crate::border::{fheap_status, status, value};
use crate::heap::fheap;
use crate::state::{State, Txn};
use crate::table::{Working, in_txn};

/// What allocations are aligned to unless one asks for more.
pub(crate) const ALIGN: u64 = 16;

/// The offset of an address; one outside of the heap becomes an offset that nothing has.
#[inline]
pub(crate) fn offset(state: &State, address: *const c_void) -> u64 {
    (address as usize).wrapping_sub(state.base) as u64
}

#[inline(always)]
pub(crate) fn alloc(heap: usize, bytes: usize, align: u64) -> Result<*mut c_void> {
    // No closure: it would not be inlined, and this is the one way that every program takes.
    let working = Working::begin(heap)?;
    let txn = &working.txn().inner;
    txn.alloc(bytes as u64, align).map(|offset| txn.resolve(offset).cast())
}

#[inline(always)]
pub(crate) fn free(heap: usize, address: *mut c_void) -> Result<()> {
    if address.is_null() {
        return Ok(());
    }
    let working = Working::begin(heap)?;
    working.txn().inner.free(offset(working.state(), address))
}

pub(crate) fn calloc(heap: usize, count: usize, bytes: usize) -> Result<*mut c_void> {
    let Some(total) = count.checked_mul(bytes) else {
        let text = format!("{count} times {bytes} bytes are more than there can be");
        return Err(Error::new(ErrorKind::LimitReached, text));
    };
    in_txn(heap, |_, txn| {
        let made = txn.inner.alloc_zeroed(total as u64, ALIGN);
        made.map(|offset| txn.inner.resolve(offset).cast())
    })
}

pub(crate) fn realloc(heap: usize, address: *mut c_void, bytes: usize) -> Result<*mut c_void> {
    if address.is_null() {
        return alloc(heap, bytes, ALIGN);
    }
    in_txn(heap, |state, txn| {
        let moved = txn.inner.realloc(offset(state, address), bytes as u64, ALIGN);
        moved.map(|offset| txn.inner.resolve(offset).cast())
    })
}

fn at(heap: *mut fheap, work: impl FnOnce(&State, &Txn) -> Result<()>) -> fheap_status {
    status(|| in_txn(heap as usize, work))
}

/// Allocates `bytes` bytes, aligned to 16, in the heap's open write transaction. NULL on failure.
/// 0 bytes are an allocation too.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_alloc(heap: *mut fheap, bytes: usize) -> *mut c_void {
    value(null_mut(), || alloc(heap as usize, bytes, ALIGN))
}

/// The same with an alignment, a power of two.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_alloc_aligned(heap: *mut fheap, align: usize, bytes: usize) -> *mut c_void {
    value(null_mut(), || alloc(heap as usize, bytes, align as u64))
}

/// Allocates room for `count` things of `bytes` bytes, all zero.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_calloc(heap: *mut fheap, count: usize, bytes: usize) -> *mut c_void {
    value(null_mut(), || calloc(heap as usize, count, bytes))
}

/// Makes an allocation longer or shorter; it may move (aligned to 16 then). NULL `address`
/// allocates; with 0 bytes it stays an allocation. On failure NULL, and it is as it was.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_realloc(
    heap: *mut fheap,
    address: *mut c_void,
    bytes: usize,
) -> *mut c_void {
    value(null_mut(), || realloc(heap as usize, address, bytes))
}

/// Frees an allocation; NULL is nothing to free. FHEAP_BAD_POINTER for what is none.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_free(heap: *mut fheap, address: *mut c_void) -> fheap_status {
    status(|| free(heap as usize, address))
}

/// How many bytes may be used of an allocation; 0 on failure.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_usable_bytes(heap: *mut fheap, address: *const c_void) -> usize {
    value(0, || {
        in_txn(heap as usize, |state, txn| {
            txn.inner.usable_bytes(offset(state, address)).map(|bytes| bytes as usize)
        })
    })
}

/// Makes an allocation longer or shorter where it lies; 1 if `bytes` fit now, else 0.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_resize_in_place(
    heap: *mut fheap,
    address: *mut c_void,
    bytes: usize,
) -> c_int {
    value(0, || {
        in_txn(heap as usize, |state, txn| {
            txn.inner.resize_in_place(offset(state, address), bytes as u64).map(c_int::from)
        })
    })
}

/// Says that bytes are stored to. Needed in FHEAP_TRACKED transactions only, of every store.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_touch(
    heap: *mut fheap,
    address: *const c_void,
    bytes: usize,
) -> fheap_status {
    at(heap, |state, txn| {
        let from = offset(state, address);
        let fits =
            from.checked_add(bytes as u64).is_some_and(|end| end <= state.reserved_bytes as u64);
        if !fits {
            let text = format!("{bytes} bytes at {address:p} do not lie in this heap");
            return Err(Error::new(ErrorKind::BadPointer, text).at(state.heap.path()));
        }
        txn.inner.touch(from, bytes as u64);
        Ok(())
    })
}

/// Allocates a direct extent: whole pages, whose stores go straight to the file and are seen by
/// other processes at once. That it exists is part of the transaction, its bytes are not.
/// `*usable`, if wanted, gets its length.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_alloc_direct(
    heap: *mut fheap,
    bytes: usize,
    zeroed: c_int,
    usable: *mut usize,
) -> *mut c_void {
    value(null_mut(), || {
        in_txn(heap as usize, |_, txn| {
            let made = txn.inner.alloc_direct(bytes as u64, zeroed != 0)?;
            arguments::store(usable, made.bytes as usize);
            Ok(txn.inner.resolve(made.offset).cast())
        })
    })
}

/// Whether an allocation is a direct extent: 1 or 0; 0 on failure too.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_is_direct(heap: *mut fheap, address: *const c_void) -> c_int {
    value(0, || {
        in_txn(heap as usize, |state, txn| {
            txn.inner.is_direct(offset(state, address)).map(c_int::from)
        })
    })
}

/// Lets this process store to a direct extent in place, one that it did not allocate itself.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_open_direct(heap: *mut fheap, address: *mut c_void) -> fheap_status {
    at(heap, |state, txn| txn.inner.open_direct(offset(state, address)))
}

/// Makes the transaction's later stores to a direct extent part of it: all of them or none.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_enlist(heap: *mut fheap, address: *mut c_void) -> fheap_status {
    at(heap, |state, txn| txn.inner.enlist(offset(state, address)))
}
