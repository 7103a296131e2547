//! Allocating in the heap that an address lies in: for pointers and allocators kept in the file,
//! which know where they are and not what the heap is called today.

use std::ffi::{c_int, c_void};
use std::ptr::null_mut;

use fileheap_core::Result;

use crate::alloc;
use crate::arguments::invalid;
use crate::border::{fheap_status, status, value};
use crate::heap::fheap;
use crate::table;

/// Of fheap_alloc_near: the room is for something that holds addresses, not offsets. From then on
/// the heap opens at its recorded base only.
pub const FHEAP_HOLDS_ADDRESSES: u32 = 1;

/// The heap that an address lies in, one of its open handles; NULL if there is none. The handle
/// stays whose it is: do not close it.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_of(address: *const c_void) -> *mut fheap {
    value(null_mut(), || table::around(address as usize).map(|near| near.handle as *mut fheap))
}

/// The address of offset 0 of the heap that an address lies in; NULL if there is none.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_base_of(address: *const c_void) -> *mut c_void {
    value(null_mut(), || table::around(address as usize).map(|near| near.low as *mut c_void))
}

/// Whether an address lies in an open heap. Never an error.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_is_inside(address: *const c_void) -> c_int {
    value(0, || Ok(table::find(address as usize).is_some().into()))
}

#[cold]
fn mark(heap: usize) -> Result<()> {
    let state = table::state(heap)?;
    state.alone(|txn| txn.mark(&state.heap))
}

fn hold_addresses(heap: usize) -> Result<()> {
    if table::in_txn(heap, |_, txn| Ok(txn.is_marked()))? { Ok(()) } else { mark(heap) }
}

/// Allocates in the heap that the address `near` lies in. `flags` are 0 or FHEAP_HOLDS_ADDRESSES.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_alloc_near(
    near: *const c_void,
    align: usize,
    bytes: usize,
    flags: u32,
) -> *mut c_void {
    value(null_mut(), || {
        let heap = table::around(near as usize)?.handle;
        if flags != 0 {
            if flags != FHEAP_HOLDS_ADDRESSES {
                return Err(invalid(format!("unknown flags {flags:#x}")));
            }
            hold_addresses(heap)?;
        }
        alloc::alloc(heap, bytes, align as u64)
    })
}

/// Frees an allocation in whichever heap it lies; NULL is nothing to free.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_free_near(address: *mut c_void) -> fheap_status {
    status(|| {
        if address.is_null() {
            return Ok(());
        }
        alloc::free(table::around(address as usize)?.handle, address)
    })
}

/// Notes in the open transaction that the heap around `near` holds addresses from now on. If it
/// does not lie at its recorded base the transaction cannot be committed any more.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_hold_addresses(near: *const c_void) -> fheap_status {
    status(|| hold_addresses(table::around(near as usize)?.handle))
}
