//! What another thread stores while a transaction is committed is in that one or in the next.

mod common;

use std::sync::Arc;

use common::brittle::{BrittleHost, Faults};
use fileheap_core::os::ram::{RamDisk, RamHost};
use fileheap_core::{Heap, Options, WriteTxn};

const PAGES: u64 = 40;

fn options() -> Options {
    // Private pages are to be dropped after every checkpoint, and that is made by every commit.
    Options::new().limit_bytes(16 << 20).log_bytes(64 << 10).private_bytes(0)
}

fn store(txn: &WriteTxn, word: u64, value: u64) {
    // SAFETY: the word was allocated.
    unsafe { txn.resolve(word).cast::<u64>().write(value) };
}

/// Commits enough for a checkpoint while another thread stores 7; the next transaction stores 8.
fn late_store(
    commit: impl Fn(&Heap, WriteTxn) -> Option<WriteTxn>,
    next: impl Fn(&Heap) -> WriteTxn,
) {
    let (disk, faults) = (RamDisk::new(), Arc::new(Faults::default()));
    let heap = Heap::create_on(Box::new(BrittleHost::create(&disk, &faults)), &options()).unwrap();
    let txn = heap.begin_write().unwrap();
    let large = txn.alloc(PAGES * 4096, 4096).unwrap();
    let [late, other] = [(); 2].map(|()| txn.alloc(4096, 4096).unwrap());
    txn.commit().unwrap();
    let progress = || heap.stat().unwrap().progress;
    let before = progress().checkpoint;
    let txn = heap.begin_write().unwrap();
    (0..PAGES * 512).for_each(|word| store(&txn, large + word * 8, !word));
    *faults.late.lock().unwrap() = Some((late, 7));
    let txn = commit(&heap, txn);
    let txn = txn.unwrap_or_else(|| next(&heap));
    store(&txn, other, 8);
    txn.touch(other, 8);
    txn.commit().unwrap();
    assert!(progress().checkpoint > before, "no checkpoint, nothing was tested");
    let word = |heap: &Heap, word| heap.begin_read().unwrap().memory().read::<u64>(word).unwrap();
    assert_eq!([word(&heap, late), word(&heap, other)], [7, 8], "in memory");
    let opened = RamHost::open(&disk).unwrap();
    let second = Heap::open_on(Box::new(opened), &options()).unwrap();
    assert_eq!([word(&second, late), word(&second, other)], [7, 8], "for others");
}

fn commit(_heap: &Heap, txn: WriteTxn) -> Option<WriteTxn> {
    txn.commit().unwrap();
    None
}

#[test]
fn private_pages_are_dropped_after_it_was_found() {
    late_store(commit, |heap| heap.begin_write().unwrap());
    late_store(commit, |heap| heap.begin_tracked(fileheap_core::Wait::Forever).unwrap());
}

#[test]
fn a_checkpoint_on_demand_finds_it_too() {
    let demand = |heap: &Heap, txn: WriteTxn| {
        txn.commit().unwrap();
        heap.checkpoint().unwrap();
        None
    };
    late_store(demand, |heap| heap.begin_write().unwrap());
}

#[test]
fn who_goes_on_finds_it_too() {
    let on = |_heap: &Heap, mut txn: WriteTxn| {
        txn.commit_and_continue().unwrap();
        Some(txn)
    };
    late_store(on, |heap| heap.begin_write().unwrap());
}
