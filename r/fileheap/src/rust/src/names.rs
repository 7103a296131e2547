//! Names: objects bound, found, unbound, listed.

use std::ffi::c_char;

use fileheap_core::catalog::Root;
use fileheap_r_layout::{Cell, ROOT_KIND};

use crate::fault::{Fault, Outcome, Problem, answer, guard};
use crate::heap::{RHeap, shared, text};
use crate::object::{hand_out, keep, release};

fn bind(heap: &RHeap, name: &str, object: (u64, &[u64], &[u8])) -> Outcome<()> {
    let mut state = heap.lock();
    let (primary, children, blob) = object;
    let old = state.txn()?.catalog().view().names().lookup(name)?;
    if let Some(old) = old {
        only_ours(heap, name, old)?;
    }
    let (offset, bytes) = keep(heap, &mut state, primary, children, blob)?;
    let root = Root { kind: ROOT_KIND, fingerprint: 1, offset, bytes };
    match old {
        None => Ok(state.txn()?.catalog().names().bind(name, root)?),
        Some(old) => {
            state.txn()?.catalog().names().rebind(name, root)?;
            release(heap, &mut state, old.offset)
        }
    }
}

fn only_ours(heap: &RHeap, name: &str, root: Root) -> Outcome<()> {
    if root.kind == ROOT_KIND {
        return Ok(());
    }
    let text = format!(
        "the name \"{name}\" stands for something that another language keeps (kind {:#x})",
        root.kind
    );
    Err(Problem::new("wrong_type", text).at(heap.heap.path()))
}

fn unbind(heap: &RHeap, name: &str) -> Outcome<bool> {
    let mut state = heap.lock();
    let Some(root) = state.txn()?.catalog().view().names().lookup(name)? else {
        return Ok(false);
    };
    only_ours(heap, name, root)?;
    state.txn()?.catalog().names().unbind(name)?;
    release(heap, &mut state, root.offset)?;
    Ok(true)
}

/// Gives an object a name. `children` are the records it refers to, `primary` the one it is.
///
/// # Safety
/// As `shared`, a C string, and lists of the given lengths.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_bind(
    heap: *const RHeap,
    name: *const c_char,
    primary: u64,
    children: *const u64,
    child_count: u64,
    blob: *const u8,
    blob_bytes: u64,
    fault: *mut Fault,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        guard(fault, || {
            let children = std::slice::from_raw_parts(children, child_count as usize);
            let blob = std::slice::from_raw_parts(blob, blob_bytes as usize);
            bind(&shared(heap), text(name), (primary, children, blob))
        })
    }
}

/// Removes a name; `found` tells whether it was there.
///
/// # Safety
/// As `fh_bind`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_unbind(
    heap: *const RHeap,
    name: *const c_char,
    found: *mut i32,
    fault: *mut Fault,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { answer(fault, found, || Ok(i32::from(unbind(&shared(heap), text(name))?))) }
}

/// What a name stands for: its serialization if it fits into `room`, and the vector it is or 0.
/// `bytes` is 0 if there is no such name.
///
/// # Safety
/// As `fh_bind`, and places for the results.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_lookup(
    heap: *const RHeap,
    name: *const c_char,
    to: *mut u8,
    room: u64,
    bytes: *mut u64,
    primary: *mut u64,
    fault: *mut Fault,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        guard(fault, || {
            let (heap, name) = (shared(heap), text(name));
            let mut state = heap.lock();
            heap.hold(&mut state)?;
            (*bytes, *primary) = (0, 0);
            heap.look(&state, |catalog, memory| {
                let Some(root) = catalog.names().lookup(name)? else { return Ok(()) };
                only_ours(&heap, name, root)?;
                let cell = Cell::read(memory, root.offset)?;
                *primary = cell.primary;
                hand_out(cell.blob, to, room, bytes);
                Ok(())
            })
        })
    }
}

/// R's names, each ended by NUL, if they fit into `room`.
///
/// # Safety
/// As `fh_lookup`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_names(
    heap: *const RHeap,
    to: *mut u8,
    room: u64,
    bytes: *mut u64,
    fault: *mut Fault,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        guard(fault, || {
            let heap = shared(heap);
            let state = heap.lock();
            let all = heap.look(&state, |catalog, _| {
                let (mut all, mut after) = (Vec::new(), None::<String>);
                loop {
                    let page = catalog.names().list(after.as_deref(), 1000)?;
                    let Some((last, _)) = page.last() else { return Ok(all) };
                    after = Some(last.clone());
                    for (name, _) in page.iter().filter(|(_, root)| root.kind == ROOT_KIND) {
                        all.extend_from_slice(name.as_bytes());
                        all.push(0);
                    }
                }
            })?;
            hand_out(&all, to, room, bytes);
            Ok(())
        })
    }
}
