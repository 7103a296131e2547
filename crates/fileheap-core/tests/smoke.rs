//! A heap from its creation to its end, on the real filesystem.

use fileheap_core::catalog::Root;
use fileheap_core::os::Capture;
use fileheap_core::{Durability, ErrorKind, Heap, Options, Wait};

fn dir(name: &str) -> std::path::PathBuf {
    let dir = std::env::temp_dir().join(format!("fileheap-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

fn put(txn: &fileheap_core::WriteTxn, bytes: &[u8]) -> u64 {
    let at = txn.alloc(bytes.len() as u64, 8).unwrap();
    // SAFETY: within an allocation of this transaction, which nobody else uses.
    unsafe { txn.resolve(at).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    txn.touch(at, bytes.len() as u64);
    at
}

fn life(capture: Capture, tracked: bool, durability: Durability) {
    let dir = dir(&format!("life-{capture:?}-{tracked}-{durability:?}"));
    let path = dir.join("a.heap");
    let options = Options::new().capture(capture).durability(durability);
    let heap = Heap::create(&path, &options).unwrap();
    let begin = |heap: &Heap| {
        if tracked { heap.begin_tracked(Wait::Forever) } else { heap.begin_write() }.unwrap()
    };
    let mut txn = begin(&heap);
    let at = put(&txn, b"hello, world");
    txn.catalog()
        .names()
        .bind("greeting", Root { offset: at, bytes: 12, ..Root::default() })
        .unwrap();
    assert_eq!(txn.commit().unwrap(), 1);
    for round in 0..50_u32 {
        let txn = begin(&heap);
        let many: Vec<u64> = (0..100).map(|i| put(&txn, &vec![round as u8; 10 + i * 37])).collect();
        many.iter().step_by(2).for_each(|&at| txn.free(at).unwrap());
        if round % 3 == 0 {
            txn.abort().unwrap();
        } else {
            txn.commit().unwrap();
        }
        let report = heap.check().unwrap();
        assert!(report.is_clean(), "round {round}: {:?}", report.findings);
    }
    let live = heap.check().unwrap().live_count;
    let big = begin(&heap);
    let extent = big.alloc(5 << 20, 4096).unwrap();
    // SAFETY: within an allocation of this transaction, which nobody else uses.
    unsafe { big.resolve(extent).write_bytes(7, 5 << 20) };
    big.touch(extent, 5 << 20);
    let direct = big.alloc_direct(3 << 20, true).unwrap();
    // SAFETY: within an allocation of this transaction, which nobody else uses.
    unsafe { big.resolve(direct.offset).add(100).write(9) };
    big.commit().unwrap();
    assert!(heap.check().unwrap().is_clean());
    heap.close().unwrap();
    assert_eq!(heap.begin_write().err().unwrap().kind(), ErrorKind::Closed);
    drop(heap);
    let files: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert_eq!(files, ["a.heap"], "the logs are gone after a clean close");

    let heap = Heap::open(&path, &options).unwrap();
    let read = heap.begin_read().unwrap();
    let root = read.catalog().names().lookup("greeting").unwrap().unwrap();
    assert_eq!(read.bytes(root.offset, 12).unwrap(), b"hello, world");
    assert_eq!(read.bytes(extent + (5 << 20) - 4, 4).unwrap(), [7; 4]);
    assert_eq!(read.bytes(direct.offset + 99, 3).unwrap(), [0, 9, 0]);
    drop(read);
    assert_eq!(heap.check().unwrap().live_count, live + 2);
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn a_heap_lives_with_every_capture_and_durability() {
    for capture in [Capture::Armed, Capture::Unarmed, Capture::Scan, Capture::Pagemap] {
        life(capture, false, Durability::Power);
    }
    life(Capture::Auto, true, Durability::Power);
    life(Capture::Auto, false, Durability::Background);
    life(Capture::Auto, true, Durability::Process);
}
