//! An abort whose mapping does not obey: nobody reads what was never committed.

use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use fileheap_core::format::INITIAL_BYTES;
use fileheap_core::os::ram::{RamDisk, RamHost};
use fileheap_core::os::{Board, File, Host, Placement, View};
use fileheap_core::{ErrorKind, Heap, Options, Result};

/// Calls that may still fail, of each kind.
#[derive(Default)]
struct Faults {
    discards: AtomicU64,
    harvests: AtomicU64,
}

fn strike(left: &AtomicU64) -> io::Result<()> {
    match left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)) {
        Ok(_) => Err(io::Error::from_raw_os_error(libc::ENOMEM)),
        Err(_) => Ok(()),
    }
}

struct BrittleHost(RamHost, Arc<Faults>);

impl Host for BrittleHost {
    fn data(&self) -> &Arc<dyn File> {
        self.0.data()
    }
    fn log(&self, which: usize, create: bool) -> io::Result<Option<Arc<dyn File>>> {
        self.0.log(which, create)
    }
    fn remove_log(&self, which: usize) -> io::Result<()> {
        self.0.remove_log(which)
    }
    fn sync_folder(&self) -> io::Result<()> {
        self.0.sync_folder()
    }
    fn map(&self, placement: &Placement) -> io::Result<Box<dyn View>> {
        Ok(Box::new(BrittleView(self.0.map(placement)?, self.1.clone())))
    }
    fn board(&self) -> &dyn Board {
        self.0.board()
    }
    fn path(&self) -> &PathBuf {
        self.0.path()
    }
}

struct BrittleView(Box<dyn View>, Arc<Faults>);

impl View for BrittleView {
    fn base(&self) -> *mut u8 {
        self.0.base()
    }
    fn reserved_bytes(&self) -> u64 {
        self.0.reserved_bytes()
    }
    fn extend(&self, bytes: u64) -> io::Result<()> {
        self.0.extend(bytes)
    }
    fn retract(&self, bytes: u64) -> io::Result<()> {
        self.0.retract(bytes)
    }
    fn share(&self, range: Range<u64>) -> io::Result<()> {
        self.0.share(range)
    }
    fn unshare(&self, range: Range<u64>) -> io::Result<()> {
        self.0.unshare(range)
    }
    fn settle(&self, range: Range<u64>) -> io::Result<()> {
        self.0.settle(range)
    }
    fn harvest(&self, dirty: &mut Vec<Range<u64>>) -> io::Result<()> {
        strike(&self.1.harvests)?;
        self.0.harvest(dirty)
    }
    fn note_stores(&self, range: Range<u64>) {
        self.0.note_stores(range);
    }
    fn set_writable(&self, writable: bool) -> io::Result<()> {
        self.0.set_writable(writable)
    }
    fn discard(&self, range: Range<u64>) -> io::Result<()> {
        strike(&self.1.discards)?;
        self.0.discard(range)
    }
    fn prefault(&self, range: Range<u64>) {
        self.0.prefault(range);
    }
    fn capture_name(&self) -> &'static str {
        self.0.capture_name()
    }
}

/// A heap with two words far apart that are committed as 1, and a way to let its mapping fail.
fn heap() -> (Heap, Arc<Faults>, [u64; 2]) {
    let disk = RamDisk::new();
    let faults = Arc::new(Faults::default());
    let host = BrittleHost(RamHost::create(&disk, INITIAL_BYTES).unwrap(), faults.clone());
    let options = Options::new().limit_bytes(16 << 20);
    let heap = Heap::create_on(Box::new(host), &options).unwrap();
    let txn = heap.begin_write().unwrap();
    let words = [(); 2].map(|()| txn.alloc(64 * 1024, 4096).unwrap());
    for word in words {
        // SAFETY: just allocated.
        unsafe { txn.resolve(word).cast::<u64>().write(1) };
    }
    txn.commit().unwrap();
    (heap, faults, words)
}

/// Aborts a transaction that stored 2 to both words, after `prepare`.
fn abort(heap: &Heap, words: [u64; 2], prepare: impl FnOnce()) -> Result<()> {
    let txn = heap.begin_write()?;
    for word in words {
        // SAFETY: allocated and committed above.
        unsafe { txn.resolve(word).cast::<u64>().write(2) };
    }
    prepare();
    txn.abort()
}

fn assert_committed(heap: &Heap, words: [u64; 2]) {
    let read = heap.begin_read().unwrap();
    for word in words {
        assert_eq!(read.memory().read::<u64>(word).unwrap(), 1);
    }
    drop(read);
    assert_eq!(heap.begin_write().err().unwrap().kind(), ErrorKind::Poisoned);
}

#[test]
fn a_range_that_is_not_dropped_is_not_read() {
    let (heap, faults, words) = heap();
    // The range among others and alone.
    abort(&heap, words, || faults.discards.store(2, SeqCst)).unwrap_err();
    assert_eq!(faults.discards.load(SeqCst), 0);
    assert_committed(&heap, words);
}

#[test]
fn a_search_that_fails_means_every_page() {
    let (heap, faults, words) = heap();
    abort(&heap, words, || faults.harvests.store(1, SeqCst)).unwrap_err();
    assert_committed(&heap, words);
}

#[test]
fn while_nothing_can_be_dropped_nothing_is_read() {
    let (heap, faults, words) = heap();
    abort(&heap, words, || faults.discards.store(u64::MAX, SeqCst)).unwrap_err();
    assert!(heap.begin_read().is_err());
    faults.discards.store(0, SeqCst);
    assert_committed(&heap, words);
}
