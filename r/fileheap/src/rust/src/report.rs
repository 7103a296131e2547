//! What R is told about a heap: identity, records, figures, findings of a check.

use std::ffi::c_char;

use fileheap_core::format::VectorRecord;

use crate::fault::{Fault, Outcome, answer, guard};
use crate::heap::{RHeap, place_of, shared};

/// Figures of a heap; C declares the same struct.
#[repr(C)]
pub struct Figures {
    pub uuid: [u8; 16],
    pub file_bytes: u64,
    pub disk_bytes: u64,
    pub live_bytes: u64,
    pub free_bytes: u64,
    pub largest_free_bytes: u64,
    pub own_bytes: u64,
    pub log_bytes: u64,
    pub names: u64,
    pub records: u64,
    pub processes: u64,
    pub live_vectors: u64,
    pub fragmentation: f64,
    pub mode: u32,
    pub writable: u32,
    pub in_transaction: u32,
    pub reserved: u32,
}

fn figures(heap: &RHeap) -> Outcome<Figures> {
    let state = heap.lock();
    let in_transaction = state.open.as_ref().is_some_and(|open| open.explicit);
    let live_vectors = state.each_body().len() as u64;
    let mut told = Figures {
        uuid: heap.heap.uuid(),
        file_bytes: 0,
        disk_bytes: 0,
        live_bytes: 0,
        free_bytes: 0,
        largest_free_bytes: 0,
        own_bytes: 0,
        log_bytes: 0,
        names: 0,
        records: 0,
        processes: heap.heap.attached()?.len() as u64,
        live_vectors,
        fragmentation: 0.0,
        mode: heap.mode,
        writable: u32::from(heap.heap.is_writable()),
        in_transaction: u32::from(in_transaction),
        reserved: 0,
    };
    if in_transaction {
        return Ok(told); // what is counted is committed states
    }
    let stat = heap.heap.stat()?;
    (told.file_bytes, told.disk_bytes) = (stat.file_bytes, stat.disk_bytes);
    told.live_bytes = stat.alloc.live_bytes;
    told.free_bytes = stat.alloc.free_run_bytes + stat.alloc.free_cell_bytes;
    told.largest_free_bytes = stat.alloc.largest_free_bytes;
    (told.own_bytes, told.log_bytes) = (stat.alloc.own_bytes, stat.log_bytes);
    (told.names, told.records) = (stat.names, stat.records);
    told.fragmentation = stat.alloc.fragmentation();
    Ok(told)
}

fn records(heap: &RHeap, after: u64, limit: usize) -> Outcome<Vec<VectorRecord>> {
    let state = heap.lock();
    heap.look(&state, |catalog, _| Ok(catalog.records().list(after, limit)?))
}

/// Copies a text with its NUL.
///
/// # Safety
/// `to` has `room` bytes, more than none.
unsafe fn put_text(text: &str, to: *mut c_char, room: u64) {
    let len = text.len().min(room as usize - 1);
    // SAFETY: the caller's promise.
    unsafe {
        to.cast::<u8>().copy_from_nonoverlapping(text.as_ptr(), len);
        to.add(len).write(0);
    }
}

/// Figures of a heap. Inside a transaction only those that need no counting.
///
/// # Safety
/// As `shared`, and a place for the result.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_figures(
    heap: *const RHeap,
    to: *mut Figures,
    fault: *mut Fault,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        guard(fault, || {
            to.write(figures(&shared(heap))?);
            Ok(())
        })
    }
}

/// Whether `with_transaction` is running.
///
/// # Safety
/// As `shared`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_in_transaction(heap: *const RHeap) -> i32 {
    // SAFETY: the caller's promise.
    let state = unsafe { &*heap }.lock();
    i32::from(state.open.as_ref().is_some_and(|open| open.explicit))
}

/// PERSISTENT or SCRATCH.
///
/// # Safety
/// As `shared`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_mode(heap: *const RHeap) -> u32 {
    // SAFETY: the caller's promise.
    unsafe { (*heap).mode }
}

/// The heap's identity; zeros for null, the heap of what is lost.
///
/// # Safety
/// Null or as `shared`; `to` are 16 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_uuid(heap: *const RHeap, to: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe { to.cast::<[u8; 16]>().write(heap.as_ref().map_or([0; 16], |it| it.heap.uuid())) };
}

/// The file of a heap; "" for null.
///
/// # Safety
/// Null or as `shared`; `to` has `room` bytes, more than none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_path(heap: *const RHeap, to: *mut c_char, room: u64) {
    // SAFETY: the caller's promise.
    unsafe {
        let path = heap.as_ref().map(|it| it.heap.path().to_string_lossy());
        put_text(path.as_deref().unwrap_or(""), to, room);
    }
}

/// Up to `room` records above `after`.
///
/// # Safety
/// As `shared`; `to` has room for so many records.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_records(
    heap: *const RHeap,
    after: u64,
    to: *mut VectorRecord,
    room: u64,
    count: *mut u64,
    fault: *mut Fault,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        answer(fault, count, || {
            let all = records(&shared(heap), after, room as usize)?;
            to.copy_from_nonoverlapping(all.as_ptr(), all.len());
            Ok(all.len() as u64)
        })
    }
}

/// Checks everything in the file; `text` gets the findings, a line each.
///
/// # Safety
/// As `shared`; `text` has `room` bytes, more than none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_check(
    heap: *const RHeap,
    text: *mut c_char,
    room: u64,
    count: *mut u64,
    fault: *mut Fault,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        guard(fault, || {
            let report = shared(heap).heap.check()?;
            *count = report.findings.len() as u64;
            let line = |finding: &fileheap_core::heap::Finding| {
                format!("byte {}: {}\n", finding.offset, finding.what)
            };
            put_text(&report.findings.iter().map(line).collect::<String>(), text, room);
            Ok(())
        })
    }
}

/// Whether the heap's file is where it was when it was opened.
///
/// # Safety
/// As `shared`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_is_in_place(heap: *const RHeap) -> i32 {
    // SAFETY: the caller's promise.
    let heap = unsafe { &*heap };
    i32::from(heap.place.is_some() && heap.place == place_of(heap.heap.path()))
}
