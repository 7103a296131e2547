//! Names of roots.

use std::ffi::{CString, c_char};

use fileheap_core::catalog::{CatalogView, Names, Root};
use fileheap_core::format::NAME_MAX_BYTES;
use fileheap_core::{Error, ErrorKind, Result, WriteTxn};

use crate::arguments::{self, Versioned, invalid};
use crate::border::{fheap_status, status};
use crate::heap::fheap;
use crate::state::State;
use crate::table;

/// Room for every name and its NUL.
pub const FHEAP_NAME_BYTES: usize = 256;
const _: () = assert!(FHEAP_NAME_BYTES == NAME_MAX_BYTES + 1);

/// What a name stands for. Begin with FHEAP_ROOT_INIT.
#[allow(non_camel_case_types)]
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct fheap_root {
    /// sizeof(fheap_root) of the program that fills it.
    pub size: usize,
    /// Yours to choose: what sort of thing it is. C++ objects have FHEAP_KIND_CPP.
    pub kind: u32,
    /// 0.
    pub reserved: u32,
    /// Hash of the layout of its type, yours to choose.
    pub fingerprint: u64,
    /// Where it lies; fheap_resolve makes it an address. Must be allocated, or 0.
    pub offset: u64,
    /// Its length, no more than is allocated there.
    pub bytes: u64,
}

// SAFETY: repr(C), begins with a usize, integers only.
unsafe impl Versioned for fheap_root {}
const _: () = assert!(size_of::<fheap_root>() == 40);

/// The kind of roots that fileheap.hpp constructs.
pub const FHEAP_KIND_CPP: u32 = 0x002b_2b43;
/// The kind of the root that fmalloc.h keeps its place under.
pub const FHEAP_KIND_FMALLOC: u32 = 0x006d_6166;

fn taken(from: *const fheap_root) -> Result<Root> {
    arguments::place(from.cast_mut())?;
    let said = arguments::read_sized(from)?;
    let fheap_root { kind, reserved, fingerprint, offset, bytes, .. } = said;
    if reserved != 0 {
        return Err(invalid("the member reserved must be 0"));
    }
    Ok(Root { kind, fingerprint, offset, bytes })
}

fn given(root: Root) -> fheap_root {
    let Root { kind, fingerprint, offset, bytes } = root;
    fheap_root { size: 0, kind, reserved: 0, fingerprint, offset, bytes }
}

fn answer(to: *mut fheap_root, root: Root) -> Result<()> {
    if to.is_null() { Ok(()) } else { arguments::write_sized(to, given(root)) }
}

/// Reads the catalog: as the open transaction has it, or the newest committed state.
pub fn view<R>(state: &State, read: impl Fn(CatalogView<'_>) -> Result<R>) -> Result<R> {
    if let Some(found) = state.alone_if_open(|txn| read(txn.inner.catalog().view()))? {
        return Ok(found);
    }
    read(state.heap.begin_read()?.catalog())
}

/// What a name is to stand for must be a whole allocation, or its beginning: so the checker says.
fn is_there(txn: &WriteTxn, root: &Root) -> Result<()> {
    let usable = if root.offset == 0 { u64::MAX } else { txn.usable_bytes(root.offset)? };
    if root.bytes <= usable {
        return Ok(());
    }
    let text = format!("the root has {} bytes, of {usable} that are allocated there", root.bytes);
    Err(Error::new(ErrorKind::BadPointer, text).offset(root.offset))
}

/// Changes names; `root`, if any, is what one is to stand for from then on.
fn change<R>(
    heap: *mut fheap,
    root: Option<&Root>,
    work: impl FnOnce(&mut Names<'_, WriteTxn>) -> Result<R>,
) -> Result<R> {
    let state = table::state(heap as usize)?;
    let done = state.alone(|txn| {
        root.map_or(Ok(()), |root| is_there(&txn.inner, root))?;
        work(&mut txn.inner.catalog().names())
    });
    done.map_err(|error| error.at(state.heap.path()))
}

#[cold]
pub fn missing(state: &State, text: String) -> Error {
    Error::new(ErrorKind::NotFound, text).at(state.heap.path())
}

/// Gives a root a name that is not in use (FHEAP_ALREADY_EXISTS otherwise): 1 to 255 bytes of
/// UTF-8. In the open write transaction. FHEAP_BAD_POINTER if so many bytes are not allocated at
/// its offset.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_bind(
    heap: *mut fheap,
    name: *const c_char,
    root: *const fheap_root,
) -> fheap_status {
    status(|| {
        let (name, root) = (arguments::name(name)?, taken(root)?);
        change(heap, Some(&root), |names| names.bind(name, root))
    })
}

/// Lets a bound name stand for another root. `old`, if wanted, gets what it stood for.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_rebind(
    heap: *mut fheap,
    name: *const c_char,
    root: *const fheap_root,
    old: *mut fheap_root,
) -> fheap_status {
    status(|| {
        let (name, root) = (arguments::name(name)?, taken(root)?);
        answer(old, change(heap, Some(&root), |names| names.rebind(name, root))?)
    })
}

/// Gives a root another name, not in use either.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_rename(
    heap: *mut fheap,
    old: *const c_char,
    new: *const c_char,
) -> fheap_status {
    status(|| {
        let (old, new) = (arguments::name(old)?, arguments::name(new)?);
        change(heap, None, |names| names.rename(old, new))
    })
}

/// Forgets a name; the root stays where it is. `old`, if wanted, gets what it stood for.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_unbind(
    heap: *mut fheap,
    name: *const c_char,
    old: *mut fheap_root,
) -> fheap_status {
    status(|| {
        let name = arguments::name(name)?;
        answer(old, change(heap, None, |names| names.unbind(name))?)
    })
}

/// What a name stands for: in the write transaction if one is open in this process, else in the
/// newest committed state, or in the one that this thread reads. `root` may be NULL.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_lookup(
    heap: *mut fheap,
    name: *const c_char,
    root: *mut fheap_root,
) -> fheap_status {
    status(|| {
        let (state, name) = (table::state(heap as usize)?, arguments::name(name)?);
        let found = view(&state, |catalog| catalog.names().lookup(name))?;
        let found = found.ok_or_else(|| missing(&state, format!("no root is named {name:?}")))?;
        answer(root, found)
    })
}

/// The first name above `after` in byte order (NULL: the first of all) and its root, as
/// fheap_lookup sees them. `name` is room for FHEAP_NAME_BYTES and may be `after`. FHEAP_NOT_FOUND
/// after the last one.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_next_name(
    heap: *mut fheap,
    after: *const c_char,
    name: *mut c_char,
    root: *mut fheap_root,
) -> fheap_status {
    status(|| {
        let (state, name) = (table::state(heap as usize)?, arguments::place(name)?);
        let after = if after.is_null() { None } else { Some(arguments::name(after)?.to_owned()) };
        let found = view(&state, |catalog| catalog.names().list(after.as_deref(), 1))?;
        let (next, found) = found.into_iter().next().ok_or_else(|| {
            missing(&state, format!("no name follows {:?}", after.unwrap_or_default()))
        })?;
        arguments::copy_text(&CString::new(next).unwrap_or_default(), name, FHEAP_NAME_BYTES);
        answer(root, found)
    })
}
