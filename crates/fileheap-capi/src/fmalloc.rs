//! fmalloc's functions on a heap: programs written for it work, with one transaction always open.

use std::collections::BTreeMap;
use std::ffi::{c_char, c_int, c_void};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};

use fileheap_core::catalog::Root;
use fileheap_core::{Error, ErrorKind, Heap, Options, Result};

use crate::alloc;
use crate::arguments::{self, Versioned};
use crate::border::{fheap_status, status, value};
use crate::heap::durability;
use crate::names::FHEAP_KIND_FMALLOC;
use crate::seats;
use crate::state::State;
use crate::{heap, table, txn};

/// An open file. It stays readable after fmalloc_close, with `mem` NULL.
#[allow(non_camel_case_types)]
#[derive(Debug)]
#[repr(C)]
pub struct fm_info {
    /// Where the file's own 8 KiB begin: from mem + PAGE_SIZE on 4 KiB are the program's, at the
    /// same place in every run, all zero at first.
    pub mem: *mut c_char,
}

/// How to open a file, where the defaults do not fit. Begin with FM_OPTIONS_INIT.
#[allow(non_camel_case_types)]
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct fm_options {
    /// sizeof(struct fm_options) of the program that fills it.
    pub size: usize,
    /// An allocation commits first when so many bytes were allocated since the last commit; 0 is
    /// 64 MiB, FM_NEVER is never. Counted in steps of 64 KiB, and only while the process has
    /// a single thread: others could be storing.
    pub commit_bytes: u64,
    /// How long to wait for another process that has the file open, in milliseconds; 0 is 10 s.
    pub wait_ms: u64,
    /// What commits survive: 0 or FHEAP_POWER a power cut, FHEAP_BACKGROUND, FHEAP_PROCESS.
    pub durability: u32,
    /// 0.
    pub reserved: u32,
    /// The file never grows beyond this; 0 is 1 TiB.
    pub limit_bytes: u64,
}

// SAFETY: repr(C), begins with a usize, integers only.
unsafe impl Versioned for fm_options {}
const _: () = assert!(size_of::<fm_options>() == 40 && size_of::<fm_info>() == 8);

/// For fm_options.commit_bytes: only fmalloc_sync, fmalloc_close and exit commit.
pub const FM_NEVER: u64 = u64::MAX;

const NAME: &str = "fmalloc";
const AREA_BYTES: u64 = 8192;
const AREA_ALIGN: u64 = 4096;
const COMMIT_BYTES: u64 = 64 << 20;
const COUNT_STEP: u64 = 64 << 10;
const WAIT_MS: u64 = 10_000;

/// An open file behind an `fm_info`.
#[derive(Clone)]
pub(crate) struct Open {
    heap: usize,
    txn: usize,
    state: Arc<State>,
    commit_bytes: u64,
    wait_ms: i64,
    process: u32,
    /// Greater than that of files opened before.
    order: u64,
}

static OPEN: Mutex<BTreeMap<usize, Open>> = Mutex::new(BTreeMap::new());
/// Where every `fm_info` lies that was closed: programs may still look at it, and tools that look
/// for lost memory find it here.
static CLOSED: Mutex<Vec<usize>> = Mutex::new(Vec::new());
/// Where threads allocate that named no target: in the file that was opened last.
static TARGET: AtomicUsize = AtomicUsize::new(0);
static OPENED: AtomicU64 = AtomicU64::new(0);

pub(crate) fn open_files() -> MutexGuard<'static, BTreeMap<usize, Open>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cold]
fn not_open() -> Error {
    Error::new(ErrorKind::Closed, "this fm_info is NULL or was closed")
}

fn find(info: *const fm_info) -> Result<Open> {
    open_files().get(&(info as usize)).cloned().ok_or_else(not_open)
}

/// The 8 KiB of this file, made when they are not there; and whether they were made.
fn area(state: &State) -> Result<(u64, bool)> {
    state.alone(|txn| {
        if let Some(root) = txn.inner.catalog().view().names().lookup(NAME)? {
            if root.kind == FHEAP_KIND_FMALLOC && root.bytes == AREA_BYTES {
                return Ok((root.offset, false));
            }
            let text = format!("the name {NAME:?} is bound to something else (kind {})", root.kind);
            return Err(Error::new(ErrorKind::WrongType, text).at(state.heap.path()));
        }
        let offset = txn.inner.alloc_zeroed(AREA_BYTES, AREA_ALIGN)?;
        let kind = FHEAP_KIND_FMALLOC;
        let root = Root { kind, fingerprint: 0, offset, bytes: AREA_BYTES };
        txn.inner.catalog().names().bind(NAME, root)?;
        Ok((offset, true))
    })
}

