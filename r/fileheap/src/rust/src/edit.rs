//! Editing: what a name stands for is taken for storing, with elements of its own if others look.

use std::sync::Arc;

use fileheap_core::catalog::RecordNew;
use fileheap_core::format::{RECORD_RELOCATABLE, RecordState, VectorRecord};
use fileheap_r_layout::*;

use crate::body::{Body, BodyPointer, MUTABLE, UNDONE, is_direct};
use crate::fault::{Fault, Outcome, Problem, answer};
use crate::find::{body_of, live, owner_elsewhere, take_over};
use crate::heap::{RHeap, State, shared};
use crate::vector::{STORED_TO_LATER, allocate};
use crate::{strings, upkeep};

/// A record that got new elements in the open transaction.
pub struct Parted {
    record: u64,
    /// The record that has the old ones.
    buried: u64,
    /// Where the new ones are.
    made: u64,
}

/// A vector's record, if it can be edited here and now.
fn editable(heap: &RHeap, state: &State, id: u64) -> Outcome<VectorRecord> {
    let record = live(heap, state, id)?;
    if let Some(pid) = owner_elsewhere(heap, &record)? {
        let text = format!(
            "process {pid} has the vector open to store to it; there, remove the variable, call \
             gc() and commit(), or end the session"
        );
        return Err(Problem::new("busy", text).at(heap.heap.path()).by(pid));
    }
    if record.element == VECSXP {
        let text = "expected a vector, found a list: bind its parts by names of their own";
        return Err(Problem::new("type", text).at(heap.heap.path()));
    }
    Ok(record)
}

/// The vector whose stores reach what a name stands for.
pub fn edit(heap: &Arc<RHeap>, id: u64) -> Outcome<*mut Body> {
    let mut state = heap.lock();
    heap.hold(&mut state)?;
    let record = editable(heap, &state, id)?;
    let keeps = is_direct(&record) && !state.is_looked_at(id) && !is_seen_elsewhere(heap)?;
    let body = if keeps {
        take_over(heap, &mut state, &record, false)?
    } else {
        let record = part(heap, &mut state, &record)?;
        take_over(heap, &mut state, &record, true)?
    };
    state.begun.push(BodyPointer(body));
    Ok(body)
}

/// Whether another process may look at vectors of the heap: one that looks at the record's elements
/// is to go on to see them.
fn is_seen_elsewhere(heap: &RHeap) -> Outcome<bool> {
    let mine = std::process::id();
    let all = heap.heap.attached()?;
    Ok(all.iter().any(|process| process.pid != mine && process.keep.is_some()))
}

/// Copies a record's elements to a direct payload, and its buffers; its offset, bytes and table.
fn copy_elements(state: &mut State, record: &VectorRecord) -> Outcome<(u64, u64, u64)> {
    let (offset, bytes) = allocate(state, record.element, record.length, STORED_TO_LATER)?;
    let txn = state.txn()?;
    // SAFETY: two different live allocations of at least so many bytes.
    unsafe {
        let from = txn.resolve(record.payload_offset);
        std::ptr::copy_nonoverlapping(from, txn.resolve(offset), bytes as usize);
    }
    let old = if record.extra[1] == 0 {
        Vec::new()
    } else {
        buffer_table(txn.memory(), record.extra[1])?
    };
    if old.is_empty() {
        return Ok((offset, bytes, 0));
    }
    let table_bytes = TABLE_HEAD + old.len() as u64 * size_of::<BufferEntry>() as u64;
    let table = txn.alloc_zeroed(table_bytes, 16)?;
    for (index, entry) in (0..).zip(&old) {
        let copy = txn.alloc_direct(entry.bytes, false)?.offset;
        let slot = table + TABLE_HEAD + index * size_of::<BufferEntry>() as u64;
        // SAFETY: allocations of that length; the slot lies in the new table.
        unsafe {
            let from = txn.resolve(entry.offset);
            std::ptr::copy_nonoverlapping(from, txn.resolve(copy), entry.bytes as usize);
            let entry = BufferEntry { offset: copy, bytes: entry.bytes };
            txn.resolve(slot).cast::<BufferEntry>().write(entry);
        }
    }
    let count = old.len() as u64;
    // SAFETY: the head of the new table.
    unsafe { txn.resolve(table).cast::<[u64; 2]>().write([count, count]) };
    txn.touch(table, table_bytes);
    Ok((offset, bytes, table))
}

