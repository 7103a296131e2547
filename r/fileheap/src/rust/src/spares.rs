//! Spare room: direct extents made ahead, many with one sync, for small vectors to come.
//!
//! A new direct extent costs a sync of the heap file (PROTOCOL.md, C3). A spare is a temporary
//! record in progress that has its extent already; becoming a vector is a change of that record.

use std::collections::BTreeMap;

use fileheap_core::catalog::RecordNew;
use fileheap_core::format::{PAGE_BYTES, RECORD_RELOCATABLE, RecordState, VectorRecord};
use fileheap_r_layout::{DIRECT, RAWSXP, TEMPORARY, VECSXP};

use crate::fault::Outcome;
use crate::heap::State;
use crate::upkeep;

/// Larger payloads get an extent when they come: there a sync matters less.
const PAYLOAD_MAX: u64 = 16 * 1024;
/// So many are made at once; at first fewer, that who needs few does not pay for many.
const BATCH_FIRST: usize = 4;
const BATCH_LAST: usize = 64;

/// The spares of this session, by the bytes of their extents.
#[derive(Default, Clone)]
pub struct Spares {
    by_bytes: BTreeMap<u64, Shelf>,
    closed: bool,
}

#[derive(Default, Clone)]
struct Shelf {
    ids: Vec<u64>,
    /// How many the next batch has.
    batch: usize,
}

impl Spares {
    /// No more of them; those that there are.
    pub fn close(&mut self) -> Vec<u64> {
        self.closed = true;
        std::mem::take(&mut self.by_bytes).into_values().flat_map(|shelf| shelf.ids).collect()
    }
}

fn extent_bytes(payload: u64) -> u64 {
    payload.next_power_of_two().max(PAGE_BYTES)
}

/// A spare record for a payload. None: it needs an extent of its own.
pub fn take(state: &mut State, payload: u64) -> Outcome<Option<u64>> {
    // What with_transaction makes is synced at its end in any case, and undone with its extent.
    let explicit = state.open.as_ref().is_some_and(|open| open.explicit);
    if payload > PAYLOAD_MAX || explicit || state.spares.closed {
        return Ok(None);
    }
    let bytes = extent_bytes(payload);
    let mut shelf = state.spares.by_bytes.remove(&bytes).unwrap_or_default();
    if shelf.ids.is_empty() {
        make(state, bytes, &mut shelf)?;
    }
    let id = shelf.ids.pop();
    state.spares.by_bytes.insert(bytes, shelf);
    Ok(id)
}

/// Fills an empty shelf. The first vector of its size comes alone, and gets none.
fn make(state: &mut State, bytes: u64, shelf: &mut Shelf) -> Outcome<()> {
    let txn = state.txn()?;
    for _ in 0..shelf.batch {
        let payload_offset = txn.alloc_direct(bytes, true)?.offset;
        txn.touch(payload_offset, bytes);
        shelf.ids.push(txn.catalog().records().add(RecordNew {
            generation: 1,
            state: RecordState::InProgress,
            element: RAWSXP,
            length: bytes,
            payload_offset,
            payload_bytes: bytes,
            flags: RECORD_RELOCATABLE | TEMPORARY | DIRECT,
            extra: [u64::from(std::process::id()), 0],
        })?);
    }
    upkeep::count_loose(txn, shelf.batch as i64)?;
    shelf.batch = (shelf.batch * 2).clamp(BATCH_FIRST, BATCH_LAST);
    Ok(())
}

/// A buried record that nobody can point at becomes a spare, if it can and there are few.
pub fn keep(state: &mut State, record: &VectorRecord) -> Outcome<bool> {
    let bytes = extent_bytes(record.payload_bytes);
    let mine = u64::from(std::process::id());
    let fits = record.flags & DIRECT != 0
        && record.flags & TEMPORARY != 0
        && record.element != VECSXP
        && record.extra == [mine, 0]
        && state.txn()?.usable_bytes(record.payload_offset)? == bytes;
    let few = |shelf: &Shelf| shelf.batch > 0 && shelf.ids.len() < BATCH_LAST;
    let Some(shelf) = state.spares.by_bytes.get_mut(&bytes).filter(|shelf| fits && few(shelf))
    else {
        return Ok(false);
    };
    shelf.ids.push(record.id);
    state.txn()?.catalog().records().update(record.id, |record| {
        record.state = RecordState::InProgress as u32;
        (record.element, record.length, record.payload_bytes) = (RAWSXP, bytes, bytes);
    })?;
    Ok(true)
}
