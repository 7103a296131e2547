//! Upkeep: temporaries that nobody has any more, and buried vectors that others may still read.

use fileheap_core::WriteTxn;
use fileheap_core::format::{RecordState, VectorRecord};
use fileheap_r_layout::{BUFFER_HEAD, FACE_ROOT, STRSXP, TEMPORARY, VECSXP, buffer_table};

use crate::face::{change_face, face};
use crate::fault::Outcome;
use crate::heap::{RHeap, State};
use crate::{object, spares, vector};

/// Records are looked at in pages of so many.
const PAGE: usize = 4096;

fn is_loose(record: &VectorRecord) -> bool {
    record.flags & TEMPORARY != 0 || record.state == RecordState::Tombstone as u32
}

/// Notes in R's root how many records somebody has to look after, `change` more or fewer.
pub fn count_loose(txn: &WriteTxn, change: i64) -> Outcome<()> {
    change_face(txn, |face| face.loose_count = face.loose_count.saturating_add_signed(change))
}

/// Takes a record out of use. Its space follows when nobody can point at it any more.
pub fn bury(heap: &RHeap, state: &mut State, id: u64) -> Outcome<()> {
    let number = state.txn()?.number();
    let mut was_loose = false;
    state.txn()?.catalog().records().update(id, |record| {
        was_loose = is_loose(record);
        record.state = RecordState::Tombstone as u32;
        record.generation = number;
    })?;
    if !was_loose {
        count_loose(state.txn()?, 1)?;
    }
    if !try_free(heap, state, id)? {
        state.buried.push(id);
    }
    Ok(())
}

/// Frees a buried record if nobody, here or in another process, can point at its payload.
fn try_free(heap: &RHeap, state: &mut State, id: u64) -> Outcome<bool> {
    let live = state.bodies.get(&id).into_iter().flatten();
    // SAFETY: bodies are taken out of the map before they are freed.
    if live.into_iter().any(|body| unsafe { !(*body.0).is_dead() }) {
        return Ok(false);
    }
    let txn = state.txn()?;
    let Some(record) = txn.catalog().view().records().get(id)? else { return Ok(true) };
    if record.state != RecordState::Tombstone as u32 {
        return Ok(true);
    }
    let mine = std::process::id();
    let is_seen = heap.heap.attached()?.iter().any(|process| {
        process.pid != mine && process.keep.is_some_and(|keep| keep < record.generation)
    });
    if is_seen {
        return Ok(false);
    }
    if spares::keep(state, &record)? {
        return Ok(true);
    }
    let txn = state.txn()?;
    txn.catalog().records().remove(id)?;
    count_loose(txn, -1)?;
    free_payload(heap, state, &record)?;
    Ok(true)
}

fn free_payload(heap: &RHeap, state: &mut State, record: &VectorRecord) -> Outcome<()> {
    if record.element == VECSXP {
        for index in 0..record.length {
            let slot = record.payload_offset + index * 8;
            let cell: u64 = state.txn()?.memory().read(slot)?;
            object::release(heap, state, cell)?;
        }
    }
    let txn = state.txn()?;
    if record.element == STRSXP && record.extra[1] != 0 {
        for entry in buffer_table(txn.memory(), record.extra[1])? {
            txn.free(entry.offset)?;
        }
        txn.free(record.extra[1])?;
    }
    debug_assert!(record.payload_bytes >= BUFFER_HEAD);
    txn.free(record.payload_offset)?;
    state.freed_bytes += record.payload_bytes;
    Ok(())
}

/// At the beginning of every writing entry: what finalizers left to do.
pub fn reap(heap: &RHeap, state: &mut State) -> Outcome<()> {
    for id in std::mem::take(&mut state.released) {
        let txn = state.txn()?;
        let Some(record) = txn.catalog().view().records().get(id)? else { continue };
        let is_over = record.state == RecordState::Tombstone as u32;
        if !is_over && record.flags & TEMPORARY != 0 && !state.bodies.contains_key(&id) {
            bury(heap, state, id)?;
        } else if !is_over && !state.is_edited(id) {
            state.txn()?.catalog().records().update(id, vector::give_up)?;
        }
    }
    for id in std::mem::take(&mut state.buried) {
        if !try_free(heap, state, id)? {
            state.buried.push(id);
        }
    }
    Ok(())
}

/// Alone with a heap: frees what sessions that are gone left behind.
pub fn sweep(heap: &RHeap) -> Outcome<()> {
    let loose = {
        let read = heap.heap.begin_read()?;
        let face = face(read.face_root(FACE_ROOT), read.memory(), heap.heap.path())?;
        face.map_or(0, |face| face.loose_count)
    };
    if loose == 0 {
        return Ok(());
    }
    let mut state = heap.lock();
    let txn = heap.heap.begin_tracked(fileheap_core::Wait::Try)?;
    state.open =
        Some(crate::heap::Open { txn, explicit: false, depth: 1, before: Default::default() });
    let swept = sweep_open(heap, &mut state);
    let open = state.open.take();
    swept?;
    if let Some(open) = open {
        open.txn.commit()?;
    }
    Ok(())
}

fn sweep_open(heap: &RHeap, state: &mut State) -> Outcome<()> {
    let mut after = 0;
    loop {
        let page = state.txn()?.catalog().view().records().list(after, PAGE)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.id;
        for record in page.iter().filter(|record| is_loose(record)) {
            bury(heap, state, record.id)?;
        }
    }
}
