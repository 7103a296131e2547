//! Heaps seen from outside: peeked at without being opened, removed, told region by region.

mod common;

use common::*;
use fileheap_core::format::{LOG_LIVE, RunKind};
use fileheap_core::{ErrorKind, Heap, Options};

#[test]
fn peek_tells_of_a_closed_an_open_and_a_killed_heap() {
    let scratch = Scratch::new("peek");
    let path = scratch.closed("a.heap");
    let closed = Heap::peek(&path).unwrap();
    assert_eq!((closed.is_open().unwrap(), closed.progress().unwrap()), (false, None));
    assert_eq!(closed.superblock().flags & LOG_LIVE, 0);
    assert_eq!(closed.attached().unwrap(), []);

    let heap = Heap::open(&path, &Options::new()).unwrap();
    put_root(&heap, 1);
    let peek = Heap::peek(&path).unwrap();
    let truth = heap.stat().unwrap();
    assert_eq!(peek.progress().unwrap(), Some(truth.progress));
    assert_eq!(peek.attached().unwrap().len(), 1);
    assert_eq!(peek.attached().unwrap()[0].pid, std::process::id());
    assert_eq!(peek.writer().unwrap(), None);
    let txn = heap.begin_write().unwrap();
    assert_eq!(peek.writer().unwrap(), Some(std::process::id()));
    drop(txn);
    assert_eq!(peek.file_bytes().unwrap(), truth.file_bytes);
    assert!(peek.log_bytes(0).unwrap().or(peek.log_bytes(1).unwrap()).is_some());
    assert!(!peek.is_poisoned().unwrap());

    let killed = scratch.unclean("killed.heap");
    let peek = Heap::peek(&killed).unwrap();
    assert!(!peek.is_open().unwrap());
    assert_eq!(peek.writer().unwrap(), None);
    assert_ne!(peek.superblock().flags & LOG_LIVE, 0);
    for end in ["-log0", "-log1"] {
        let _ = std::fs::remove_file(with_end(&killed, end));
    }
    let peek = Heap::peek(&killed).unwrap();
    assert_eq!((peek.log_bytes(0).unwrap(), peek.log_bytes(1).unwrap()), (None, None));
    std::fs::write(scratch.file("text"), "text").unwrap();
    refused(Heap::peek(scratch.file("text")), ErrorKind::NotAHeap, &["no heap"]);
}

#[test]
fn a_heap_is_removed_with_its_logs_unless_it_is_open() {
    let scratch = Scratch::new("remove");
    let path = scratch.unclean("a.heap");
    Heap::remove(&path).unwrap();
    for end in ["", "-log0", "-log1"] {
        assert!(!with_end(&path, end).exists());
    }
    refused(Heap::remove(&path), ErrorKind::NotFound, &[]);

    let path = scratch.closed("b.heap");
    let heap = Heap::open(&path, &Options::new()).unwrap();
    refused(Heap::remove(&path), ErrorKind::Busy, &["cannot be removed", "close it there"]);
    put_root(&heap, 7);
    assert_eq!(root(&heap), 7);
    heap.close().unwrap();

    std::fs::write(scratch.file("text"), "not ours").unwrap();
    refused(Heap::remove(scratch.file("text")), ErrorKind::NotAHeap, &[]);
    assert!(scratch.file("text").exists());
}

#[test]
fn regions_tile_the_heap_and_agree_with_its_figures() {
    let scratch = Scratch::new("regions");
    let heap = Heap::create(scratch.file("a.heap"), &Options::new()).unwrap();
    let txn = heap.begin_write().unwrap();
    let cells: Vec<u64> = (1..500).map(|size| txn.alloc(size * 8, 16).unwrap()).collect();
    cells.iter().step_by(3).for_each(|&cell| txn.free(cell).unwrap());
    txn.alloc(100_000, 16).unwrap();
    txn.alloc_direct(8192, true).unwrap();
    txn.commit().unwrap();
    let (regions, stat) = (heap.regions().unwrap(), heap.stat().unwrap().alloc);
    let mut end = 0;
    for region in &regions {
        assert_eq!(region.offset, end);
        end += region.bytes;
    }
    assert_eq!(end, stat.heap_bytes);
    assert_eq!(regions.iter().map(|it| it.live_bytes).sum::<u64>(), stat.live_bytes);
    let of = |kind| regions.iter().filter(move |region| region.kind == kind);
    assert_eq!(of(RunKind::Zone).map(|it| it.live_count).sum::<u64>(), stat.cell_count);
    assert_eq!(of(RunKind::Free).map(|it| it.bytes).sum::<u64>(), stat.free_run_bytes);
    assert_eq!(regions.iter().filter(|it| it.direct).count() as u64, stat.direct_count);
}
