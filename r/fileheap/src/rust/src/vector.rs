//! Vectors: create, find again, take over, edit, destroy.

use std::sync::Arc;

use fileheap_core::catalog::RecordNew;
use fileheap_core::format::{RECORD_RELOCATABLE, RecordState, VectorRecord};

use crate::body::{Body, MUTABLE, is_direct};
use crate::fault::{Fault, Outcome, Problem, guard};
use crate::heap::{RHeap, State, shared};
use crate::layout::*;
use crate::{strings, upkeep};

/// Payloads are never empty: a vector of length 0 has an address, too.
const PAYLOAD_MIN_BYTES: u64 = 64;

/// How to create; bits of `fh_create`'s argument.
const ZEROED: u32 = 1;
const TEMPORARILY: u32 = 2;
const STORED_TO_LATER: u32 = 4;

fn destroyed(heap: &RHeap, id: u64) -> Problem {
    let text = format!(
        "the heap {} has no vector with record {id} any more: it was destroyed, overwritten or \
         its name was removed",
        heap.heap.path().display()
    );
    Problem::new("destroyed", text).at(heap.heap.path())
}

/// Bytes for the elements of a vector, judged before anything is allocated.
fn payload_bytes(element: u32, length: u64) -> Outcome<u64> {
    let each = element_bytes(element).ok_or_else(|| {
        Problem::new("type", format!("{element} is no type of vector that a heap can hold"))
    })?;
    if length > LENGTH_MAX {
        let text = format!("length {length} is more than R allows ({LENGTH_MAX})");
        return Err(Problem::new("length", text));
    }
    let bytes = if element == STRSXP { strings::payload_bytes(length) } else { length * each };
    Ok(bytes.max(PAYLOAD_MIN_BYTES))
}

fn allocate(state: &mut State, element: u32, length: u64, how: u32) -> Outcome<(u64, u64)> {
    let bytes = payload_bytes(element, length)?;
    let txn = state.txn()?;
    let zeroed = how & ZEROED != 0 || matches!(element, STRSXP | VECSXP);
    let offset = match (how & STORED_TO_LATER != 0, zeroed) {
        (true, _) => txn.alloc_direct(bytes, zeroed)?.offset,
        (false, true) => txn.alloc_zeroed(bytes, 64)?,
        (false, false) => txn.alloc(bytes, 64)?,
    };
    if element == STRSXP {
        // SAFETY: just allocated and zeroed, as long as it must be.
        unsafe { strings::make_valid(txn.resolve(offset), length) };
    }
    txn.touch(offset, bytes);
    Ok((offset, bytes))
}

fn create(heap: &Arc<RHeap>, element: u32, length: u64, how: u32) -> Outcome<*mut Body> {
    let mut state = heap.lock();
    heap.hold(&mut state)?;
    // Elements of lists are offsets: they change in transactions only.
    let how = if element == VECSXP { how & !STORED_TO_LATER } else { how };
    let (payload_offset, payload_bytes) = allocate(&mut state, element, length, how)?;
    let temporary = how & TEMPORARILY != 0;
    let direct = how & STORED_TO_LATER != 0;
    let flags = RECORD_RELOCATABLE
        | if temporary { TEMPORARY } else { 0 }
        | if direct { DIRECT } else { 0 };
    let txn = state.txn()?;
    let id = txn.catalog().records().add(RecordNew {
        generation: 1,
        state: RecordState::Committed,
        element,
        length,
        payload_offset,
        payload_bytes,
        flags,
        extra: [u64::from(std::process::id()), 0],
    })?;
    if temporary {
        upkeep::count_loose(txn, 1)?;
    }
    let record = live(heap, &state, id)?;
    let mutable = direct || element == VECSXP;
    body_of(heap, &mut state, &record, mutable)
}

/// A record that is in use.
pub fn live(heap: &RHeap, state: &State, id: u64) -> Outcome<VectorRecord> {
    let found = heap.look(state, |catalog, _| Ok(catalog.records().get(id)?))?;
    let usable = |record: &VectorRecord| record.state == RecordState::Committed as u32;
    found.filter(usable).ok_or_else(|| destroyed(heap, id))
}

