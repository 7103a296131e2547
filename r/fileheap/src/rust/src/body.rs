//! Bodies: what the ALTREP methods of one R vector read, without asking Rust.

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

use fileheap_core::format::{RecordState, VectorRecord};
use fileheap_r_layout::{DIRECT, STRSXP, TEMPORARY, UNWANTED, text_parts};

use crate::fault::calm;
use crate::heap::RHeap;
use crate::strings::Buffer;

/// Stores to it reach the file.
pub const MUTABLE: u32 = 1;
/// Its record was destroyed.
pub const DESTROYED: u32 = 2;
/// Its record was made in a transaction that was aborted.
pub const UNDONE: u32 = 4;
/// Its elements are on R's heap now, the record knows nothing of it.
pub const DETACHED: u32 = 16;
/// Others of this session show its strings, too.
pub const ACCOMPANIED: u32 = 32;
/// Freed with its last body.
pub const TEMPORARY_BODY: u32 = 8;

/// Shared with C, which declares the same struct as `fh_body`.
#[repr(C)]
pub struct Body {
    /// The elements; of a character vector the views.
    pub data: *mut u8,
    pub length: i64,
    pub id: u64,
    pub generation: u64,
    pub element: u32,
    pub flags: u32,
    /// Changes when what C cached of the contents is stale.
    pub epoch: u32,
    /// C's: the epoch of its cache, and what it knows of the vector.
    pub cache_epoch: u32,
    pub cache_flags: u32,
    /// The process it belongs to.
    pub pid: u32,
    pub validity: *mut u8,
    pub marks: *mut u8,
    pub buffers: *const Buffer,
    pub buffer_count: u64,
    /// One count of the heap's Arc.
    pub heap: *const RHeap,
    /// C's: R's strings once all were read, and how many chunks of them were before.
    strings: *const c_void,
    chunks_read: u64,
    /// What `buffers` points at.
    owned: Vec<Buffer>,
}

/// A body as the heap remembers it. R's main thread is the only one that uses it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BodyPointer(pub *mut Body);

// SAFETY: entries are called by R's main thread only; see docs/R.md.
unsafe impl Send for BodyPointer {}

impl Body {
    /// A body for a record, on R's side of the border until `fh_body_free`.
    pub fn leak(heap: &Arc<RHeap>, record: &VectorRecord, mutable: bool) -> *mut Self {
        Box::into_raw(Box::new(Self {
            data: heap.heap.resolve(record.payload_offset),
            length: record.length as i64,
            id: record.id,
            generation: record.generation,
            element: record.element,
            flags: if mutable { MUTABLE } else { 0 }
                | if record.flags & TEMPORARY != 0 { TEMPORARY_BODY } else { 0 },
            epoch: 0,
            cache_epoch: 0,
            cache_flags: 0,
            pid: std::process::id(),
            validity: ptr::null_mut(),
            marks: ptr::null_mut(),
            buffers: ptr::null(),
            buffer_count: 0,
            heap: Arc::into_raw(heap.clone()),
            strings: ptr::null(),
            chunks_read: 0,
            owned: Vec::new(),
        }))
    }

    /// Points at a record's payload and buffers as they are now.
    pub fn aim(&mut self, heap: &RHeap, record: &VectorRecord, buffers: Vec<Buffer>) {
        self.data = heap.heap.resolve(record.payload_offset);
        self.id = record.id;
        if record.element == STRSXP {
            let (validity, marks) = text_parts(record.length);
            self.validity = self.data.wrapping_add(validity as usize);
            self.marks = self.data.wrapping_add(marks as usize);
        }
        self.take_buffers(buffers);
    }

    pub fn take_buffers(&mut self, buffers: Vec<Buffer>) {
        self.owned = buffers;
        self.buffers = self.owned.as_ptr();
        self.buffer_count = self.owned.len() as u64;
    }

    /// What its buffers are, in order.
    pub fn buffers(&self) -> &[Buffer] {
        &self.owned
    }

    /// Nothing of it can be had any more; `why` is DESTROYED or UNDONE.
    pub fn kill(&mut self, why: u32) {
        self.flags = (self.flags | why) & !MUTABLE;
        self.make_stale();
    }

    /// After an abort: it is as temporary as its record, which may have been part of something.
    pub fn unbind(&mut self, record: &VectorRecord) {
        self.flags &= !TEMPORARY_BODY;
        if record.flags & TEMPORARY != 0 {
            self.flags |= TEMPORARY_BODY;
        }
    }

    /// After an abort: whether it was destroyed in vain. Its stores go to copies from now on.
    pub fn revive(&mut self, record: &VectorRecord) -> bool {
        let lives = record.generation == self.generation
            && record.state != RecordState::Tombstone as u32
            && record.flags & UNWANTED == 0;
        if lives {
            self.flags &= !DESTROYED;
        }
        lives && !self.is_dead()
    }

    /// What C cached of the contents is to be read again.
    pub fn make_stale(&mut self) {
        self.epoch += 1;
        self.strings = ptr::null();
    }

    /// Whether its elements are gone.
    pub fn is_dead(&self) -> bool {
        self.flags & (DESTROYED | UNDONE) != 0
    }
}

/// Whether a record's payload takes stores outside of transactions.
pub fn is_direct(record: &VectorRecord) -> bool {
    record.flags & DIRECT != 0
}

/// The vector goes on without its record: C has copied the elements to `data`.
///
/// # Safety
/// `body` is live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_detach(body: *mut Body, data: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe {
        let heap = &*(*body).heap;
        let _ = calm(|| heap.forget_body(&*body));
        (*body).data = data;
        (*body).flags = DETACHED;
    }
}

/// R collected the vector. What its record occupies is looked after by the next writing entry.
///
/// # Safety
/// `body` was given out by an entry and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_body_free(body: *mut Body) {
    let _ = calm(|| {
        // SAFETY: the caller's promise; in a forked child it stays the parent's.
        unsafe {
            if (*body).pid != std::process::id() {
                return;
            }
            let body = Box::from_raw(body);
            let heap = Arc::from_raw(body.heap);
            heap.forget_body(&body);
        }
    });
}
