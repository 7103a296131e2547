//! Copies: who waits while a compaction replaces the file; backups that share disk space.

mod common;

use std::fs;
use std::os::unix::fs::MetadataExt;

use common::*;
use fileheap_core::{Heap, Options};

#[test]
fn who_waits_while_a_heap_is_compacted_opens_the_new_file() {
    const TEST: &str = "who_waits_while_a_heap_is_compacted_opens_the_new_file";
    if let Some((_, dir)) = role() {
        Heap::compact(dir.join("a.heap"), &Options::new()).unwrap();
        return;
    }
    for round in 0..10 {
        let scratch = Scratch::new(&format!("compact-wait-{round}"));
        let path = scratch.closed("a.heap");
        let heap = Heap::open(&path, &Options::new()).unwrap();
        let txn = heap.begin_write().unwrap();
        for _ in 0..20 {
            txn.alloc(300_000, 64).unwrap();
        }
        txn.commit().unwrap();
        heap.close().unwrap();
        drop(heap);
        let old = fs::metadata(&path).unwrap().ino();
        let compactor = play(TEST, "compactor", &scratch.0);
        // The compactor has the door when its copy appears.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while !scratch.file("a.heap.compact").exists() && fs::metadata(&path).unwrap().ino() == old
        {
            assert!(std::time::Instant::now() < deadline, "no copy was made");
        }
        // Each of these opened the old file's name, or the new one's, at another moment.
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                let path = path.clone();
                std::thread::spawn(move || Heap::open(path, &Options::new()).unwrap())
            })
            .collect();
        let heaps: Vec<_> = waiting.into_iter().map(|opener| opener.join().unwrap()).collect();
        compactor.succeeds();
        assert_ne!(fs::metadata(&path).unwrap().ino(), old, "it was replaced");
        put_root(&heaps[0], 1000 + round);
        heaps.iter().for_each(|heap| assert_eq!(root(heap), 1000 + round));
        clean(&heaps[0]);
        drop(heaps);
        let heap = Heap::open(&path, &Options::new()).unwrap();
        assert_eq!(root(&heap), 1000 + round, "they wrote to the file that has the name");
    }
}

#[test]
fn a_backup_shares_disk_space_where_the_file_system_can() {
    const TEST: &str = "a_backup_shares_disk_space_where_the_file_system_can";
    if let Some((_, dir)) = role() {
        // SAFETY: takes an integer only.
        assert_eq!(unsafe { libc::unshare(libc::CLONE_NEWNS) }, 0, "a mount namespace needs root");
        image_disk(&dir, "xfs", 320, &["-q", "-f", "-m", "reflink=1"]);
        let free = || {
            let name = std::ffi::CString::new(dir.to_str().unwrap()).unwrap();
            let mut stat = std::mem::MaybeUninit::<libc::statvfs>::uninit();
            // SAFETY: the name ends with NUL and the pointer has room for a statvfs.
            assert_eq!(unsafe { libc::statvfs(name.as_ptr(), stat.as_mut_ptr()) }, 0);
            // SAFETY: filled just now.
            let stat = unsafe { stat.assume_init() };
            stat.f_bfree * stat.f_bsize
        };
        let path = dir.join("a.heap");
        let heap = Heap::create(&path, &Options::new()).unwrap();
        let mut txn = heap.begin_write().unwrap();
        let large = txn.alloc(64 << 20, 64).unwrap();
        fill(&txn, large, 64 << 20, 7);
        txn.set_face_root(1, large);
        txn.commit().unwrap();
        put_root(&heap, 1);
        heap.checkpoint().unwrap();
        put_root(&heap, 2); // in the log only
        let before = free();
        heap.backup(dir.join("b.heap")).unwrap();
        let taken = before.saturating_sub(free());
        assert!(taken < 4 << 20, "{taken} bytes were taken by a copy of 64 MiB");
        put_root(&heap, 3);
        let txn = heap.begin_write().unwrap();
        fill(&txn, large, 1 << 20, 8);
        txn.commit().unwrap();
        heap.close().unwrap();
        let copy = Heap::open(dir.join("b.heap"), &Options::new()).unwrap();
        assert_eq!((root(&copy), copy.recovery().transactions), (2, 0));
        clean(&copy);
        let read = copy.begin_read().unwrap();
        assert!(read.bytes(large, 64 << 20).unwrap().iter().all(|&byte| byte == 7));
        drop(read);
        put_root(&copy, 9);
        copy.close().unwrap();
        assert_eq!(root(&Heap::open(&path, &Options::new()).unwrap()), 3);
        return;
    }
    let scratch = Scratch::new("reflink");
    play(TEST, "actor", &scratch.0).succeeds();
}

#[test]
fn a_backup_tells_how_far_it_is() {
    let scratch = Scratch::new("copies-progress");
    let heap = Heap::open(scratch.closed("a.heap"), &Options::new()).unwrap();
    let mut told = Vec::new();
    let mut progress = |done, total| told.push((done, total));
    heap.backup_with_progress(scratch.file("b.heap"), &mut progress).unwrap();
    // A file system that shares space copies at once, and nothing is told.
    assert!(told.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 == pair[1].1));
    assert!(told.last().is_none_or(|(done, total)| done == total));
    assert_eq!(root(&Heap::open(scratch.file("b.heap"), &Options::new()).unwrap()), 4711);
}
