//! Readers that come late: the logs they go on in are being begun anew.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering::SeqCst};

use common::door::DoorHost;
use common::{fill, put_root, root, set, word};
use fileheap_core::format::INITIAL_BYTES;
use fileheap_core::os::ram::{RamDisk, RamHost};
use fileheap_core::{Heap, Options};

const LARGE: u64 = 40 * 4096;

fn options() -> Options {
    Options::new().limit_bytes(16 << 20)
}

/// Commits that make a log about so long.
fn fill_log(heap: &Heap, large: u64, with: u8) {
    let txn = heap.begin_write().unwrap();
    fill(&txn, large, LARGE, with);
    txn.commit().unwrap();
}

/// P30: the third log that a reader comes to lies in the file of the first, and grows while the
/// reader copies in what that one held.
#[test]
fn a_reader_two_logs_behind_starts_over() {
    let disk = RamDisk::new();
    let host = RamHost::create(&disk, INITIAL_BYTES).unwrap();
    let writer = Arc::new(Heap::create_on(Box::new(host), &options()).unwrap());
    let txn = writer.begin_write().unwrap();
    let [large, cold] = [LARGE, 4096].map(|bytes| txn.alloc(bytes, 4096).unwrap());
    txn.commit().unwrap();
    put_root(&writer, 0);
    writer.checkpoint().unwrap();
    fill_log(&writer, large, 1);
    for opened_before in 1..4 {
        let to_open = Arc::new(AtomicI32::new(0));
        let (busy, count) = (writer.clone(), to_open.clone());
        let late = DoorHost::following(&disk, move || {
            if count.fetch_sub(1, SeqCst) == 1 {
                fill_log(&busy, large, 0xee);
            }
        });
        let reader = Heap::open_on(late, &options()).unwrap();
        let seen = root(&reader);
        // What only the oldest log has, at its end.
        let txn = writer.begin_write().unwrap();
        set(&txn, cold, 4711 + seen);
        txn.commit().unwrap();
        for value in 1..3 {
            writer.checkpoint().unwrap();
            put_root(&writer, seen + value);
        }
        to_open.store(opened_before, SeqCst);
        let read = reader.begin_read().unwrap();
        assert_eq!(word(read.bytes(cold, 8).unwrap()), 4711 + seen, "{opened_before} logs opened");
        drop(read);
        assert!(to_open.load(SeqCst) <= 0, "nobody wrote: nothing was tested");
        assert_eq!(root(&reader), seen + 2);
        writer.checkpoint().unwrap();
        fill_log(&writer, large, opened_before as u8);
    }
}
