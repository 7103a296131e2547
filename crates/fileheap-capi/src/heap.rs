//! Opening and closing heaps, and what can be asked of an open one.

use std::ffi::{CString, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::null_mut;
use std::time::Duration;

use fileheap_core::os::Capture;
use fileheap_core::{Durability, Heap, Options, Result};

use crate::arguments::{self, Versioned, invalid};
use crate::border::{fheap_status, status, value};
use crate::state::{ADDRESSES, misplaced};
use crate::table;

/// An open heap. A handle, not an address: NULL, closed and made-up ones are errors.
#[allow(non_camel_case_types)]
pub struct fheap {
    _private: [u8; 0],
}

/// Open for reading only: stores to the heap are faults.
pub const FHEAP_READ_ONLY: u32 = 1;
/// Refuse to open the heap at another address than the recorded one.
pub const FHEAP_FIXED_ADDRESS: u32 = 2;
/// Write even to a file on a network filesystem: no other machine may use it meanwhile.
pub const FHEAP_ALLOW_NETWORK: u32 = 4;

/// What the heap's options say.
pub const FHEAP_DURABILITY_DEFAULT: u32 = 0;
/// A commit returns when the disk has it.
pub const FHEAP_POWER: u32 = 1;
/// A commit is synced a moment later; a power cut may take the last ones, whole ones.
pub const FHEAP_BACKGROUND: u32 = 2;
/// A commit survives the death of the process; a power cut may take those since the last sync.
pub const FHEAP_PROCESS: u32 = 3;

/// How to create and open a heap. Begin with FHEAP_OPTIONS_INIT: 0 stands for the default.
#[allow(non_camel_case_types)]
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct fheap_options {
    /// sizeof(fheap_options) of the program that fills it.
    pub size: usize,
    /// FHEAP_READ_ONLY, FHEAP_FIXED_ADDRESS, FHEAP_ALLOW_NETWORK, or'ed.
    pub flags: u32,
    /// What commits survive: FHEAP_POWER (the default), FHEAP_BACKGROUND, FHEAP_PROCESS.
    pub durability: u32,
    /// How stores are found: 0 the best way, 1 armed, 2 unarmed, 3 scan, 4 pagemap.
    pub capture: u32,
    /// Permissions of a new file before the umask; 0666.
    pub mode: u32,
    /// The file never grows beyond this; recorded at creation; 1 TiB, at most 8 TiB.
    pub limit_bytes: u64,
    /// The address a new heap is to have; one that is free in nearly all programs.
    pub base: u64,
    /// Length of the log at which it is carried home; 16 MiB.
    pub log_bytes: u64,
    /// Memory for private copies of pages between transactions; a sixteenth of the machine's.
    pub private_bytes: u64,
    /// How long to wait while other processes open or leave the heap; 60000.
    pub door_wait_ms: u64,
}

// SAFETY: repr(C), begins with a usize, integers only.
unsafe impl Versioned for fheap_options {}
const _: () = assert!(size_of::<fheap_options>() == 64);

pub(crate) fn durability(number: u32) -> Result<Option<Durability>> {
    match number {
        FHEAP_DURABILITY_DEFAULT => Ok(None),
        FHEAP_POWER => Ok(Some(Durability::Power)),
        FHEAP_BACKGROUND => Ok(Some(Durability::Background)),
        FHEAP_PROCESS => Ok(Some(Durability::Process)),
        _ => Err(invalid(format!("there is no durability {number}"))),
    }
}

fn capture(number: u32) -> Result<Capture> {
    let all = [Capture::Auto, Capture::Armed, Capture::Unarmed, Capture::Scan, Capture::Pagemap];
    let found = all.get(number as usize).copied();
    found.ok_or_else(|| invalid(format!("there is no capture {number}")))
}

pub(crate) fn options(from: *const fheap_options) -> Result<Options> {
    let said = arguments::read_sized(from)?;
    let known = FHEAP_READ_ONLY | FHEAP_FIXED_ADDRESS | FHEAP_ALLOW_NETWORK;
    if said.flags & !known != 0 {
        return Err(invalid(format!("unknown flags {:#x}", said.flags & !known)));
    }
    let has = |flag| said.flags & flag != 0;
    let set = |number: u64| (number != 0).then_some(number);
    let mut options = Options::new().capture(capture(said.capture)?);
    options = if has(FHEAP_READ_ONLY) { options.read_only() } else { options };
    options = if has(FHEAP_FIXED_ADDRESS) { options.fixed_address() } else { options };
    options = if has(FHEAP_ALLOW_NETWORK) { options.allow_network() } else { options };
    options = durability(said.durability)?.into_iter().fold(options, Options::durability);
    options = set(said.mode.into()).into_iter().fold(options, |o, mode| o.mode(mode as u32));
    options = set(said.limit_bytes).into_iter().fold(options, Options::limit_bytes);
    options = set(said.base).into_iter().fold(options, Options::base);
    options = set(said.log_bytes).into_iter().fold(options, Options::log_bytes);
    options = set(said.private_bytes).into_iter().fold(options, Options::private_bytes);
    let wait = set(said.door_wait_ms).map(Duration::from_millis);
    Ok(wait.into_iter().fold(options, Options::door_wait))
}

/// Refuses a heap full of addresses that lies elsewhere.
fn vet(heap: Heap) -> Result<Heap> {
    if !heap.is_at_recorded_base()
        && heap.begin_read()?.catalog().names().lookup(ADDRESSES)?.is_some()
    {
        return Err(misplaced(&heap));
    }
    Ok(heap)
}

pub(crate) fn admit(open: impl FnOnce() -> Result<Heap>) -> Result<*mut fheap> {
    table::open(|| vet(open()?)).map(|handle| handle as *mut fheap)
}

fn open_as(
    path: *const c_char,
    from: *const fheap_options,
    to: *mut *mut fheap,
    open: impl FnOnce(&Path, &Options) -> Result<Heap>,
) -> Result<()> {
    arguments::store(arguments::place(to)?, null_mut());
    let (path, options) = (arguments::path(path)?, options(from)?);
    let heap = admit(|| open(path, &options))?;
    arguments::store(to, heap);
    Ok(())
}

/// Makes a new heap and opens it. Fails, and changes nothing, if the file exists. `options` may be
/// NULL. `*heap` is NULL unless FHEAP_OK is returned.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_create(
    path: *const c_char,
    options: *const fheap_options,
    heap: *mut *mut fheap,
) -> fheap_status {
    status(|| open_as(path, options, heap, |path, options| Heap::create(path, options)))
}

