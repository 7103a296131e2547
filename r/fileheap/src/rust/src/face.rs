//! R's root in a heap: found, made, changed.

use std::path::Path;

use fileheap_core::catalog::Memory;
use fileheap_core::{Heap, Wait, WriteTxn};

use fileheap_r_layout::{FACE_ROOT, FaceRoot, PERSISTENT};

use crate::fault::{Outcome, Problem};

/// R's root, or None in a heap that R did not write to yet.
pub fn face(root: u64, memory: Memory<'_>, path: &Path) -> Outcome<Option<FaceRoot>> {
    let face = FaceRoot::read(memory, root)?;
    if let Some(face) = face.filter(|face| !face.is_known()) {
        let (magic, version) = (face.magic.escape_ascii(), face.version);
        let text = format!(
            "R's part of the heap has mark \"{magic}\" and version {version}; this package reads \
             \"RFACE001\" up to version {}; a later fileheap may have written it",
            FaceRoot::VERSION
        );
        return Err(Problem::new("newer_format", text).at(path));
    }
    Ok(face)
}

/// Changes R's root, in the open transaction.
pub fn change_face(txn: &WriteTxn, change: impl FnOnce(&mut FaceRoot)) -> Outcome<()> {
    let at = txn.face_root(FACE_ROOT);
    let mut face: FaceRoot = txn.memory().read(at)?;
    change(&mut face);
    // SAFETY: the root is a live cell of this size, and this transaction the only one to store.
    unsafe { txn.resolve(at).cast::<FaceRoot>().write(face) };
    txn.touch(at, size_of::<FaceRoot>() as u64);
    Ok(())
}

/// The mode that the heap was made with; R's root is made where it is missing.
pub fn stored_mode(heap: &Heap, is_new: bool, mode: u32) -> Outcome<u32> {
    {
        let read = heap.begin_read()?;
        if let Some(face) = face(read.face_root(FACE_ROOT), read.memory(), heap.path())? {
            return Ok(face.mode);
        }
    }
    let mode = if is_new { mode } else { PERSISTENT };
    if !heap.is_writable() {
        return Ok(mode);
    }
    let mut txn = heap.begin_tracked(Wait::Forever)?;
    let at = txn.alloc_zeroed(size_of::<FaceRoot>() as u64, 64)?;
    txn.set_face_root(FACE_ROOT, at);
    change_face(&txn, |face| {
        (face.magic, face.mode, face.version) = (FaceRoot::MAGIC, mode, FaceRoot::VERSION);
    })?;
    txn.commit()?;
    Ok(mode)
}
