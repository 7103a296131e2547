//! An abort whose mapping does not obey: nobody reads what was never committed.

mod common;

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use common::brittle::{BrittleHost, Faults};
use fileheap_core::os::ram::RamDisk;
use fileheap_core::{ErrorKind, Heap, Options, Result};

/// A heap with two words far apart that are committed as 1, and a way to let its mapping fail.
fn heap() -> (Heap, Arc<Faults>, [u64; 2]) {
    let faults = Arc::new(Faults::default());
    let host = BrittleHost::create(&RamDisk::new(), &faults);
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
