//! Vectors: created, destroyed, made to stay.

use std::sync::Arc;

use fileheap_core::catalog::RecordNew;
use fileheap_core::format::{RECORD_RELOCATABLE, RecordState, VectorRecord};
use fileheap_r_layout::*;

use crate::body::{Body, MUTABLE};
use crate::fault::{Fault, Outcome, Problem, answer, guard};
use crate::find::{body_of, is_bound, live, owner_elsewhere};
use crate::heap::{RHeap, State, shared};
use crate::{spares, strings, upkeep};

/// How to create; bits of `fh_create`'s argument.
const ZEROED: u32 = 1;
const TEMPORARILY: u32 = 2;
pub const STORED_TO_LATER: u32 = 4;

pub fn destroyed(heap: &RHeap, id: u64) -> Problem {
    let text = format!(
        "the heap {} has no vector with record {id} any more: it was destroyed, overwritten or \
         its name was removed",
        heap.heap.path().display()
    );
    Problem::new("destroyed", text).at(heap.heap.path())
}

/// Bytes for the elements of a vector, judged before anything is allocated.
pub fn payload_bytes(element: u32, length: u64) -> Outcome<u64> {
    let kind = Kind::of(element).ok_or_else(|| {
        Problem::new("type", format!("{element} is no type of vector that a heap can hold"))
    })?;
    let bytes = kind.payload_bytes(length).ok_or_else(|| {
        let text = format!("length {length} is more than R allows ({LENGTH_MAX})");
        Problem::new("length", text)
    })?;
    Ok(bytes.max(PAYLOAD_MIN_BYTES))
}

pub fn allocate(state: &mut State, element: u32, length: u64, how: u32) -> Outcome<(u64, u64)> {
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

/// Puts a new vector into spare room that this session has.
fn settle(state: &mut State, id: u64, new: RecordNew, zeroed: bool) -> Outcome<VectorRecord> {
    let txn = state.txn()?;
    let record = txn.catalog().records().update(id, |record| {
        record.state = new.state as u32;
        (record.element, record.length) = (new.element, new.length);
        (record.payload_bytes, record.flags) = (new.payload_bytes, new.flags);
        record.extra[0] = new.extra[0];
    })?;
    let payload = txn.resolve(record.payload_offset);
    // SAFETY: the spare's extent is at least as long, and nobody else's; a window, so that stores
    // need no touch.
    unsafe {
        if zeroed || new.element == STRSXP {
            payload.write_bytes(0, new.payload_bytes as usize);
        }
        if new.element == STRSXP {
            strings::make_valid(payload, new.length);
        }
    }
    Ok(record)
}

fn create(heap: &Arc<RHeap>, element: u32, length: u64, how: u32) -> Outcome<*mut Body> {
    let mut state = heap.lock();
    heap.hold(&mut state)?;
    // Elements of lists are offsets: they change in transactions only.
    let how = if element == VECSXP { how & !STORED_TO_LATER } else { how };
    let temporary = how & TEMPORARILY != 0;
    let direct = how & STORED_TO_LATER != 0;
    let flags = RECORD_RELOCATABLE
        | if temporary { TEMPORARY } else { 0 }
        | if direct { DIRECT } else { 0 };
    let mut new = RecordNew {
        generation: 1,
        state: RecordState::Committed,
        element,
        length,
        payload_offset: 0,
        payload_bytes: payload_bytes(element, length)?,
        flags,
        extra: [u64::from(std::process::id()), 0],
    };
    let spare = if direct { spares::take(&mut state, new.payload_bytes)? } else { None };
    let record = match spare {
        Some(id) => {
            upkeep::count_loose(state.txn()?, i64::from(temporary) - 1)?;
            settle(&mut state, id, new, how & ZEROED != 0)?
        }
        None => {
            new.payload_offset = allocate(&mut state, element, length, how)?.0;
            let txn = state.txn()?;
            let id = txn.catalog().records().add(new)?;
            upkeep::count_loose(txn, i64::from(temporary))?;
            live(heap, &state, id)?
        }
    };
    body_of(heap, &mut state, &record, direct || element == VECSXP)
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
        } else if state.showing(id) > 1 {
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
        let body = unsafe { &mut *body.0 };
        if !body.is_dead() {
            body.kill(crate::body::DESTROYED);
        }
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
    unsafe { answer(fault, body, || create(&shared(heap), element, length, how)) }
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

/// This process stores to the record no more: others may.
pub fn give_up(record: &mut VectorRecord) {
    if record.extra[0] == u64::from(std::process::id()) {
        record.extra[0] = 0;
    }
}

/// A vector gets part of something with a name: from now on it does not change.
pub fn refer(heap: &RHeap, state: &mut State, id: u64) -> Outcome<()> {
    promote(heap, state, id)?;
    state.txn()?.catalog().records().update(id, |record| {
        record.flags += ONE_REFERENCE;
        give_up(record);
    })?;
    for body in state.bodies.get(&id).into_iter().flatten() {
        // SAFETY: in the map, so not freed.
        unsafe { (*body.0).flags &= !MUTABLE };
    }
    Ok(())
}
