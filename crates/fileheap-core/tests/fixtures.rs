//! Golden files of every format version: what they held when they were made is what they hold.

use std::path::{Path, PathBuf};

use fileheap_core::format::RecordState;
use fileheap_core::{Heap, Options, ReadTxn};

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/v1");
    let text = std::fs::read_to_string(folder.join(name)).expect(name);
    let mut lines = text.lines();
    let length = lines.next().and_then(|line| line.strip_prefix("bytes ")).expect("a length");
    let mut bytes = vec![0; length.parse().expect("a number")];
    for line in lines {
        let (at, digits) = line.split_once(' ').expect("an offset and bytes");
        let at = usize::from_str_radix(at, 16).expect("an offset");
        for (index, pair) in digits.as_bytes().chunks_exact(2).enumerate() {
            let pair = std::str::from_utf8(pair).expect("digits");
            bytes[at + index] = u8::from_str_radix(pair, 16).expect("a byte");
        }
    }
    bytes
}

/// A folder of its own with these files in it.
fn unpack(test: &str, files: &[(&str, &str)]) -> PathBuf {
    let name = format!("fileheap-fixture-{test}-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    for (from, to) in files {
        std::fs::write(folder.join(to), fixture(from)).unwrap();
    }
    folder
}

fn text_of(read: &ReadTxn, name: &str) -> Option<String> {
    let root = read.catalog().names().lookup(name).unwrap()?;
    assert_eq!((root.kind, root.fingerprint), (7, root.bytes), "{name}");
    let bytes = read.bytes(root.offset, root.bytes).unwrap();
    Some(String::from_utf8(bytes.to_vec()).unwrap())
}

fn holds_the_first_transaction(read: &ReadTxn) {
    for index in 2..20_usize {
        let expected = format!("cell {index} ").repeat(index + 1);
        let found = text_of(read, &format!("name-{index:02}"));
        assert_eq!(found, (index % 3 != 0).then_some(expected));
    }
    let records = read.catalog().records().list(0, 100).unwrap();
    assert_eq!(records.len(), 40);
    for (index, record) in records.iter().enumerate() {
        let index = index as u64;
        let state = if index % 2 == 0 { RecordState::Committed } else { RecordState::InProgress };
        assert_eq!((record.id, record.generation), (index + 1, index));
        assert_eq!((record.state, record.element), (state as u32, 13));
        assert_eq!((record.length, record.extra), (index * 2, [index, 0]));
    }
    let run = read.face_root(0);
    let bytes = read.bytes(run, 40_000).unwrap();
    assert_eq!(&bytes[39_000..39_008], b"in a run");
    assert_eq!(bytes.iter().filter(|&&byte| byte != 0).count(), 8);
}

/// What is old can be written to as well.
fn goes_on(heap: &Heap, path: &Path) {
    let txn = heap.begin_write().unwrap();
    let made: Vec<u64> = (1..100).map(|bytes| txn.alloc(bytes * 20, 8).unwrap()).collect();
    made.iter().step_by(2).for_each(|&offset| txn.free(offset).unwrap());
    txn.commit().unwrap();
    assert!(heap.check().unwrap().is_clean());
    heap.close().unwrap();
    let heap = Heap::open(path, &Options::new()).unwrap();
    assert_eq!(heap.recovery().transactions, 0);
    holds_the_first_transaction(&heap.begin_read().unwrap());
}

#[test]
fn version_1_closed() {
    let folder = unpack("closed", &[("closed.txt", "a.heap")]);
    let path = folder.join("a.heap");
    let heap = Heap::open(&path, &Options::new()).unwrap();
    assert_eq!(heap.recovery().transactions, 0);
    assert_eq!(heap.recorded_base(), 0x5a5a_0000_0000);
    let read = heap.begin_read().unwrap();
    holds_the_first_transaction(&read);
    let expected = "cell 1 cell 1 ";
    assert_eq!(text_of(&read, "name-01").as_deref(), Some(expected));
    assert_eq!(read.catalog().names().count().unwrap(), 13);
    drop(read);
    assert!(heap.check().unwrap().is_clean());
    goes_on(&heap, &path);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn version_1_killed() {
    let files = [("killed.txt", "a.heap"), ("killed-log0.txt", "a.heap-log0")];
    let folder = unpack("killed", &files);
    let path = folder.join("a.heap");
    let heap = Heap::open(&path, &Options::new()).unwrap();
    assert_eq!(heap.recovery().transactions, 2);
    let read = heap.begin_read().unwrap();
    holds_the_first_transaction(&read);
    assert_eq!(text_of(&read, "name-01").as_deref(), Some("bound anew"));
    assert_eq!(text_of(&read, "späte Zeile").as_deref(), Some("from the log"));
    assert_eq!(text_of(&read, "never"), None);
    drop(read);
    assert!(heap.check().unwrap().is_clean());
    goes_on(&heap, &path);
    std::fs::remove_dir_all(folder).unwrap();
}

/// The same without write permission to the heap: what the log holds is read, not carried home.
#[test]
fn version_1_killed_and_read_only() {
    let files = [("killed.txt", "a.heap"), ("killed-log0.txt", "a.heap-log0")];
    let folder = unpack("read-only", &files);
    let heap = Heap::open(folder.join("a.heap"), &Options::new().read_only()).unwrap();
    let read = heap.begin_read().unwrap();
    holds_the_first_transaction(&read);
    assert_eq!(text_of(&read, "name-01").as_deref(), Some("bound anew"));
    drop(read);
    drop(heap);
    std::fs::remove_dir_all(folder).unwrap();
}