/// Opens a heap. A file that is none is left alone. Opened twice in a process, it is one heap with
/// two handles; each wants to be closed.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_open(
    path: *const c_char,
    options: *const fheap_options,
    heap: *mut *mut fheap,
) -> fheap_status {
    status(|| open_as(path, options, heap, |path, options| Heap::open(path, options)))
}

/// Opens a heap, or makes it if there is no such file. `*is_new` says which; `is_new` may be NULL.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_open_or_create(
    path: *const c_char,
    options: *const fheap_options,
    is_new: *mut c_int,
    heap: *mut *mut fheap,
) -> fheap_status {
    status(|| {
        open_as(path, options, heap, |path, options| {
            let (heap, new) = Heap::open_or_create(path, options)?;
            arguments::store(is_new, new.into());
            Ok(heap)
        })
    })
}

/// Closes a handle. Closing the last handle of a heap closes the heap; FHEAP_BUSY then if a
/// transaction is still open, and nothing changes. Pointers into the heap are void afterwards.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_close(heap: *mut fheap) -> fheap_status {
    status(|| table::remove(heap as usize))
}

/// The same for whoever cannot wait for an open transaction to end, destructors say: the heap is
/// closed when that does, and FHEAP_OK is returned. The handle is not to be used any more.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_release(heap: *mut fheap) -> fheap_status {
    status(|| table::remove_late(heap as usize))
}

/// The address of offset 0, or NULL.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_base(heap: *mut fheap) -> *mut c_void {
    value(null_mut(), || Ok(table::state(heap as usize)?.base as *mut c_void))
}

/// The address that the heap is meant to have, or 0.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_recorded_base(heap: *mut fheap) -> u64 {
    value(0, || Ok(table::state(heap as usize)?.heap.recorded_base()))
}

/// Whether it has it: only then are addresses that were stored in it good.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_is_at_recorded_base(heap: *mut fheap) -> c_int {
    value(0, || Ok(table::state(heap as usize)?.heap.is_at_recorded_base().into()))
}

/// Whether this handle may write.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_is_writable(heap: *mut fheap) -> c_int {
    value(0, || Ok(table::state(heap as usize)?.heap.is_writable().into()))
}

/// Stores the 16 bytes of the heap's identity, which its copies share.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_uuid(heap: *mut fheap, uuid: *mut u8) -> fheap_status {
    status(|| {
        let state = table::state(heap as usize)?;
        arguments::store(arguments::place(uuid)?.cast(), state.heap.uuid());
        Ok(())
    })
}

/// Stores the path of the heap file, cut to `capacity` bytes with its NUL; returns how many bytes
/// it needs, 0 on failure. `path` may be NULL if `capacity` is 0.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_path(heap: *mut fheap, path: *mut c_char, capacity: usize) -> usize {
    value(0, || {
        let state = table::state(heap as usize)?;
        let bytes = state.heap.path().as_os_str().as_bytes();
        let text = CString::new(bytes).unwrap_or_default();
        arguments::copy_text(&text, path, capacity);
        Ok(text.as_bytes_with_nul().len())
    })
}

/// The address of an offset; NULL for offset 0, which is nothing's, and for one beyond the heap.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_resolve(heap: *mut fheap, offset: u64) -> *mut c_void {
    table::look(heap as usize, null_mut(), |state| {
        let inside = offset != 0 && offset < state.reserved_bytes as u64;
        if inside { state.base.wrapping_add(offset as usize) as *mut c_void } else { null_mut() }
    })
}

/// The offset of an address in the heap; 0 if it does not lie there.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_adopt(heap: *mut fheap, address: *const c_void) -> u64 {
    table::look(heap as usize, 0, |state| {
        let offset = (address as usize).wrapping_sub(state.base);
        if offset < state.reserved_bytes { offset as u64 } else { 0 }
    })
}