/// Gives a record a direct payload of its own. The old one goes to a record that is buried: who
/// looks at it, here or elsewhere, goes on to see what it saw. Who stores to it goes along.
fn part(heap: &RHeap, state: &mut State, record: &VectorRecord) -> Outcome<VectorRecord> {
    let (offset, bytes, table) = copy_elements(state, record)?;
    let txn = state.txn()?;
    let buried = txn.catalog().records().add(RecordNew {
        generation: record.generation,
        state: RecordState::Committed,
        element: record.element,
        length: record.length,
        payload_offset: record.payload_offset,
        payload_bytes: record.payload_bytes,
        flags: record.flags & (DIRECT | RECORD_RELOCATABLE),
        extra: record.extra,
    })?;
    let changed = txn.catalog().records().update(record.id, |record| {
        record.payload_offset = offset;
        record.payload_bytes = bytes;
        record.flags |= DIRECT;
        record.extra[1] = table;
    })?;
    state.rename_bodies(record.id, buried, |body| body.flags & MUTABLE == 0);
    follow(heap, state, &changed)?;
    state.parted.push(Parted { record: record.id, buried, made: offset });
    upkeep::bury(heap, state, buried)?;
    Ok(changed)
}

/// Points the vectors that store to a record at the elements it has now.
fn follow(heap: &RHeap, state: &State, record: &VectorRecord) -> Outcome<()> {
    for body in state.bodies.get(&record.id).into_iter().flatten() {
        let buffers = heap.look(state, |_, memory| strings::buffers(heap, memory, record))?;
        // SAFETY: in the map, so not freed.
        let body = unsafe { &mut *body.0 };
        if body.flags & MUTABLE != 0 {
            body.aim(heap, record, buffers);
            body.make_stale();
        }
    }
    Ok(())
}

/// After an abort: the vectors that it edited, and those that saw it, are gone; who looked on
/// before belongs to the record again.
pub fn rejoin(heap: &RHeap, state: &mut State, parted: &[Parted]) {
    for body in std::mem::take(&mut state.begun) {
        // SAFETY: taken out of the list before it is freed.
        unsafe { (*body.0).kill(UNDONE) };
    }
    for it in parted.iter().rev() {
        let made = heap.heap.resolve(it.made);
        for body in state.bodies.get(&it.record).into_iter().flatten() {
            // SAFETY: in the map, so not freed.
            let body = unsafe { &mut *body.0 };
            if body.data == made && body.flags & MUTABLE == 0 {
                body.kill(UNDONE);
            }
        }
        state.rename_bodies(it.buried, it.record, |_| true);
    }
}

/// A record with the same elements for the name that is to be changed, if something else has its
/// own as well: to that it is a value. Null if nothing has.
fn own(heap: &Arc<RHeap>, id: u64, jointly: bool) -> Outcome<*mut Body> {
    let mut state = heap.lock();
    heap.hold(&mut state)?;
    let record = live(heap, &state, id)?;
    if record.flags < 2 * ONE_REFERENCE || jointly && !is_direct(&record) {
        return Ok(std::ptr::null_mut());
    }
    let record = editable(heap, &state, id)?;
    let (payload_offset, payload_bytes, table) = copy_elements(&mut state, &record)?;
    let txn = state.txn()?;
    let id = txn.catalog().records().add(RecordNew {
        generation: 1,
        state: RecordState::Committed,
        element: record.element,
        length: record.length,
        payload_offset,
        payload_bytes,
        flags: RECORD_RELOCATABLE | DIRECT | TEMPORARY,
        extra: [u64::from(std::process::id()), table],
    })?;
    upkeep::count_loose(txn, 1)?;
    let record = live(heap, &state, id)?;
    body_of(heap, &mut state, &record, false)
}

/// See `own`. A transaction is entered.
///
/// # Safety
/// As `fh_create`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_own(
    heap: *const RHeap,
    id: u64,
    jointly: i32,
    body: *mut *mut Body,
    fault: *mut Fault,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { answer(fault, body, || own(&shared(heap), id, jointly != 0)) }
}
