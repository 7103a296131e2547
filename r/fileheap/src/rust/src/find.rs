//! Finding: from a record to a vector that is looked at, taken over, or edited.

use std::ffi::c_char;
use std::sync::Arc;

use fileheap_core::format::{RecordState, VectorRecord};
use fileheap_r_layout::*;

use crate::body::{Body, DETACHED, MUTABLE, is_direct};
use crate::edit::edit;
use crate::fault::{Fault, Outcome, answer, calm};
use crate::heap::{RHeap, State, shared, text};
use crate::strings;
use crate::vector::{destroyed, payload_bytes};

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

pub fn body_of(
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
pub fn is_bound(record: &VectorRecord) -> bool {
    record.flags >= ONE_REFERENCE
}

/// The process that may store to the record, if it is another one and lives.
pub fn owner_elsewhere(heap: &RHeap, record: &VectorRecord) -> Outcome<Option<u32>> {
    let owner = record.extra[0] as u32;
    if owner == 0 || owner == std::process::id() {
        return Ok(None);
    }
    let all = heap.heap.attached()?;
    Ok(all.iter().any(|process| process.pid == owner).then_some(owner))
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
            for entry in buffer_table(txn.memory(), record.extra[1])? {
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

/// Whether a body is what its record is: the name may lead to another object by now, or the record
/// to elements that somebody edited. A forked child cannot look; there it may have stored to it.
fn is_home(body: &Body) -> Outcome<bool> {
    if body.flags & DETACHED != 0 || body.is_dead() {
        return Ok(false);
    }
    if body.pid != std::process::id() {
        return Ok(body.flags & MUTABLE == 0);
    }
    // SAFETY: a body holds a count of its heap.
    let heap = unsafe { shared(body.heap) };
    let state = heap.lock();
    heap.look(&state, |catalog, _| {
        Ok(catalog.records().get(body.id)?.is_some_and(|record| {
            record.state == RecordState::Committed as u32
                && heap.heap.resolve(record.payload_offset) == body.data
        }))
    })
}

/// Whether a body can be referred to by its record; if not, its elements are all there is of it.
///
/// # Safety
/// `body` is live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_is_home(body: *const Body) -> i32 {
    // SAFETY: the caller's promise.
    calm(|| unsafe { is_home(&*body) }).map_or(0, |found| i32::from(found.unwrap_or(false)))
}

/// Whether something that is stored may refer to the record of a body: 1 yes; 0 no, since it is not
/// home, or another process stores to it under its name; 2 no, since vectors of this session do,
/// which may be for R to collect. Under its own name again the only one that stores to it may.
fn may_refer(body: &Body, under: Option<&str>) -> Outcome<i32> {
    if !is_home(body)? {
        return Ok(0);
    }
    if body.pid != std::process::id() {
        return Ok(1);
    }
    // SAFETY: a body holds a count of its heap.
    let heap = unsafe { shared(body.heap) };
    let state = heap.lock();
    let record = live(&heap, &state, body.id)?;
    if !is_bound(&record) {
        return Ok(1);
    }
    if owner_elsewhere(&heap, &record)?.is_some() {
        return Ok(0);
    }
    let editing = state.editing(body.id);
    if editing == 0 {
        return Ok(1);
    }
    let alone = editing == 1 && body.flags & MUTABLE != 0 && record.flags < 2 * ONE_REFERENCE;
    let is_own = heap.look(&state, |catalog, memory| {
        let Some(name) = under else { return Ok(false) };
        let Some(root) = catalog.names().lookup(name)? else { return Ok(false) };
        Ok(root.kind == ROOT_KIND && Cell::read(memory, root.offset)?.primary == body.id)
    })?;
    Ok(if is_own && alone { 1 } else { 2 })
}

/// See `may_refer`; `under` is the name that something is stored under, or null.
///
/// # Safety
/// `body` is live, `under` null or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_may_refer(body: *const Body, under: *const c_char) -> i32 {
    // SAFETY: the caller's promise.
    let found = calm(|| unsafe {
        let under = if under.is_null() { None } else { Some(text(under)) };
        may_refer(&*body, under)
    });
    found.map_or(0, |found| found.unwrap_or(0))
}

/// What a reference read by R may become: 0 a view, 1 a vector whose stores reach the file,
/// 2 what another vector of this session stores to, 3 what others of this session look at.
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
    if owner_elsewhere(heap, &record)?.is_some() {
        return Ok(0);
    }
    Ok(if state.is_looked_at(id) { 3 } else { 1 })
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
    unsafe { answer(fault, result, || prospects(&shared(heap), id)) }
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
        answer(fault, body, || {
            let heap = shared(heap);
            if purpose == 2 {
                return edit(&heap, id);
            }
            let mut state = heap.lock();
            heap.hold(&mut state)?;
            let record = match purpose {
                3 => present(&heap, &state, id)?,
                _ => live(&heap, &state, id)?,
            };
            match purpose {
                1 => take_over(&heap, &mut state, &record, false),
                _ => body_of(&heap, &mut state, &record, false),
            }
        })
    }
}
