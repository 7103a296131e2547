//! What the integration tests share: heaps, errors that must say enough, disks.
#![allow(dead_code)]

pub mod brittle;
pub mod door;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use fileheap_core::{Error, ErrorKind, Heap, Options, Result, WriteTxn};
pub use fileheap_testing::*;

/// Heaps in a folder.
pub trait Heaps {
    /// A heap with one root, closed.
    fn closed(&self, name: &str) -> PathBuf;
    /// The same, with its log, as the death of its process leaves it.
    fn unclean(&self, name: &str) -> PathBuf;
}

impl Heaps for Scratch {
    fn closed(&self, name: &str) -> PathBuf {
        let path = self.file(name);
        let heap = Heap::create(&path, &Options::new()).unwrap();
        put_root(&heap, 4711);
        heap.close().unwrap();
        path
    }

    fn unclean(&self, name: &str) -> PathBuf {
        let living = self.closed(&format!("{name}.living"));
        let heap = Heap::open(&living, &Options::new()).unwrap();
        for value in 0..5 {
            put_root(&heap, value);
        }
        let path = self.file(name);
        copy_with_logs(&living, &path);
        path
    }
}

/// Commits a word under the first root of the faces.
pub fn put_root(heap: &Heap, value: u64) {
    let mut txn = heap.begin_write().unwrap();
    if txn.face_root(0) == 0 {
        let at = txn.alloc_zeroed(64, 64).unwrap();
        txn.set_face_root(0, at);
    }
    set(&txn, txn.face_root(0), value);
    txn.commit().unwrap();
}

/// The word that `put_root` stored.
pub fn root(heap: &Heap) -> u64 {
    use fileheap_core::format::{HEADER_OFFSET, Header};
    let read = heap.begin_read().unwrap();
    let roots = HEADER_OFFSET + std::mem::offset_of!(Header, face_roots) as u64;
    word(read.bytes(word(read.bytes(roots, 8).unwrap()), 8).unwrap())
}

/// The same number in two places far apart, and something that comes and goes.
pub fn put_pair(heap: &Heap, value: u64) {
    let mut txn = heap.begin_write().unwrap();
    for index in [1, 2] {
        if txn.face_root(index) == 0 {
            let at = txn.alloc_zeroed(40_000, 64).unwrap();
            txn.touch(at, 40_000);
            txn.set_face_root(index, at);
        }
        set(&txn, txn.face_root(index) + 39_000, value);
    }
    if txn.face_root(3) != 0 {
        txn.free(txn.face_root(3)).unwrap();
    }
    let at = txn.alloc(1000 + value % 7 * 9000, 8).unwrap();
    fill(&txn, at, 1000, value as u8);
    txn.set_face_root(3, at);
    txn.commit().unwrap();
}

/// What `put_pair` stored.
pub fn pair(heap: &Heap) -> (u64, u64) {
    use fileheap_core::format::{HEADER_OFFSET, Header};
    let read = heap.begin_read().unwrap();
    let roots = HEADER_OFFSET + std::mem::offset_of!(Header, face_roots) as u64;
    let value = |index: u64| {
        let at = word(read.bytes(roots + index * 8, 8).unwrap());
        word(read.bytes(at + 39_000, 8).unwrap())
    };
    (value(1), value(2))
}

pub fn word(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().unwrap())
}

/// Stores a word in a live allocation.
pub fn set(txn: &WriteTxn, offset: u64, value: u64) {
    // SAFETY: callers name an aligned word of an allocation that only they use.
    unsafe { txn.resolve(offset).cast::<u64>().write(value) };
    txn.touch(offset, 8);
}

/// Fills a live allocation.
pub fn fill(txn: &WriteTxn, offset: u64, bytes: u64, with: u8) {
    // SAFETY: callers name bytes of an allocation that only they use.
    unsafe { txn.resolve(offset).write_bytes(with, bytes as usize) };
    txn.touch(offset, bytes);
}

/// The error of a kind, whose text contains all parts.
#[track_caller]
pub fn refused<T>(result: Result<T>, kind: ErrorKind, parts: &[&str]) -> Error {
    let Err(error) = result else { panic!("{kind:?} was expected") };
    let text = error.to_string();
    assert_eq!(error.kind(), kind, "{text}");
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in {text:?}");
    }
    error
}

#[track_caller]
pub fn clean(heap: &Heap) {
    let report = heap.check().unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
}

/// Mounts a new file system on a folder, seen by this process only: it has mounts of its own.
pub fn image_disk(at: &Path, kind: &str, megabytes: u64, make: &[&str]) {
    let image = with_end(at, &format!(".{kind}"));
    fs::File::create(&image).unwrap().set_len(megabytes << 20).unwrap();
    let run = |program: &str, arguments: &[&str]| {
        let status = Command::new(program).args(arguments).args([&image]).status();
        assert!(status.is_ok_and(|status| status.success()), "{program} is needed");
    };
    run(&format!("mkfs.{kind}"), make);
    let mounted = Command::new("mount").args(["-o", "loop"]).arg(&image).arg(at).status();
    assert!(mounted.is_ok_and(|status| status.success()), "{kind} cannot be mounted");
    fs::remove_file(&image).unwrap(); // it lives as long as the mount
}
