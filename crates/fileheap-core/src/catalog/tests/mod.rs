//! Tests of the catalog: cells in RAM that count, and what every test uses.

mod entries;
mod hostile;
mod trees;

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use super::{Catalog, Cells, Inspector, Memory, OrderedMap};
use crate::format::{HEADER_OFFSET, PAGE_BYTES};
use crate::{Error, ErrorKind, Result};

/// A slot for a tree of its own, behind the header.
const SLOT: u64 = HEADER_OFFSET + 1024;
const GUARD_BYTES: u64 = 4096;

/// Cells in RAM. Knows what is allocated; keeps a copy of what was touched.
struct Ram {
    base: *mut u8,
    bytes: u64,
    live: RefCell<BTreeMap<u64, u64>>,
    next: Cell<u64>,
    free: RefCell<BTreeMap<u64, Vec<u64>>>,
    /// Allocations that succeed before one fails.
    left: Cell<u64>,
    /// What a log of the touched ranges would restore.
    logged: RefCell<Vec<u8>>,
}

impl Ram {
    fn new(bytes: u64) -> Self {
        // SAFETY: the size is not zero.
        let base = unsafe { alloc_zeroed(Self::layout(bytes)) };
        assert!(!base.is_null());
        Self {
            base,
            bytes,
            live: RefCell::default(),
            next: Cell::new(HEADER_OFFSET + PAGE_BYTES),
            free: RefCell::default(),
            left: Cell::new(u64::MAX),
            logged: RefCell::new(vec![0; bytes as usize]),
        }
    }

    /// More than file_bytes, so that the bytes behind can be watched.
    fn layout(bytes: u64) -> Layout {
        Layout::from_size_align((bytes + GUARD_BYTES) as usize, 4096).expect("a layout")
    }

    fn map(&self) -> OrderedMap<'_, Self> {
        // SAFETY: base is valid for file_bytes; tests have one thread.
        unsafe { OrderedMap::new(self, SLOT) }
    }

    fn catalog(&self) -> Catalog<'_, Self> {
        // SAFETY: base is valid for file_bytes; tests have one thread.
        unsafe { Catalog::new(self) }
    }

    fn memory(&self) -> Memory<'_> {
        // SAFETY: base is valid for file_bytes; tests have one thread.
        unsafe { Memory::new(self.base, self.bytes) }
    }

    fn snapshot(&self) -> Vec<u8> {
        // SAFETY: base is valid for file_bytes.
        unsafe { std::slice::from_raw_parts(self.base, self.bytes as usize) }.to_vec()
    }

    fn restore(&self, bytes: &[u8]) {
        assert_eq!(bytes.len() as u64, self.bytes);
        // SAFETY: base is valid for file_bytes.
        unsafe { self.base.copy_from(bytes.as_ptr(), bytes.len()) };
    }

    fn flip(&self, offset: u64, bit: u64) {
        assert!(offset < self.bytes);
        // SAFETY: base is valid for file_bytes.
        unsafe { *self.base.add(offset as usize) ^= 1 << (bit % 8) };
    }

    fn guard_is_clean(&self) -> bool {
        // SAFETY: the guard was allocated with the rest.
        unsafe {
            let guard = self.base.add(self.bytes as usize);
            std::slice::from_raw_parts(guard, GUARD_BYTES as usize).iter().all(|&byte| byte == 0)
        }
    }

    /// Every store was touched, every live cell is reached once, and nothing is wrong.
    fn assert_sound(&self) {
        assert!(self.snapshot() == *self.logged.borrow(), "a store was not touched");
        let mut audit = Audit::default();
        self.catalog().view().check(&mut audit);
        self.map().view().check(&mut audit);
        assert_eq!(audit.findings, Vec::<String>::new());
        assert_eq!(audit.cells, *self.live.borrow(), "reached and allocated cells differ");
    }
}

impl Drop for Ram {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout.
        unsafe { dealloc(self.base, Self::layout(self.bytes)) };
    }
}

impl Cells for Ram {
    fn base(&self) -> *mut u8 {
        self.base
    }

    fn file_bytes(&self) -> u64 {
        self.bytes
    }

    fn alloc(&self, bytes: u64) -> Result<u64> {
        let full = || Error::new(ErrorKind::DiskFull, "no memory left");
        self.left.set(self.left.get().checked_sub(1).ok_or_else(full)?);
        let class = bytes.next_multiple_of(64);
        let reused = self.free.borrow_mut().get_mut(&class).and_then(Vec::pop);
        let offset = reused.unwrap_or_else(|| self.next.replace(self.next.get() + class));
        if offset + class > self.bytes {
            return Err(full());
        }
        self.live.borrow_mut().insert(offset, bytes);
        Ok(offset)
    }

    fn free(&self, offset: u64) -> Result<()> {
        let Some(bytes) = self.live.borrow_mut().remove(&offset) else {
            return Err(Error::new(ErrorKind::BadPointer, "not allocated").offset(offset));
        };
        self.free.borrow_mut().entry(bytes.next_multiple_of(64)).or_default().push(offset);
        Ok(())
    }

    fn touch(&self, offset: u64, bytes: u64) {
        assert!(bytes > 0 && offset + bytes <= self.bytes);
        let mut logged = self.logged.borrow_mut();
        let range = offset as usize..(offset + bytes) as usize;
        // SAFETY: in bounds as just checked.
        let now = unsafe { std::slice::from_raw_parts(self.base.add(range.start), range.len()) };
        logged[range].copy_from_slice(now);
    }
}

#[derive(Default)]
struct Audit {
    cells: BTreeMap<u64, u64>,
    findings: Vec<String>,
}

impl Inspector for Audit {
    fn cell(&mut self, offset: u64, bytes: u64) {
        if self.cells.insert(offset, bytes).is_some() {
            self.findings.push(format!("{offset} is reached twice"));
        }
    }

    fn finding(&mut self, offset: u64, what: String) {
        self.findings.push(format!("{offset}: {what}"));
    }
}

/// Numbers that look random and come again from the same seed.
struct Random(u64);

impl Random {
    /// Prints its seed, for when the test fails.
    fn new(seed: u64) -> Self {
        println!("seed {seed}");
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}