/// A record that may have been buried by others since we looked, and is held for us.
fn present(heap: &RHeap, state: &State, id: u64) -> Outcome<VectorRecord> {
    let found = heap.look(state, |catalog, _| Ok(catalog.records().get(id)?))?;
    let usable = |record: &VectorRecord| record.flags & UNWANTED == 0;
    found.filter(usable).ok_or_else(|| destroyed(heap, id))
}

fn body_of(
    heap: &Arc<RHeap>,
    state: &mut State,
    record: &VectorRecord,
    mutable: bool,
) -> Outcome<*mut Body> {
    let is_whole = |memory: fileheap_core::catalog::Memory<'_>| {
        let needed = payload_bytes(record.element, record.length)?;
        let bytes = record.payload_bytes.max(needed);
        memory.slice(record.payload_offset, bytes)?;
        strings::buffers(heap, memory, record)
    };
    let buffers = heap.look(state, |_, memory| {
        let buffers = is_whole(memory)?;
        Ok(buffers)
    })?;
    let body = Body::leak(heap, record, mutable);
    // SAFETY: made just now.
    unsafe { (*body).aim(heap, record, buffers) };
    heap.add_body(state, body);
    Ok(body)
}

/// Whether the record is part of something that has a name.
fn is_bound(record: &VectorRecord) -> bool {
    record.flags >= ONE_REFERENCE
}

/// The process that may store to the record, if it is another one and lives.
fn owner_elsewhere(heap: &RHeap, record: &VectorRecord) -> Outcome<Option<u32>> {
    let owner = record.extra[0] as u32;
    let all = heap.heap.attached()?;
    let lives = all.iter().any(|process| process.pid == owner);
    Ok((lives && owner != 0 && owner != std::process::id()).then_some(owner))
}

/// Lets this process store to a record, in the open transaction.
pub fn take_over(
    heap: &Arc<RHeap>,
    state: &mut State,
    record: &VectorRecord,
    is_made_now: bool,
) -> Outcome<*mut Body> {
    let explicit = state.open.as_ref().is_some_and(|open| open.explicit);
    let txn = state.txn()?;
    // What this transaction made is open for stores as it is.
    if is_direct(record) && !is_made_now {
        txn.open_direct(record.payload_offset)?;
        if record.element == STRSXP && record.extra[1] != 0 {
            for entry in strings::table(txn.memory(), record.extra[1])? {
                txn.open_direct(entry.offset)?;
            }
        }
    }
    let me = u64::from(std::process::id());
    let record = txn.catalog().records().update(record.id, |record| record.extra[0] = me)?;
    let body = body_of(heap, state, &record, true)?;
    if explicit {
        let open = state.open.as_ref();
        // SAFETY: made just now.
        open.map_or(Ok(()), |open| heap.enlist(&open.txn, unsafe { &*body }))?;
    }
    Ok(body)
}

/// What a reference read by R may become: 0 a view, 1 a vector whose stores reach the file,
/// 2 that is what another vector of this session is.
fn prospects(heap: &RHeap, id: u64) -> Outcome<i32> {
    let state = heap.lock();
    let record = live(heap, &state, id)?;
    if state.is_edited(id) {
        return Ok(2);
    }
    let storable = is_direct(&record) || record.element == VECSXP;
    if is_bound(&record) || !storable || !heap.heap.is_writable() {
        return Ok(0);
    }
    Ok(i32::from(owner_elsewhere(heap, &record)?.is_none()))
}

/// The vector whose stores reach what a name stands for.
fn edit(heap: &Arc<RHeap>, id: u64) -> Outcome<*mut Body> {
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
        strings::table(txn.memory(), record.extra[1])?
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
    if let Some(views) = state.bodies.remove(&record.id) {
        for view in &views {
            // SAFETY: in the map, so not freed.
            unsafe { (*view.0).id = buried };
        }
        state.bodies.insert(buried, views);
    }
    upkeep::bury(heap, state, buried)?;
    Ok(changed)
}

