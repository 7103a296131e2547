//! Object cells: R's serialization of anything, with the records that it refers to.

use fileheap_core::catalog::Memory;
use fileheap_core::format::Plain;
use fileheap_core::{Error, ErrorKind, Result, WriteTxn};

/// How a cell begins: child ids, then R's serialization of the object, follow.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
#[allow(missing_docs)] // they say it
pub struct ObjectHead {
    pub magic: [u8; 8],
    /// The record of the object itself if it is a vector of the heap, else 0.
    pub primary: u64,
    /// Records that the serialization refers to.
    pub child_count: u64,
    pub blob_bytes: u64,
}

// SAFETY: repr(C), integers only, no padding.
unsafe impl Plain for ObjectHead {}
const _: () = assert!(size_of::<ObjectHead>() == HEAD_BYTES as usize);
const MAGIC: [u8; 8] = *b"ROBJECT1";
const HEAD_BYTES: u64 = 32;

/// A cell, looked at where it lies.
#[derive(Debug)]
pub struct Cell<'a> {
    /// See `ObjectHead::primary`.
    pub primary: u64,
    /// Records that the serialization refers to.
    pub children: Vec<u64>,
    /// R's serialization.
    pub blob: &'a [u8],
}

impl<'a> Cell<'a> {
    /// The cell at an offset, none of whose parts is believed to be right.
    pub fn read(memory: Memory<'a>, at: u64) -> Result<Self> {
        let head: ObjectHead = memory.read(at)?;
        if head.magic != MAGIC {
            let found = head.magic.escape_ascii();
            let text = format!("expected an object of R, found the mark \"{found}\"");
            let error = Error::new(ErrorKind::Corrupt, text).offset(at);
            return Err(error.advice("run `fheap check` on the heap"));
        }
        let list_bytes = head.child_count.saturating_mul(8);
        let list = memory.slice(at + HEAD_BYTES, list_bytes)?.chunks_exact(8);
        let child = |id: &[u8]| u64::from_le_bytes(id.try_into().expect("8 bytes"));
        let blob = memory.slice(at + HEAD_BYTES + list_bytes, head.blob_bytes)?;
        Ok(Self { primary: head.primary, children: list.map(child).collect(), blob })
    }
}

/// Writes an object into a cell of its own; returns its offset and bytes.
pub fn keep_cell(
    txn: &WriteTxn,
    primary: u64,
    children: &[u64],
    blob: &[u8],
) -> Result<(u64, u64)> {
    let (child_count, blob_bytes) = (children.len() as u64, blob.len() as u64);
    let bytes = HEAD_BYTES + child_count * 8 + blob_bytes;
    let at = txn.alloc(bytes, 16)?;
    let head = ObjectHead { magic: MAGIC, primary, child_count, blob_bytes };
    // SAFETY: the new cell has room for head, list and blob, and is nobody else's yet.
    unsafe {
        let cell = txn.resolve(at);
        cell.cast::<ObjectHead>().write(head);
        let list = cell.add(HEAD_BYTES as usize).cast::<u64>();
        list.copy_from_nonoverlapping(children.as_ptr(), children.len());
        let to = list.add(children.len()).cast::<u8>();
        to.copy_from_nonoverlapping(blob.as_ptr(), blob.len());
    }
    txn.touch(at, bytes);
    Ok((at, bytes))
}
