//! Sharing: vectors that several processes store to at once, and who holds vectors of a heap.

use std::sync::Arc;

use crate::body::{Body, is_direct};
use crate::fault::{Fault, Outcome, Problem, answer};
use crate::find;
use crate::heap::{RHeap, shared};

/// A vector whose stores all processes see. A transaction is entered.
fn share(heap: &Arc<RHeap>, id: u64) -> Outcome<*mut Body> {
    let mut state = heap.lock();
    heap.hold(&mut state)?;
    let record = find::live(heap, &state, id)?;
    if !is_direct(&record) {
        let text = "the vector was shared for reading only: register it with writable = TRUE, or \
                    make it with create_fmalloc_matrix() or create_fmalloc_vector()";
        return Err(Problem::new("read_only", text).at(heap.heap.path()));
    }
    find::take_over(heap, &mut state, &record, false)
}

/// A vector by its record, for several processes to store to.
///
/// # Safety
/// As `fh_create`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_share(
    heap: *const RHeap,
    id: u64,
    body: *mut *mut Body,
    fault: *mut Fault,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { answer(fault, body, || share(&shared(heap), id)) }
}

/// The processes that have vectors of the heap: their number, and as many as there is room for.
///
/// # Safety
/// `to` has `room` places, `count` is one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_holders(
    heap: *const RHeap,
    to: *mut i32,
    room: u64,
    count: *mut u64,
    fault: *mut Fault,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        answer(fault, count, || {
            let all = (*heap).heap.attached()?;
            let holders: Vec<_> = all.iter().filter(|process| process.keep.is_some()).collect();
            for (index, process) in holders.iter().enumerate().take(room as usize) {
                to.add(index).write(process.pid as i32);
            }
            Ok(holders.len() as u64)
        })
    }
}