/// Frees a vector by its owner's wish.
fn destroy(heap: &RHeap, id: u64, even_if_used: bool) -> Outcome<()> {
    let mut state = heap.lock();
    let record = live(heap, &state, id)?;
    if !even_if_used {
        let why = if is_bound(&record) {
            Some("it is bound to a name; remove the name")
        } else if owner_elsewhere(heap, &record)?.is_some() {
            Some("another process stores to it")
        } else if state.bodies.get(&id).is_some_and(|all| all.len() > 1) {
            Some("other vectors of this session look at it")
        } else {
            None
        };
        if let Some(why) = why {
            let text = format!("the vector is in use: {why}, or use unsafe = TRUE");
            return Err(Problem::new("in_use", text).at(heap.heap.path()));
        }
    }
    for body in state.bodies.get(&id).into_iter().flatten() {
        // SAFETY: in the map, so not freed.
        unsafe { (*body.0).kill(crate::body::DESTROYED) };
    }
    let record = state.txn()?.catalog().records().update(id, |it| it.flags |= UNWANTED)?;
    upkeep::bury(heap, &mut state, record.id)
}

/// Creates a vector. A transaction is entered.
///
/// # Safety
/// As `shared`, and a place for the result.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_create(
    heap: *const RHeap,
    element: u32,
    length: u64,
    how: u32,
    body: *mut *mut Body,
    fault: *mut Fault,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        guard(fault, || {
            *body = create(&shared(heap), element, length, how)?;
            Ok(())
        })
    }
}

/// What a reference may become; see `prospects`.
///
/// # Safety
/// As `fh_create`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_prospects(
    heap: *const RHeap,
    id: u64,
    result: *mut i32,
    fault: *mut Fault,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        guard(fault, || {
            *result = prospects(&shared(heap), id)?;
            Ok(())
        })
    }
}

/// A vector by its record: to be looked at (0), taken over (1), edited (2), or looked at as
/// part of an object found by its name (3). For 1 and 2 a transaction is entered.
///
/// # Safety
/// As `fh_create`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_vector(
    heap: *const RHeap,
    id: u64,
    purpose: i32,
    body: *mut *mut Body,
    fault: *mut Fault,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        guard(fault, || {
            let heap = shared(heap);
            if purpose == 2 {
                *body = edit(&heap, id)?;
                return Ok(());
            }
            let mut state = heap.lock();
            heap.hold(&mut state)?;
            let record = match purpose {
                3 => present(&heap, &state, id)?,
                _ => live(&heap, &state, id)?,
            };
            *body = match purpose {
                1 => take_over(&heap, &mut state, &record, false)?,
                _ => body_of(&heap, &mut state, &record, false)?,
            };
            Ok(())
        })
    }
}

/// Destroys. A transaction is entered.
///
/// # Safety
/// As `shared`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_destroy(
    heap: *const RHeap,
    id: u64,
    even_if_used: i32,
    fault: *mut Fault,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { guard(fault, || destroy(&shared(heap), id, even_if_used != 0)) }
}

/// A temporary vector is to outlive its session: something refers to it. A transaction is entered.
///
/// # Safety
/// `body` is live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_promote(body: *mut Body, fault: *mut Fault) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        guard(fault, || {
            let heap = shared((*body).heap);
            let mut state = heap.lock();
            promote(&heap, &mut state, (*body).id)
        })
    }
}

/// The same for a record.
pub fn promote(heap: &RHeap, state: &mut State, id: u64) -> Outcome<()> {
    let record = live(heap, state, id)?;
    if record.flags & TEMPORARY == 0 {
        return Ok(());
    }
    let txn = state.txn()?;
    txn.catalog().records().update(id, |record| record.flags &= !TEMPORARY)?;
    upkeep::count_loose(txn, -1)?;
    for body in state.bodies.get(&id).into_iter().flatten() {
        // SAFETY: in the map, so not freed.
        unsafe { (*body.0).flags &= !crate::body::TEMPORARY_BODY };
    }
    Ok(())
}

/// A vector gets part of something with a name: from now on it does not change.
pub fn refer(heap: &RHeap, state: &mut State, id: u64) -> Outcome<()> {
    promote(heap, state, id)?;
    state.txn()?.catalog().records().update(id, |record| record.flags += ONE_REFERENCE)?;
    for body in state.bodies.get(&id).into_iter().flatten() {
        // SAFETY: in the map, so not freed.
        unsafe { (*body.0).flags &= !MUTABLE };
    }
    Ok(())
}
