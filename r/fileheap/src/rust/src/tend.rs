//! Tending: trim, backup and compaction, as the engine does them.

use std::ffi::c_char;
use std::path::Path;

use fileheap_core::{Heap, Options};

use crate::fault::{Fault, Outcome, Problem, answer, guard};
use crate::heap::{RHeap, shared};
use crate::open::path_of;

/// What a trim gave back; C declares the same struct.
#[repr(C)]
pub struct Trimmed {
    pub cut_bytes: u64,
    pub punched_bytes: u64,
    pub hindered: u32,
    pub reserved: u32,
}

/// What a compaction won; C declares the same struct.
#[repr(C)]
pub struct Compacted {
    pub before_bytes: u64,
    pub after_bytes: u64,
    pub moved_count: u64,
}

fn trim(heap: &RHeap) -> Outcome<Trimmed> {
    let report = heap.heap.trim()?;
    Ok(Trimmed {
        cut_bytes: report.cut_bytes,
        punched_bytes: report.punched_bytes,
        hindered: u32::from(report.hindered),
        reserved: 0,
    })
}

/// By a handle for reading: it waits for nobody who writes, and needs no right to.
fn backup(heap: &RHeap, target: &Path) -> Outcome<()> {
    let path = heap.heap.path();
    let reader = Heap::open(path, &Options::new().read_only())?;
    if reader.uuid() != heap.heap.uuid() {
        let text = "another heap has taken the name of this one; open it, and back that up";
        return Err(Problem::new("replaced", text).at(path));
    }
    reader.backup(target)?;
    Ok(reader.close()?)
}

fn compact(path: &Path) -> Outcome<Compacted> {
    let report = Heap::compact(path, &Options::new())?;
    Ok(Compacted {
        before_bytes: report.before_bytes,
        after_bytes: report.after_bytes,
        moved_count: report.moved_count,
    })
}

/// Gives unused disk space back. No transaction may be open.
///
/// # Safety
/// As `shared`, and a place for the result.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_trim(heap: *const RHeap, to: *mut Trimmed, fault: *mut Fault) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { answer(fault, to, || trim(&shared(heap))) }
}

/// Copies the newest committed state to a new file: in a forked process, which shares no handle
/// with its parent.
///
/// # Safety
/// As `shared`, and a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_backup(
    heap: *const RHeap,
    target: *const c_char,
    fault: *mut Fault,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { guard(fault, || backup(&*heap, path_of(target))) }
}

/// Rewrites a heap that nobody has open.
///
/// # Safety
/// A C string, and a place for the result.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_compact(
    path: *const c_char,
    to: *mut Compacted,
    fault: *mut Fault,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { answer(fault, to, || compact(path_of(path))) }
}
