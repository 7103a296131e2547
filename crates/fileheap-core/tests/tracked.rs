//! Tracked transactions: what is theirs of all that was stored.

mod common;

use common::*;
use fileheap_core::os::Capture;
use fileheap_core::{Heap, Options, Wait};

/// C2: of a tracked transaction are the stores that were named, those to extents it enlisted, and
/// no others, whenever they were made; under every way to find stores.
#[test]
fn a_tracked_transaction_takes_what_it_enlisted_and_no_stray_stores() {
    for capture in [Capture::Armed, Capture::Unarmed, Capture::Scan, Capture::Pagemap] {
        let scratch = Scratch::new("stray");
        let path = scratch.closed("a.heap");
        let options = Options::new().capture(capture);
        let heap = Heap::open(&path, &options).unwrap();
        let mut txn = heap.begin_write().unwrap();
        let direct = txn.alloc_direct(1 << 16, true).unwrap().offset;
        let plain = txn.alloc(1 << 16, 16).unwrap();
        // SAFETY: all of a new allocation.
        unsafe { txn.resolve(plain).write_bytes(1, 1 << 16) };
        txn.set_face_root(1, direct);
        txn.commit().unwrap();
        let put = |at: u64, value: u8| {
            // SAFETY: within one of the two allocations, and nobody reads meanwhile.
            unsafe { heap.resolve(at).write(value) };
        };
        let tracked = || heap.begin_tracked(Wait::Forever).unwrap();
        put(plain + 5000, 2);
        for round in 3..6 {
            let txn = tracked();
            txn.enlist(direct).unwrap();
            put(plain + 9000, round);
            put(direct + 9000, round);
            put(plain + 13000, round);
            txn.touch(plain + 13000, 1);
            txn.commit().unwrap();
            let txn = tracked();
            txn.enlist(direct).unwrap();
            put(direct + 9000, 99);
            put(direct + 20000, 99);
            txn.abort().unwrap();
        }
        heap.close().unwrap();
        let heap = Heap::open(&path, &options).unwrap();
        let _read = heap.begin_read().unwrap();
        // SAFETY: within the allocations, and nobody stores.
        let byte = |at: u64| unsafe { heap.resolve(at).read() };
        assert_eq!((byte(plain + 5000), byte(plain + 9000)), (1, 1), "{capture:?}");
        assert_eq!((byte(plain + 13000), byte(direct + 9000)), (5, 5), "{capture:?}");
        assert_eq!(byte(direct + 20000), 0, "{capture:?}");
        clean(&heap);
    }
}
