//! Records of vectors through the C functions: what is there, what is not, what a file lies about.

use std::ffi::CString;
use std::path::Path;
use std::ptr::null;

use fileheap_core::catalog::RecordNew;
use fileheap_core::format::RecordState;
use fileheap_core::{Heap, Options, Result};

use crate::{
    fheap_close, fheap_find_vector, fheap_open, fheap_resolve, fheap_status, fheap_vector,
};

/// A heap whose vector 1 has three doubles, whose vector 2 has none and whose vector 3 claims
/// memory behind the heap's end.
fn make(path: &Path) -> Result<()> {
    let heap = Heap::create(path, &Options::new())?;
    let mut txn = heap.begin_write()?;
    let at = txn.alloc(24, 16)?;
    for (index, value) in [1.5, 2.5, 4.0_f64].into_iter().enumerate() {
        // SAFETY: 24 bytes that were just allocated.
        unsafe { txn.resolve(at).cast::<f64>().add(index).write(value) };
    }
    for (payload_offset, length) in [(at, 3), (0, 0), (at, 1 << 50)] {
        txn.catalog().records().add(RecordNew {
            generation: 0,
            state: RecordState::Committed,
            element: 14,
            length,
            payload_offset,
            payload_bytes: length * 8,
            flags: 0,
            extra: [0; 2],
        })?;
    }
    txn.commit()?;
    heap.close()
}

#[test]
fn vectors_are_found_by_number() {
    let path = std::env::temp_dir().join(format!("capi-vectors-{}.heap", std::process::id()));
    make(&path).expect("a heap");
    let name = CString::new(path.display().to_string()).expect("no NUL");
    let mut heap = std::ptr::null_mut();
    assert_eq!(fheap_open(name.as_ptr(), null(), &raw mut heap), fheap_status::FHEAP_OK);

    let empty = fheap_vector {
        size: size_of::<fheap_vector>(),
        element: 0,
        state: 0,
        length: 0,
        offset: 0,
        bytes: 0,
        flags: 0,
    };
    let mut found = empty;
    assert_eq!(fheap_find_vector(heap, 1, &raw mut found), fheap_status::FHEAP_OK);
    assert_eq!((found.element, found.state, found.length, found.bytes), (14, 2, 3, 24));
    let elements = fheap_resolve(heap, found.offset).cast::<f64>();
    // SAFETY: the vector that `make` stored.
    assert_eq!(unsafe { std::slice::from_raw_parts(elements, 3) }, [1.5, 2.5, 4.0]);

    let mut found = empty;
    assert_eq!(fheap_find_vector(heap, 2, &raw mut found), fheap_status::FHEAP_OK);
    assert_eq!((found.length, found.offset, found.bytes), (0, 0, 0));
    let lie = fheap_find_vector(heap, 3, &raw mut found);
    assert_eq!(lie, fheap_status::FHEAP_CORRUPT, "memory behind the end is not given out");
    let none = fheap_find_vector(heap, 4, &raw mut found);
    assert_eq!(none, fheap_status::FHEAP_NOT_FOUND);
    let nowhere = fheap_find_vector(heap, 1, std::ptr::null_mut());
    assert_eq!(nowhere, fheap_status::FHEAP_INVALID_ARGUMENT);
    assert_eq!(fheap_close(heap), fheap_status::FHEAP_OK);
    std::fs::remove_file(path).expect("it is there");
}
