//! Opening: by path, by identity; one heap however often its file is opened.

use std::error::Error as _;
use std::ffi::{CStr, OsStr, c_char};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Mutex, Weak};

use fileheap_core::{Durability, Error, ErrorKind, Heap, Options};
use fileheap_r_layout::{PERSISTENT, SCRATCH};

use crate::face::stored_mode;
use crate::fault::{Fault, Outcome, Problem, answer, calm, guard};
use crate::heap::{RHeap, heaps, place_of, text};
use crate::upkeep;

fn mode_name(mode: u32) -> &'static str {
    if mode == SCRATCH { "scratch" } else { "persistent" }
}

fn options() -> Options {
    Options::new().durability(Durability::Process)
}

fn open(path: &Path, limit: u64, mode: u32, read_only: bool) -> Outcome<(Arc<RHeap>, bool)> {
    let known = options().mode(if mode == SCRATCH { 0o600 } else { 0o666 });
    let how = if limit > 0 { known.clone().limit_bytes(limit) } else { known.clone() };
    let (mut heap, mut is_new) = match read_only {
        true => (Heap::open(path, &known.clone().read_only())?, false),
        false => open_or_create(path, limit, &known, &how)?,
    };
    if let Some(known) = find(&|known| known.heap.is_same(&heap)) {
        if read_only && known.heap.is_writable() {
            let text = "this session has the heap open for writing, and what it has open twice is \
                        one heap; close it with cleanup_fmalloc(), remove the variables that look \
                        at it, and open it anew";
            return Err(Problem::new("in_use", text).at(known.heap.path()));
        }
        return same_mode(&known, mode).map(|()| (known, false));
    }
    let mut stored = stored_mode(&heap, is_new, mode)?;
    if stored == SCRATCH && !is_new && !read_only && heap.attached()?.len() == 1 {
        // Left behind by a session that was killed: its contents were to go with it.
        drop(heap);
        std::fs::remove_file(path).map_err(|e| fileheap_core::Error::os("cannot remove", e))?;
        (heap, is_new) = Heap::open_or_create(path, &how)?;
        stored = stored_mode(&heap, is_new, mode)?;
    }
    let opened = attach(heap, stored);
    same_mode(&opened, mode)?;
    finish(opened, is_new).map(|opened| (opened, is_new))
}

/// A size is for a new heap, or more than an old one's: never less than what is there.
fn open_or_create(
    path: &Path,
    limit: u64,
    known: &Options,
    how: &Options,
) -> Outcome<(Heap, bool)> {
    match Heap::open(path, known) {
        Ok(heap) if heap.limit_bytes() >= limit => return Ok((heap, false)),
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(advised(error).into()),
        _ => {}
    }
    match Heap::open_or_create(path, how) {
        // Somebody else has it open: it stays as long as it may become.
        Err(error) if error.kind() == ErrorKind::Busy => Ok((Heap::open(path, known)?, false)),
        opened => Ok(opened?),
    }
}

/// In words of R what helps where a heap is not to be written to. What this process has open for
/// reading already is another matter, and no failure of the system.
fn advised(error: Error) -> Error {
    let refused = matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnly);
    if !(refused && error.source().is_some() || error.kind() == ErrorKind::NetworkFilesystem) {
        return error;
    }
    error.advice("open it with read_only = TRUE, or copy it to a place of your own")
}

/// For references: what is there, for writing if that is allowed.
fn open_existing(path: &Path) -> Outcome<Arc<RHeap>> {
    let heap = match Heap::open(path, &options()) {
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::PermissionDenied | ErrorKind::ReadOnly | ErrorKind::NetworkFilesystem
            ) =>
        {
            Heap::open(path, &options().read_only())?
        }
        opened => opened?,
    };
    if let Some(known) = find(&|known| known.heap.is_same(&heap)) {
        return Ok(known);
    }
    let stored = stored_mode(&heap, false, PERSISTENT)?;
    finish(attach(heap, stored), false)
}

fn attach(heap: Heap, mode: u32) -> Arc<RHeap> {
    let place = place_of(heap.path());
    Arc::new(RHeap { heap, mode, pid: std::process::id(), place, state: Mutex::default() })
}

fn finish(opened: Arc<RHeap>, is_new: bool) -> Outcome<Arc<RHeap>> {
    if opened.heap.is_writable() && !is_new && opened.is_alone() {
        upkeep::sweep(&opened)?;
    }
    heaps().push(Arc::downgrade(&opened));
    Ok(opened)
}

fn same_mode(heap: &RHeap, mode: u32) -> Outcome<()> {
    if heap.mode == mode {
        return Ok(());
    }
    let (is, asked) = (mode_name(heap.mode), mode_name(mode));
    let text = format!("the heap is {is}, and {asked} was asked for; open it as mode = \"{is}\"");
    Err(Problem::new("mode", text).at(heap.heap.path()))
}

fn find(wanted: &dyn Fn(&RHeap) -> bool) -> Option<Arc<RHeap>> {
    let pid = std::process::id();
    let all: Vec<_> = heaps().iter().filter_map(Weak::upgrade).collect();
    all.into_iter().find(|known| known.pid == pid && wanted(known))
}

/// # Safety
/// A C string, alive as long as the path is used.
pub unsafe fn path_of<'a>(path: *const c_char) -> &'a Path {
    // SAFETY: the caller's promise.
    Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(path) }.to_bytes()))
}

/// Opens a heap, or makes it.
///
/// # Safety
/// C strings and places for the results.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_open(
    path: *const c_char,
    limit_bytes: u64,
    mode: u32,
    read_only: i32,
    heap: *mut *const RHeap,
    is_new: *mut i32,
    fault: *mut Fault,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        guard(fault, || {
            let (opened, new) = open(path_of(path), limit_bytes, mode, read_only != 0)?;
            *is_new = i32::from(new);
            *heap = Arc::into_raw(opened);
            Ok(())
        })
    }
}

/// Opens a heap that exists, whatever its mode.
///
/// # Safety
/// As `fh_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_open_existing(
    path: *const c_char,
    heap: *mut *const RHeap,
    fault: *mut Fault,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { answer(fault, heap, || Ok(Arc::into_raw(open_existing(path_of(path))?))) }
}

/// The open heap with this identity, preferably the one at `path`; null if there is none.
///
/// # Safety
/// `uuid` are 16 bytes, `path` is a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_find(uuid: *const u8, path: *const c_char) -> *const RHeap {
    // SAFETY: the caller's promise.
    let (uuid, path) = unsafe { (*uuid.cast::<[u8; 16]>(), text(path)) };
    let found = calm(|| {
        find(&|known| known.heap.uuid() == uuid && known.heap.path() == Path::new(path))
            .or_else(|| find(&|known| known.heap.uuid() == uuid))
    });
    found.flatten().map_or(std::ptr::null(), Arc::into_raw)
}