fn open(path: *const c_char, init: *mut bool, from: *const fm_options) -> Result<*mut fm_info> {
    let said = arguments::read_sized(from)?;
    if said.reserved != 0 {
        return Err(arguments::invalid("the member reserved must be 0"));
    }
    let or = |number, default| if number == 0 { default } else { number };
    let mut options = Options::new();
    options = durability(said.durability)?.into_iter().fold(options, Options::durability);
    if said.limit_bytes != 0 {
        options = options.limit_bytes(said.limit_bytes);
    }
    let path = arguments::path(path)?;
    let heap = heap::admit(|| Heap::open_or_create(path, &options).map(|(heap, _)| heap))? as usize;
    let wait_ms = i64::try_from(or(said.wait_ms, WAIT_MS)).unwrap_or(i64::MAX);
    let ready = table::state(heap).and_then(|state| {
        let txn = txn::begin(&state, false, wait_ms)?;
        let made = area(&state).and_then(|(offset, is_new)| {
            // What is here at least is there after a crash at once.
            if is_new {
                txn::go_on(&state, txn).map(|()| (offset, true))
            } else {
                Ok((offset, false))
            }
        });
        let (offset, is_new) = made.inspect_err(|_| drop(txn::end(txn, false)))?;
        Ok((state, txn, offset, is_new))
    });
    let (state, txn, offset, is_new) = ready.inspect_err(|_| drop(table::remove(heap)))?;
    let info = Box::into_raw(Box::new(fm_info { mem: state.heap.resolve(offset).cast() }));
    let commit_bytes = or(said.commit_bytes, COMMIT_BYTES);
    let (process, order) = (std::process::id(), OPENED.fetch_add(1, Relaxed));
    let open = Open { heap, txn, state, commit_bytes, wait_ms, process, order };
    open_files().insert(info as usize, open);
    TARGET.store(heap, Relaxed);
    commit_at_exit();
    arguments::store(init, is_new);
    Ok(info)
}

fn close(info: *mut fm_info) -> Result<()> {
    let open = find(info)?;
    // A commit that fails leaves everything open, to be tried again. What was undone and not begun
    // anew has nothing to commit.
    let has_txn = txn::is_open(open.txn);
    if has_txn {
        txn::go_on(&open.state, open.txn)?;
    }
    if open_files().remove(&(info as usize)).is_none() {
        return Err(not_open());
    }
    // SAFETY: from `open`, and never freed.
    unsafe { (*info).mem = null_mut() };
    CLOSED.lock().unwrap_or_else(PoisonError::into_inner).push(info as usize);
    if has_txn {
        txn::end(open.txn, false)?;
    }
    drop(open.state);
    let next = open_files().values().max_by_key(|other| other.order).map_or(0, |other| other.heap);
    let _ = TARGET.compare_exchange(open.heap, next, Relaxed, Relaxed);
    table::remove(open.heap)
}

extern "C" fn at_exit() {
    value((), || {
        let files: Vec<Open> = open_files().values().cloned().collect();
        for open in files.iter().filter(|open| open.process == std::process::id()) {
            if let Err(error) = txn::go_on(&open.state, open.txn) {
                // Nobody else is left to say it.
                eprintln!("fmalloc: what was not committed is lost at exit: {error}");
            }
        }
        Ok(())
    });
}

fn commit_at_exit() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the function lives as long as the library, and lets nothing unwind.
        unsafe { libc::atexit(at_exit) };
    });
}

#[cold]
fn no_target() -> Error {
    Error::new(ErrorKind::Closed, "fmalloc has no file to allocate in")
        .advice("call fmalloc_init, or fmalloc_set_target in this thread")
}

/// The heap that the calling thread allocates in.
#[inline]
fn target(bytes: usize) -> Result<usize> {
    let own = seats::mine().target.get();
    let heap = if own != 0 { own } else { TARGET.load(Relaxed) };
    if heap == 0 {
        return Err(no_target());
    }
    count(heap, bytes)?;
    Ok(heap)
}

/// Counts what is going to be allocated in a heap, and commits first if that is due.
#[inline]
fn count(heap: usize, bytes: usize) -> Result<()> {
    let seat = seats::mine();
    let uncounted = seat.uncounted.get().saturating_add(bytes as u64);
    seat.uncounted.set(uncounted);
    if uncounted >= COUNT_STEP {
        seat.uncounted.set(0);
        commit_if_due(heap, uncounted)?;
    }
    Ok(())
}

/// Whether the process has no thread that could be storing: none but this one and the engine's.
fn is_alone() -> bool {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return false };
    let foreign = threads.filter(|thread| {
        let name = thread.as_ref().map(|thread| std::fs::read(thread.path().join("comm")));
        // The system keeps 15 bytes of a name.
        !matches!(name, Ok(Ok(name)) if name.starts_with(b"fileheap-flushe"))
    });
    foreign.count() == 1
}

