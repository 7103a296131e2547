//! Looking after a heap: figures, check, sync, trim, compact, backup, repair.

use std::cell::RefCell;
use std::ffi::{CString, c_char, c_int};
use std::ptr::null;

use fileheap_core::heap::{CheckReport, FindingKind};
use fileheap_core::{Heap, Result};

use crate::arguments::{self, Versioned};
use crate::border::{fheap_status, status, value};
use crate::heap::{fheap, fheap_options, options};
use crate::table;

/// Figures about a heap. Begin with FHEAP_STAT_INIT.
#[allow(non_camel_case_types)]
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct fheap_stats {
    /// sizeof(fheap_stats) of the program that asks.
    pub size: usize,
    /// Length of the heap file.
    pub file_bytes: u64,
    /// What it occupies on disk.
    pub disk_bytes: u64,
    /// Bytes of all live allocations.
    pub live_bytes: u64,
    /// Live allocations up to 32 KiB.
    pub cell_count: u64,
    /// Larger ones.
    pub run_count: u64,
    /// Direct extents.
    pub direct_count: u64,
    /// Bytes in free runs of pages.
    pub free_run_bytes: u64,
    /// The largest of them.
    pub largest_free_bytes: u64,
    /// Free bytes between small allocations.
    pub free_cell_bytes: u64,
    /// The heap's own bytes.
    pub own_bytes: u64,
    /// Names bound.
    pub name_count: u64,
    /// Last committed transaction.
    pub published: u64,
    /// Last one that survives a power cut.
    pub durable: u64,
    /// Last one that is wholly in the heap file.
    pub checkpoint: u64,
    /// Length used of the log being written.
    pub log_bytes: u64,
    /// Processes that have the heap open.
    pub attached_count: u64,
    /// Transactions that were in the logs only when this process opened the heap.
    pub recovered: u64,
}

/// What a check saw. Begin with FHEAP_CHECK_INIT.
#[allow(non_camel_case_types)]
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct fheap_check_report {
    /// sizeof(fheap_check_report) of the program that asks.
    pub size: usize,
    /// Defects; 0 is a sound heap.
    pub finding_count: u64,
    /// Live allocations.
    pub live_count: u64,
    /// Their bytes.
    pub live_bytes: u64,
    /// Of these allocations, the names' own.
    pub catalog_count: u64,
}

/// What was given back. Begin with FHEAP_TRIM_INIT.
#[allow(non_camel_case_types)]
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct fheap_trim_report {
    /// sizeof(fheap_trim_report) of the program that asks.
    pub size: usize,
    /// Bytes cut off the end of the file.
    pub cut_bytes: u64,
    /// Bytes of holes made in it.
    pub punched_bytes: u64,
    /// 1 if a reader of an older state kept some from being given back: try again later.
    pub hindered: u64,
}

/// What compaction won. Begin with FHEAP_COMPACT_INIT.
#[allow(non_camel_case_types)]
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct fheap_compact_report {
    /// sizeof(fheap_compact_report) of the program that asks.
    pub size: usize,
    /// Bytes on disk before.
    pub before_bytes: u64,
    /// Bytes on disk after.
    pub after_bytes: u64,
}

// SAFETY: repr(C), begins with a usize, integers only.
unsafe impl Versioned for fheap_stats {}
// SAFETY: as above.
unsafe impl Versioned for fheap_check_report {}
// SAFETY: as above.
unsafe impl Versioned for fheap_trim_report {}
// SAFETY: as above.
unsafe impl Versioned for fheap_compact_report {}

thread_local! {
    /// What the last check of this thread found.
    static FINDINGS: RefCell<Vec<(CString, u64)>> = const { RefCell::new(Vec::new()) };
}

fn keep(report: &CheckReport) {
    let found = report.findings.iter().map(|finding| {
        let part = match finding.kind {
            FindingKind::Superblock => "superblock",
            FindingKind::Log => "log",
            FindingKind::Space => "space",
            FindingKind::Catalog => "catalog",
            FindingKind::Dangling => "dangling",
        };
        let text = format!("{part}: {}", finding.what).replace('\0', " ");
        (CString::new(text).unwrap_or_default(), finding.offset)
    });
    let _ = FINDINGS.try_with(|findings| *findings.borrow_mut() = found.collect());
}

fn report(to: *mut fheap_check_report, check: &CheckReport) -> Result<()> {
    keep(check);
    let report = fheap_check_report {
        size: 0,
        finding_count: check.findings.len() as u64,
        live_count: check.live_count,
        live_bytes: check.live_bytes,
        catalog_count: check.catalog_count,
    };
    arguments::write_sized(to, report)
}

