//! Strings in character vectors: new text is appended to the last buffer, and a view is stored by
//! one instruction: a process that is killed leaves the old or the new one.

use fileheap_core::WriteTxn;
use fileheap_core::catalog::Memory;
use fileheap_core::format::VectorRecord;
use fileheap_r_layout::{
    BUFFER_HEAD, BufferEntry, INLINE_BYTES, STRSXP, TABLE_HEAD, VIEW_BYTES, buffer_table,
    text_parts,
};

use crate::body::{Body, MUTABLE, is_direct};
use crate::fault::{Fault, Outcome, Problem, calm, guard};
use crate::heap::{RHeap, State, shared};

/// Buffers double from the first to the second size.
const BUFFER_FIRST: u64 = 64 * 1024;
const BUFFER_LAST: u64 = 1 << 30;
/// Entries of a new buffer table.
const TABLE_ENTRIES: u64 = 16;

/// A buffer as C sees it.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Buffer {
    pub start: *mut u8,
    pub bytes: u64,
}

/// All strings of a new vector are "", none is missing.
///
/// # Safety
/// `payload` are the payload's zero bytes that nobody else uses.
pub unsafe fn make_valid(payload: *mut u8, length: u64) {
    let (validity, marks) = text_parts(length);
    // SAFETY: inside the payload.
    unsafe { payload.add(validity as usize).write_bytes(0xff, (marks - validity) as usize) };
}

/// The buffers of a record as addresses.
pub fn buffers(heap: &RHeap, memory: Memory<'_>, record: &VectorRecord) -> Outcome<Vec<Buffer>> {
    if record.element != STRSXP {
        return Ok(Vec::new());
    }
    let address = |entry: BufferEntry| {
        memory.slice(entry.offset, entry.bytes)?;
        Ok(Buffer { start: heap.heap.resolve(entry.offset), bytes: entry.bytes })
    };
    buffer_table(memory, record.extra[1])?.into_iter().map(address).collect()
}

/// Adds a buffer of `bytes` bytes to a record's table, in the open transaction.
fn add_buffer(txn: &mut WriteTxn, record: &VectorRecord, bytes: u64) -> Outcome<()> {
    let entry_bytes = size_of::<BufferEntry>() as u64;
    let old = buffer_table(txn.memory(), record.extra[1])?;
    let offset = match is_direct(record) {
        true => txn.alloc_direct(bytes, false)?.offset,
        false => txn.alloc(bytes, 64)?,
    };
    // SAFETY: at least 16 bytes just allocated.
    unsafe { txn.resolve(offset).cast::<[u64; 2]>().write([BUFFER_HEAD, 0]) };
    txn.touch(offset, bytes);
    let count = old.len() as u64;
    let mut at = record.extra[1];
    let capacity: u64 = if at == 0 { 0 } else { txn.memory().read(at + 8)? };
    if count == capacity {
        let wider = (capacity * 2).max(TABLE_ENTRIES);
        let wide_bytes = TABLE_HEAD + wider * entry_bytes;
        let to = txn.alloc_zeroed(wide_bytes, 16)?;
        // SAFETY: the new cell has room for all of it, the old one is as long as was read.
        unsafe {
            txn.resolve(to).cast::<[u64; 2]>().write([count, wider]);
            let from = old.as_ptr();
            let list = txn.resolve(to + TABLE_HEAD).cast::<BufferEntry>();
            std::ptr::copy_nonoverlapping(from, list, old.len());
        }
        txn.touch(to, wide_bytes);
        if at != 0 {
            txn.free(at)?;
        }
        at = to;
        txn.catalog().records().update(record.id, |record| record.extra[1] = to)?;
    }
    let slot = at + TABLE_HEAD + count * entry_bytes;
    // SAFETY: below the capacity of the table, and its count.
    unsafe {
        txn.resolve(slot).cast::<BufferEntry>().write(BufferEntry { offset, bytes });
        txn.resolve(at).cast::<u64>().write(count + 1);
    }
    txn.touch(slot, entry_bytes);
    txn.touch(at, 8);
    Ok(())
}

/// Makes room for `bytes` bytes more, in the open transaction.
pub fn grow(heap: &RHeap, state: &mut State, body: &mut Body, bytes: u64) -> Outcome<()> {
    let txn = state.txn()?;
    let found = txn.catalog().view().records().get(body.id)?;
    let record = found.ok_or_else(|| Problem::new("destroyed", "the vector's record is gone"))?;
    let last = body.buffers().last().map_or(BUFFER_FIRST / 2, |buffer| buffer.bytes);
    // What is filled now and never stored to later gets what was asked for.
    let spare = if is_direct(&record) { (last * 2).clamp(BUFFER_FIRST, BUFFER_LAST) } else { 0 };
    let wanted = spare.max(bytes + BUFFER_HEAD);
    add_buffer(txn, &record, wanted)?;
    let found = txn.catalog().view().records().get(body.id)?.unwrap_or(record);
    let list = buffers(heap, txn.memory(), &found)?;
    body.aim(heap, &found, list);
    Ok(())
}

/// Room for `bytes` bytes of long strings in the last buffer; its index and the place.
fn room(body: &Body, bytes: usize) -> Option<(u32, u32)> {
    let index = body.buffers().len().checked_sub(1)?;
    let buffer = body.buffers()[index];
    // SAFETY: a buffer begins with its head, and only this process stores to it.
    let used = unsafe { buffer.start.cast::<u64>().read() };
    let fits = used.checked_add(bytes as u64).is_some_and(|end| end <= buffer.bytes);
    (fits && used <= i32::MAX as u64).then_some((index as u32, used as u32))
}