#[cold]
fn commit_if_due(heap: usize, bytes: u64) -> Result<()> {
    let open = open_files().values().find(|open| open.heap == heap).cloned();
    let Some(open) = open else { return Ok(()) };
    let before = open.state.uncommitted.fetch_add(bytes, Relaxed);
    // Other threads may be storing now: a commit must wait until somebody knows that they do not.
    if before >= open.commit_bytes && is_alone() {
        return txn::go_on(&open.state, open.txn);
    }
    Ok(())
}

/// Opens a file, or makes it: it need not be there, and grows as it is used. `*init` says whether
/// it is new to fmalloc: the 4 KiB from mem + PAGE_SIZE on are all zero then. `init` may be NULL.
/// NULL on failure, and fheap_last_error() says why; a file that is no heap is left alone.
#[unsafe(no_mangle)]
pub extern "C" fn fmalloc_init(path: *const c_char, init: *mut bool) -> *mut fm_info {
    value(null_mut(), || open(path, init, std::ptr::null()))
}

/// The same with options; NULL stands for the defaults.
#[unsafe(no_mangle)]
pub extern "C" fn fmalloc_init_with(
    path: *const c_char,
    init: *mut bool,
    options: *const fm_options,
) -> *mut fm_info {
    value(null_mut(), || open(path, init, options))
}

/// Lets the calling thread allocate in this file from now on; NULL: in the file opened last.
#[unsafe(no_mangle)]
pub extern "C" fn fmalloc_set_target(info: *mut fm_info) {
    value((), || {
        let heap = if info.is_null() { 0 } else { find(info)?.heap };
        seats::mine().target.set(heap);
        Ok(())
    });
}

/// Allocates `bytes` bytes, aligned to 16, in the calling thread's target. NULL on failure.
#[unsafe(no_mangle)]
pub extern "C" fn fmalloc(bytes: usize) -> *mut c_void {
    value(null_mut(), || alloc::alloc(target(bytes)?, bytes, alloc::ALIGN))
}

/// The same for `count` things of `bytes` bytes, all zero.
#[unsafe(no_mangle)]
pub extern "C" fn fcalloc(count: usize, bytes: usize) -> *mut c_void {
    value(null_mut(), || alloc::calloc(target(count.saturating_mul(bytes))?, count, bytes))
}

/// Makes an allocation longer or shorter, in whichever file it lies; it may move. Like glibc's
/// realloc it allocates if `address` is NULL, and frees, returning NULL, if `bytes` is 0.
#[unsafe(no_mangle)]
pub extern "C" fn frealloc(address: *mut c_void, bytes: usize) -> *mut c_void {
    value(null_mut(), || {
        if address.is_null() {
            return alloc::alloc(target(bytes)?, bytes, alloc::ALIGN);
        }
        let heap = table::around(address as usize)?.handle;
        if bytes == 0 {
            return alloc::free(heap, address).map(|()| null_mut());
        }
        count(heap, bytes)?;
        alloc::realloc(heap, address, bytes)
    })
}

/// Frees an allocation, in whichever file it lies. What is none is left alone, and
/// fheap_last_error() says so.
#[unsafe(no_mangle)]
pub extern "C" fn ffree(address: *mut c_void) {
    value((), || {
        if address.is_null() {
            return Ok(());
        }
        alloc::free(table::around(address as usize)?.handle, address)
    });
}

/// Commits: what was stored and allocated so far is there after a crash. Call it when the
/// program's structures are as they should be and no other thread stores to the file.
#[unsafe(no_mangle)]
pub extern "C" fn fmalloc_sync(info: *mut fm_info) -> fheap_status {
    status(|| {
        let open = find(info)?;
        txn::go_on(&open.state, open.txn)
    })
}

/// Undoes everything since the last commit. If the file cannot be written to afterwards - another
/// process was quicker, or its disk failed - it is undone all the same, and an error says so: call
/// it again, or close the file.
#[unsafe(no_mangle)]
pub extern "C" fn fmalloc_undo(info: *mut fm_info) -> fheap_status {
    status(|| {
        let open = find(info)?;
        if txn::is_open(open.txn) {
            txn::end(open.txn, false)?;
        }
        let txn = txn::begin(&open.state, false, open.wait_ms)?;
        match open_files().get_mut(&(info as usize)) {
            Some(again) => again.txn = txn,
            None => txn::end(txn, false)?,
        }
        Ok(())
    })
}

/// Commits and closes the file. FHEAP_OK, or why the commit failed: the file is open as before
/// then. At exit files that are open are committed: threads
/// that store to them must have ended by then. Allocations in the file are void afterwards.
#[unsafe(no_mangle)]
pub extern "C" fn fmalloc_close(info: *mut fm_info) -> c_int {
    status(|| close(info)) as c_int
}
