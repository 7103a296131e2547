//! Records of vectors: how C reads what R stored.

use crate::arguments::{self, Versioned};
use crate::border::{fheap_status, status};
use crate::heap::fheap;
use crate::names::{missing, view};
use crate::table;

/// A vector that another face keeps a record of, R for one. Begin with FHEAP_VECTOR_INIT.
#[allow(non_camel_case_types)]
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct fheap_vector {
    /// sizeof(fheap_vector) of the program that fills it.
    pub size: usize,
    /// The owner's number for the type of its elements; docs/R.md has R's.
    pub element: u32,
    /// 1 in progress, 2 committed, 3 buried.
    pub state: u32,
    /// Number of elements.
    pub length: u64,
    /// Where the elements lie, or 0; fheap_resolve makes it an address.
    pub offset: u64,
    /// Bytes that they occupy.
    pub bytes: u64,
    /// The owner's.
    pub flags: u64,
}

// SAFETY: repr(C), begins with a usize, integers only.
unsafe impl Versioned for fheap_vector {}
const _: () = assert!(size_of::<fheap_vector>() == 48);

/// The vector whose record has this number, as fheap_lookup sees names. All of `bytes` from
/// `offset` on is memory of the heap, whatever the file says. FHEAP_NOT_FOUND if there is none.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_find_vector(
    heap: *mut fheap,
    id: u64,
    vector: *mut fheap_vector,
) -> fheap_status {
    status(|| {
        let (state, vector) = (table::state(heap as usize)?, arguments::place(vector)?);
        let found = view(&state, |catalog| {
            let Some(record) = catalog.records().get(id)? else { return Ok(None) };
            if (record.payload_offset, record.payload_bytes) != (0, 0) {
                catalog.memory().slice(record.payload_offset, record.payload_bytes)?;
            }
            Ok(Some(record))
        })?;
        let record = found.ok_or_else(|| missing(&state, format!("no vector has number {id}")))?;
        let answer = fheap_vector {
            size: 0,
            element: record.element,
            state: record.state,
            length: record.length,
            offset: record.payload_offset,
            bytes: record.payload_bytes,
            flags: record.flags,
        };
        arguments::write_sized(vector, answer)
    })
}
