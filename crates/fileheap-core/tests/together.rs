//! Threads of one process that open a heap while another one compacts or discards it.

mod common;

use std::time::Duration;

use common::{Heaps, Scratch, put_root, root};
use fileheap_core::{ErrorKind, Heap, Options};

#[test]
fn no_commit_is_lost_to_a_compaction_next_to_it() {
    let scratch = Scratch::new("together-compact");
    let path = scratch.closed("a.heap");
    std::thread::scope(|scope| {
        let compactor = scope.spawn(|| {
            let compacted = (0..10_000).filter(|_| match Heap::compact(&path, &Options::new()) {
                Ok(_) => true,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
                    std::thread::sleep(Duration::from_micros(300));
                    false
                }
            });
            assert_eq!(compacted.take(20).count(), 20, "it never had its turn");
        });
        let mut value = 4711;
        while !compactor.is_finished() {
            let heap = Heap::open(&path, &Options::new()).unwrap();
            assert_eq!(root(&heap), value, "a commit was lost");
            value += 1;
            put_root(&heap, value);
            heap.close().unwrap();
            std::thread::sleep(Duration::from_millis(1));
        }
    });
}

#[test]
fn what_was_discarded_is_gone_and_nothing_else_is() {
    let scratch = Scratch::new("together-discard");
    let path = scratch.closed("a.heap");
    let heap = Heap::open(&path, &Options::new()).unwrap();
    put_root(&heap, 1);
    let clone = heap.clone();
    assert!(!heap.discard().unwrap(), "another handle has it");
    assert_eq!(root(&clone), 1);
    let again = Heap::open(&path, &Options::new()).unwrap();
    assert!(clone.is_same(&again), "the same file opened twice is one heap");
    drop(again);
    // Another file takes the name: that one is not ours to remove.
    let other = scratch.closed("b.heap");
    std::fs::rename(&other, &path).unwrap();
    assert!(!clone.discard().unwrap());
    let heap = Heap::open(&path, &Options::new()).unwrap();
    assert_eq!(root(&heap), 4711);
    put_root(&heap, 2);
    assert!(heap.discard().unwrap());
    assert_eq!(std::fs::read_dir(&scratch.0).unwrap().count(), 0, "logs included");
}
