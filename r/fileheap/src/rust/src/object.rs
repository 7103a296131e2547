//! Objects: R's serialization of anything, with references to the vectors that are in the heap.

use fileheap_core::format::RecordState;
use fileheap_r_layout::{Cell, ONE_REFERENCE, keep_cell};

use crate::body::{Body, MUTABLE};
use crate::fault::{Fault, Outcome, Problem, guard};
use crate::heap::{RHeap, State, shared};
use crate::{upkeep, vector};

/// Writes an object into a cell of its own; its vectors belong to it from now on.
pub fn keep(
    heap: &RHeap,
    state: &mut State,
    primary: u64,
    children: &[u64],
    blob: &[u8],
) -> Outcome<(u64, u64)> {
    // One that is in the object twice is referred to twice: whoever edits one of both is to know.
    for &child in children {
        vector::refer(heap, state, child)?;
    }
    Ok(keep_cell(state.txn()?, primary, children, blob)?)
}

/// Frees an object's cell, and buries the vectors that nothing else refers to.
pub fn release(heap: &RHeap, state: &mut State, at: u64) -> Outcome<()> {
    if at == 0 {
        return Ok(());
    }
    let children = Cell::read(state.txn()?.memory(), at)?.children;
    state.txn()?.free(at)?;
    for id in children {
        let Some(record) = state.txn()?.catalog().view().records().get(id)? else { continue };
        if record.state != RecordState::Committed as u32 || record.flags < ONE_REFERENCE {
            continue; // destroyed by its owner's wish, or an older life
        }
        let records =
            state.txn()?.catalog().records().update(id, |it| it.flags -= ONE_REFERENCE)?;
        if records.flags < ONE_REFERENCE {
            upkeep::bury(heap, state, id)?;
        }
    }
    Ok(())
}

/// Copies `from` to a place of `room` bytes if it fits; tells its length in any case.
///
/// # Safety
/// `to` has `room` bytes, `bytes` is a place for the length.
pub unsafe fn hand_out(from: &[u8], to: *mut u8, room: u64, bytes: *mut u64) {
    // SAFETY: the caller's promise.
    unsafe {
        *bytes = from.len() as u64;
        if *bytes <= room {
            to.copy_from_nonoverlapping(from.as_ptr(), from.len());
        }
    }
}

/// Stores an element of a list; no serialization means NULL. A transaction is entered.
///
/// # Safety
/// `list` is a live, mutable list, `index` below its length; the rest as `fh_bind`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_slot_set(
    list: *const Body,
    index: i64,
    primary: u64,
    children: *const u64,
    child_count: u64,
    blob: *const u8,
    blob_bytes: u64,
    fault: *mut Fault,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        guard(fault, || {
            let heap = shared((*list).heap);
            let mut state = heap.lock();
            if (*list).flags & MUTABLE == 0 {
                let text = "the list cannot be changed: it belongs to something with a name";
                return Err(Problem::new("read_only", text).at(heap.heap.path()));
            }
            let mut cell = 0;
            if blob_bytes > 0 {
                let children = std::slice::from_raw_parts(children, child_count as usize);
                if children.contains(&(*list).id) {
                    let text = "a list cannot contain itself";
                    return Err(Problem::new("cycle", text).at(heap.heap.path()));
                }
                let blob = std::slice::from_raw_parts(blob, blob_bytes as usize);
                cell = keep(&heap, &mut state, primary, children, blob)?.0;
            }
            let slot = (*list).data.add(index as usize * 8).cast::<u64>();
            let old = slot.replace(cell);
            let at = heap.heap.adopt(slot.cast()).unwrap_or(0);
            state.txn()?.touch(at, 8);
            release(&heap, &mut state, old)
        })
    }
}

/// An element of a list, as `fh_lookup` gives an object; `bytes` is 0 for NULL.
///
/// # Safety
/// `list` is live, `index` below its length; places for the results.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_slot_get(
    list: *const Body,
    index: i64,
    to: *mut u8,
    room: u64,
    bytes: *mut u64,
    fault: *mut Fault,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        guard(fault, || {
            let heap = shared((*list).heap);
            let state = heap.lock();
            *bytes = 0;
            heap.look(&state, |_, memory| {
                let at = (*list).data.add(index as usize * 8).cast::<u64>().read();
                if at != 0 {
                    hand_out(Cell::read(memory, at)?.blob, to, room, bytes);
                }
                Ok(())
            })
        })
    }
}