/// Counts everything in a snapshot: the time it takes follows the number of allocations.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_stat(heap: *mut fheap, stats: *mut fheap_stats) -> fheap_status {
    status(|| {
        let state = table::usable(heap as usize)?;
        let stat = state.heap.stat()?;
        let told = fheap_stats {
            size: 0,
            file_bytes: stat.file_bytes,
            disk_bytes: stat.disk_bytes,
            live_bytes: stat.alloc.live_bytes,
            cell_count: stat.alloc.cell_count,
            run_count: stat.alloc.run_count,
            direct_count: stat.alloc.direct_count,
            free_run_bytes: stat.alloc.free_run_bytes,
            largest_free_bytes: stat.alloc.largest_free_bytes,
            free_cell_bytes: stat.alloc.free_cell_bytes,
            own_bytes: stat.alloc.own_bytes,
            name_count: stat.names,
            published: stat.progress.published,
            durable: stat.progress.durable,
            checkpoint: stat.progress.checkpoint,
            log_bytes: stat.log_bytes,
            attached_count: stat.attached.len() as u64,
            recovered: state.heap.recovery().transactions,
        };
        arguments::write_sized(stats, told)
    })
}

/// Walks everything there is and counts what contradicts the format. Changes nothing. FHEAP_OK
/// means that the check was made: `finding_count` says what came of it.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_check(heap: *mut fheap, to: *mut fheap_check_report) -> fheap_status {
    status(|| {
        arguments::place(to)?;
        report(to, &table::usable(heap as usize)?.heap.check()?)
    })
}

/// Finding `index` of this thread's last check or repair, and where in the file it is; NULL beyond
/// the last one. Good until the next check of this thread. `offset` may be NULL.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_finding(index: usize, offset: *mut u64) -> *const c_char {
    value(null(), || {
        let found = FINDINGS.try_with(|findings| {
            let findings = findings.borrow();
            findings.get(index).map(|(text, at)| (text.as_ptr(), *at))
        });
        let Some((text, at)) = found.ok().flatten() else { return Ok(null()) };
        arguments::store(offset, at);
        Ok(text)
    })
}

/// Makes all commits so far, and direct extents this process stores to, survive a power cut.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_sync(heap: *mut fheap) -> fheap_status {
    status(|| table::usable(heap as usize)?.heap.sync())
}

/// Carries the log home as far as readers allow.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_checkpoint(heap: *mut fheap) -> fheap_status {
    status(|| table::usable(heap as usize)?.heap.checkpoint())
}

/// Gives disk space that nothing uses back to the filesystem. Waits for writers. `to` may be NULL.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_trim(heap: *mut fheap, to: *mut fheap_trim_report) -> fheap_status {
    status(|| {
        let done = table::usable(heap as usize)?.heap.trim()?;
        if to.is_null() {
            return Ok(());
        }
        let told = fheap_trim_report {
            size: 0,
            cut_bytes: done.cut_bytes,
            punched_bytes: done.punched_bytes,
            hindered: done.hindered.into(),
        };
        arguments::write_sized(to, told)
    })
}

/// Rewrites a heap that nobody has open into a dense file that takes its place. Offsets stay as
/// they are. `options` and `to` may be NULL.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_compact(
    path: *const c_char,
    how: *const fheap_options,
    to: *mut fheap_compact_report,
) -> fheap_status {
    status(|| {
        let done = Heap::compact(arguments::path(path)?, &options(how)?)?;
        if to.is_null() {
            return Ok(());
        }
        let (before_bytes, after_bytes) = (done.before_bytes, done.after_bytes);
        arguments::write_sized(to, fheap_compact_report { size: 0, before_bytes, after_bytes })
    })
}

/// Copies the newest committed state to a new file, while others go on writing. A heap opened for
/// reading will do.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_backup(heap: *mut fheap, target: *const c_char) -> fheap_status {
    status(|| table::usable(heap as usize)?.heap.backup(arguments::path(target)?))
}

/// Mends what can be derived from what is left of a heap that nobody has open; with `give_up_log`
/// also opens it without the part of its log that is damaged: the commits in it are lost. Then
/// checks it. `to` may be NULL.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_repair(
    path: *const c_char,
    give_up_log: c_int,
    to: *mut fheap_check_report,
) -> fheap_status {
    status(|| {
        let done = Heap::repair(arguments::path(path)?, give_up_log != 0)?;
        if to.is_null() { Ok(()) } else { report(to, &done.check) }
    })
}