/// Stores a string. 2 instead of 1: there is no room, call `fh_string_grow` first.
///
/// # Safety
/// `body` is a live, mutable character vector or one being filled; `index` is below its length;
/// `bytes` are `count` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_string_set(
    body: *mut Body,
    index: i64,
    bytes: *const u8,
    count: i32,
    mark: u8,
) -> i32 {
    // SAFETY: the caller's promise; views are aligned to 16.
    unsafe {
        let body = &*body;
        let (at, len) = (index as usize, count as usize);
        let view = body.data.add(at * VIEW_BYTES as usize);
        let mut new = [0_u8; VIEW_BYTES as usize];
        new[..4].copy_from_slice(&count.to_le_bytes());
        let text = std::slice::from_raw_parts(bytes, len);
        if len <= INLINE_BYTES {
            new[4..4 + len].copy_from_slice(text);
        } else {
            let Some((buffer, offset)) = room(body, len) else { return 2 };
            let start = body.buffers()[buffer as usize].start;
            start.add(offset as usize).copy_from_nonoverlapping(bytes, len);
            start.cast::<u64>().write(u64::from(offset) + len as u64);
            new[4..8].copy_from_slice(&text[..4]);
            new[8..12].copy_from_slice(&buffer.to_le_bytes());
            new[12..].copy_from_slice(&offset.to_le_bytes());
        }
        body.marks.add(at).write(mark);
        view.cast::<u128>().write(u128::from_le_bytes(new));
        set_valid(body, at, true);
    }
    0
}

/// # Safety
/// As `fh_string_set`.
unsafe fn set_valid(body: &Body, at: usize, valid: bool) {
    // SAFETY: the bitmap has a bit for each element.
    unsafe {
        let byte = body.validity.add(at / 8);
        let bit = 1 << (at % 8);
        let old = byte.read();
        let new = if valid { old | bit } else { old & !bit };
        if new != old {
            byte.write(new);
        }
    }
}

/// Stores NA.
///
/// # Safety
/// As `fh_string_set`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_string_set_na(body: *mut Body, index: i64) {
    // SAFETY: the caller's promise.
    unsafe { set_valid(&*body, index as usize, false) };
}

/// Tells the other vectors of this session that show a body's strings that some have changed.
fn tell_others(state: &mut State, body: &Body) {
    for other in state.bodies.get(&body.id).into_iter().flatten() {
        // SAFETY: in the map, so not freed; `body` is left out.
        let other = unsafe { &mut *other.0 };
        if !std::ptr::eq(other, body) && other.data == body.data && !other.is_dead() {
            other.take_buffers(body.buffers().to_vec());
            other.make_stale();
        }
    }
}

/// After a store to a body that others of this session show, too.
///
/// # Safety
/// `body` is live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_string_changed(body: *const Body) {
    // SAFETY: the caller's promise.
    let _ = calm(|| unsafe {
        let heap = shared((*body).heap);
        tell_others(&mut heap.lock(), &*body);
    });
}

/// The buffers as they are by now: who stores to the strings may have added some. Whether it did.
///
/// # Safety
/// `body` is live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_string_look_again(body: *mut Body) -> i32 {
    // SAFETY: the caller's promise.
    let found = calm(|| unsafe {
        let (heap, body) = (shared((*body).heap), &mut *body);
        let state = heap.lock();
        let found = heap.look(&state, |catalog, memory| {
            let record = catalog.records().get(body.id)?;
            let record = record.filter(|it| heap.heap.resolve(it.payload_offset) == body.data);
            record.map(|record| buffers(&heap, memory, &record)).transpose()
        });
        match found {
            Ok(Some(list)) if list.len() > body.buffers().len() => {
                body.take_buffers(list);
                1
            }
            _ => 0,
        }
    });
    found.unwrap_or(0)
}

/// Makes room for strings of `bytes` bytes. A transaction is entered.
///
/// # Safety
/// `body` is a live character vector.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_string_grow(body: *mut Body, bytes: u64, fault: *mut Fault) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        guard(fault, || {
            let heap = shared((*body).heap);
            let mut state = heap.lock();
            debug_assert!((*body).flags & MUTABLE != 0 || state.open.is_some());
            grow(&heap, &mut state, &mut *body, bytes)
        })
    }
}

/// Finds an element's text: its length, or -1 for NA, or -2 if the view makes no sense.
///
/// # Safety
/// `body` is a live character vector, `index` below its length, places for the results.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_string_get(
    body: *const Body,
    index: i64,
    bytes: *mut *const u8,
    mark: *mut u8,
) -> i32 {
    // SAFETY: the caller's promise; what a view says is checked before it is followed.
    unsafe {
        let body = &*body;
        let at = index as usize;
        if body.validity.add(at / 8).read() >> (at % 8) & 1 == 0 {
            return -1;
        }
        *mark = body.marks.add(at).read();
        let view = body.data.add(at * VIEW_BYTES as usize);
        let count = view.cast::<i32>().read();
        if (0..=INLINE_BYTES as i32).contains(&count) {
            *bytes = view.add(4);
            return count;
        }
        let place = view.add(8).cast::<[u32; 2]>().read();
        let Some(buffer) = body.buffers().get(place[0] as usize) else { return -2 };
        if count < 0 || u64::from(place[1]) + count as u64 > buffer.bytes {
            return -2;
        }
        *bytes = buffer.start.add(place[1] as usize);
        count
    }
}
