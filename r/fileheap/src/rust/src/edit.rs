//! Editing: a vector with a name is taken for storing, with elements of its own if others look on.

use std::sync::Arc;

use fileheap_core::catalog::RecordNew;
use fileheap_core::format::{RECORD_RELOCATABLE, RecordState, VectorRecord};
use fileheap_r_layout::*;

use crate::body::{Body, is_direct};
use crate::fault::{Outcome, Problem};
use crate::find::{live, owner_elsewhere, take_over};
use crate::heap::{RHeap, State};
use crate::upkeep;
use crate::vector::{STORED_TO_LATER, allocate};

/// The vector whose stores reach what a name stands for.
pub fn edit(heap: &Arc<RHeap>, id: u64) -> Outcome<*mut Body> {
    let mut state = heap.lock();
    heap.hold(&mut state)?;
    let record = live(heap, &state, id)?;
    if let Some(pid) = owner_elsewhere(heap, &record)? {
        let text = format!("process {pid} has the vector open to store to it; close it there");
        return Err(Problem::new("busy", text).at(heap.heap.path()).by(pid));
    }
    if state.is_edited(id) {
        let text = "the vector is being edited in this session already: use that one, or remove \
                    it and call gc()";
        return Err(Problem::new("edited", text).at(heap.heap.path()));
    }
    if record.element == VECSXP {
        let text = "expected a vector, found a list: bind its parts by names of their own";
        return Err(Problem::new("type", text).at(heap.heap.path()));
    }
    let has_views = state.bodies.contains_key(&id);
    if is_direct(&record) && !has_views {
        return take_over(heap, &mut state, &record, false);
    }
    let record = part(heap, &mut state, &record)?;
    take_over(heap, &mut state, &record, true)
}

/// Gives a record a direct payload of its own. The old one goes to a record that is buried: who
/// looks at it, here or elsewhere, goes on to see what it saw.
fn part(heap: &RHeap, state: &mut State, record: &VectorRecord) -> Outcome<VectorRecord> {
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
    let mut table = 0;
    if !old.is_empty() {
        let table_bytes = TABLE_HEAD + old.len() as u64 * size_of::<BufferEntry>() as u64;
        table = txn.alloc_zeroed(table_bytes, 16)?;
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
    }
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
    state.rename_bodies(record.id, buried);
    state.parted.push((record.id, buried));
    upkeep::bury(heap, state, buried)?;
    Ok(changed)
}
