//! Compaction, trim, levels of durability, ways of finding stores.

mod common;

use std::fs;
use std::io::{Read, Seek};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::{Duration, Instant};

use common::*;
use fileheap_core::catalog::RecordNew;
use fileheap_core::format::{INITIAL_BYTES, RECORD_RELOCATABLE, RecordState};
use fileheap_core::os::Capture;
use fileheap_core::os::ram::{RamDisk, RamHost};
use fileheap_core::{Durability, ErrorKind, Heap, Options, Wait};

#[test]
fn compaction_keeps_owner_and_mode() {
    use std::os::unix::fs::chown;
    let scratch = Scratch::new("compact-rights");
    let path = scratch.closed("a.heap");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o664)).unwrap();
    // Only root can give a file away; for others the owner is the same in any case.
    let given = chown(&path, Some(12_345), Some(12_346)).is_ok();
    Heap::compact(&path, &Options::new()).unwrap();
    let found = fs::metadata(&path).unwrap();
    assert_eq!(found.mode() & 0o7777, 0o664);
    assert!(!given || (found.uid(), found.gid()) == (12_345, 12_346));
}

#[test]
fn compaction_moves_what_may_move_and_nothing_else() {
    const TEST: &str = "compaction_moves_what_may_move_and_nothing_else";
    if let Some((role, dir)) = role() {
        let path = dir.join("a.heap");
        if role == "holder" {
            let _heap = Heap::open(&path, &Options::new()).unwrap();
            signal(&dir, "held");
            sleep_on();
        }
        let compacted = Heap::compact(&path, &Options::new());
        let error = refused(compacted, ErrorKind::Busy, &["a.heap", "close it there"]);
        drop(error);
        return;
    }
    let scratch = Scratch::new("compact");
    let path = scratch.closed("a.heap");
    let heap = Heap::open(&path, &Options::new()).unwrap();
    let (mut waste, mut records, mut stays) = (Vec::new(), Vec::new(), 0);
    let mut txn = heap.begin_write().unwrap();
    for number in 0..40_u64 {
        waste.push(txn.alloc(200_000, 64).unwrap());
        let at = txn.alloc(100_000, 64).unwrap();
        fill(&txn, at, 100_000, number as u8 + 1);
        let new = RecordNew {
            generation: number,
            state: RecordState::Committed,
            element: 1,
            length: 100_000,
            payload_offset: at,
            payload_bytes: 100_000,
            flags: if number % 2 == 0 { RECORD_RELOCATABLE } else { 0 },
            extra: [0; 2],
        };
        records.push((txn.catalog().records().add(new).unwrap(), at));
        stays = at;
    }
    txn.commit().unwrap();
    let txn = heap.begin_write().unwrap();
    waste.into_iter().for_each(|at| txn.free(at).unwrap());
    txn.commit().unwrap();
    let here = Heap::compact(&path, &Options::new());
    refused(here, ErrorKind::Busy, &["a.heap", "in this process"]);
    assert_eq!(root(&heap), 4711, "the handle that was there still works");
    heap.close().unwrap();
    drop(heap);
    let keeper = play(TEST, "holder", &scratch.0);
    await_signal(&scratch.0, "held");
    play(TEST, "refused", &scratch.0).succeeds();
    keeper.kill();
    let report = Heap::compact(&path, &Options::new()).unwrap();
    assert!(report.after_bytes < report.before_bytes && report.moved_count > 0, "{report:?}");
    let heap = Heap::open(&path, &Options::new().fixed_address()).unwrap();
    clean(&heap);
    assert_eq!(root(&heap), 4711);
    let read = heap.begin_read().unwrap();
    for (number, (id, was)) in records.into_iter().enumerate() {
        let record = read.catalog().records().get(id).unwrap().unwrap();
        assert!(number % 2 == 0 || record.payload_offset == was, "record {number} moved");
        let bytes = read.bytes(record.payload_offset, 100_000).unwrap();
        assert!(bytes.iter().all(|&byte| byte == number as u8 + 1));
    }
    assert!(stays > 0 && !scratch.file("a.heap.compact").exists());
}

#[test]
fn trim_gives_disk_space_back_and_takes_it_again() {
    let scratch = Scratch::new("trim");
    let path = scratch.closed("a.heap");
    let heap = Heap::open(&path, &Options::new()).unwrap();
    let blocks = || fs::metadata(&path).unwrap().blocks() * 512;
    let txn = heap.begin_write().unwrap();
    let kept: Vec<u64> = (0..8)
        .map(|_| {
            let (waste, kept) = (txn.alloc(1 << 20, 8).unwrap(), txn.alloc(40_000, 8).unwrap());
            fill(&txn, waste, 1 << 20, 3);
            fill(&txn, kept, 40_000, 4);
            txn.free(waste).unwrap();
            kept
        })
        .collect();
    txn.commit().unwrap();
    heap.checkpoint().unwrap();
    put_root(&heap, 1);
    let before = blocks();
    let report = heap.trim().unwrap();
    assert!(report.punched_bytes + report.cut_bytes > 0, "{report:?}");
    assert!(blocks() < before, "{} of {before} bytes are still there", blocks());
    clean(&heap);
    let low = blocks();
    let txn = heap.begin_write().unwrap();
    for _ in 0..6 {
        let at = txn.alloc(1 << 20, 8).unwrap();
        fill(&txn, at, 1 << 20, 5);
    }
    assert!(blocks() > low, "space is reserved when it is allocated, not when it is stored to");
    txn.commit().unwrap();
    clean(&heap);
    heap.close().unwrap();
    let heap = Heap::open(&path, &Options::new()).unwrap();
    let read = heap.begin_read().unwrap();
    assert!(kept.iter().all(|&at| read.bytes(at, 40_000).unwrap().iter().all(|&byte| byte == 4)));
}

#[test]
fn levels_of_durability_say_what_is_durable() {
    let scratch = Scratch::new("levels");
    let path = scratch.closed("a.heap");
    let open = |level| Heap::open(&path, &Options::new().durability(level)).unwrap();
    let progress = |heap: &Heap| heap.stat().unwrap().progress;
    let heap = open(Durability::Power);
    put_root(&heap, 1);
    assert_eq!(progress(&heap).durable, progress(&heap).published);
    heap.close().unwrap();
    let heap = open(Durability::Process);
    put_root(&heap, 2);
    put_root(&heap, 3);
    let now = progress(&heap);
    assert!(now.durable < now.published, "nobody asked for a sync: {now:?}");
    heap.sync().unwrap();
    assert_eq!(progress(&heap).durable, now.published);
    put_root(&heap, 4);
    heap.close().unwrap();
    let heap = open(Durability::Background);
    put_root(&heap, 5);
    let published = progress(&heap).published;
    let deadline = Instant::now() + Duration::from_secs(5);
    while progress(&heap).durable < published {
        assert!(Instant::now() < deadline, "the flusher never came: {:?}", progress(&heap));
        std::thread::sleep(Duration::from_millis(2));
    }
    drop(heap);
    assert!(!with_end(&path, "-log0").exists() && !with_end(&path, "-log1").exists());
    assert_eq!(root(&open(Durability::Power)), 5);
}

#[test]
fn a_sync_covers_what_other_processes_wrote() {
    const TEST: &str = "a_sync_covers_what_other_processes_wrote";
    if let Some((_, dir)) = role() {
        let options = Options::new().durability(Durability::Process).log_bytes(64 << 10);
        let heap = Heap::open(dir.join("a.heap"), &options).unwrap();
        (0..300).for_each(|value| put_pair(&heap, value));
        signal(&dir, "wrote");
        await_signal(&dir, "synced");
        let now = heap.stat().unwrap().progress;
        assert_eq!(now.durable, now.published);
        return;
    }
    let scratch = Scratch::new("syncs");
    let heap = Heap::open(scratch.closed("a.heap"), &Options::new()).unwrap();
    put_root(&heap, 1);
    let other = play(TEST, "writer", &scratch.0);
    await_signal(&scratch.0, "wrote");
    heap.sync().unwrap();
    heap.checkpoint().unwrap(); // with a superblock that the other one wrote meanwhile
    signal(&scratch.0, "synced");
    other.succeeds();
    assert_eq!(pair(&heap), (299, 299));
    heap.close().unwrap();
    let heap = Heap::open(scratch.file("a.heap"), &Options::new()).unwrap();
    assert_eq!((pair(&heap), heap.recovery().transactions), ((299, 299), 0));
    clean(&heap);
}

#[test]
fn every_way_of_finding_stores_finds_all_of_them() {
    for capture in [Capture::Armed, Capture::Unarmed, Capture::Scan, Capture::Pagemap] {
        for tracked in [false, true] {
            mixed_stores(capture, tracked);
        }
    }
}

/// P26: what is in the log only must be logged again when its space is taken anew, even if nothing
/// changes in memory.
#[test]
fn the_same_bytes_stored_over_again_are_kept() {
    for capture in [Capture::Armed, Capture::Unarmed, Capture::Scan, Capture::Pagemap] {
        let scratch = Scratch::new(&format!("again-{capture:?}"));
        let options = Options::new().capture(capture);
        stored_over_again(&Heap::create(scratch.file("a.heap"), &options).unwrap());
    }
    let host = RamHost::create(&RamDisk::new(), INITIAL_BYTES).unwrap();
    let options = Options::new().limit_bytes(16 << 20);
    stored_over_again(&Heap::create_on(Box::new(host), &options).unwrap());
}

fn stored_over_again(heap: &Heap) {
    const BYTES: u64 = 50_000;
    let txn = heap.begin_write().unwrap();
    let at = txn.alloc(BYTES, 4096).unwrap();
    fill(&txn, at, BYTES, 7);
    txn.commit().unwrap();
    heap.checkpoint().unwrap(); // the file has sevens
    let txn = heap.begin_write().unwrap();
    txn.free(at).unwrap();
    txn.commit().unwrap();
    let txn = heap.begin_write().unwrap();
    assert_eq!(txn.alloc_zeroed(BYTES, 4096).unwrap(), at);
    txn.free(at).unwrap();
    txn.commit().unwrap(); // the log has zeros
    let txn = heap.begin_write().unwrap();
    assert_eq!(txn.alloc_zeroed(BYTES, 4096).unwrap(), at);
    txn.commit().unwrap();
    let read = heap.begin_read().unwrap();
    assert!(read.bytes(at, BYTES).unwrap().iter().all(|&byte| byte == 0), "sevens came back");
}

/// P31: of space that a tracked transaction took anew, the file shows others what this process does
/// not see: bytes stored there that it has already are stored all the same.
#[test]
fn the_same_bytes_stored_beside_tracked_ones_are_kept() {
    for capture in [Capture::Armed, Capture::Unarmed, Capture::Scan, Capture::Pagemap] {
        let scratch = Scratch::new(&format!("beside-{capture:?}"));
        let options = Options::new().capture(capture);
        let path = scratch.file("a.heap");
        let heap = Heap::create(&path, &options).unwrap();
        let at = stored_beside_tracked(&heap);
        copy_with_logs(&path, &scratch.file("copy.heap"));
        all_zero(&Heap::open(scratch.file("copy.heap"), &options).unwrap(), at, capture);
    }
    let disk = RamDisk::new();
    let options = Options::new().limit_bytes(16 << 20);
    let host = RamHost::create(&disk, INITIAL_BYTES).unwrap();
    let heap = Heap::create_on(Box::new(host), &options).unwrap();
    let at = stored_beside_tracked(&heap);
    let host = RamHost::open(&disk).unwrap();
    all_zero(&Heap::open_on(Box::new(host), &options).unwrap(), at, Capture::Auto);
}

const BESIDE: u64 = 50_000;

fn stored_beside_tracked(heap: &Heap) -> u64 {
    let txn = heap.begin_write().unwrap();
    let at = txn.alloc(BESIDE, 4096).unwrap();
    fill(&txn, at, BESIDE, 7);
    txn.commit().unwrap();
    heap.checkpoint().unwrap(); // the file has sevens
    for free in [false, true] {
        let txn = heap.begin_write().unwrap();
        if free {
            txn.free(at).unwrap(); // the log has zeros, this process too
        } else {
            fill(&txn, at, BESIDE, 0);
        }
        txn.commit().unwrap();
    }
    let txn = heap.begin_tracked(Wait::Forever).unwrap();
    assert_eq!(txn.alloc(BESIDE, 4096).unwrap(), at);
    (at..at + BESIDE).step_by(4096).for_each(|page| set(&txn, page, 0));
    txn.commit().unwrap();
    let txn = heap.begin_write().unwrap();
    fill(&txn, at, BESIDE, 0);
    txn.commit().unwrap();
    at
}

fn all_zero(heap: &Heap, at: u64, capture: Capture) {
    let read = heap.begin_read().unwrap();
    let wrong = read.bytes(at, BESIDE).unwrap().iter().position(|&byte| byte != 0);
    assert_eq!(wrong, None, "{capture:?}: sevens came back");
}

fn mixed_stores(capture: Capture, tracked: bool) {
    const BYTES: u64 = 400_000;
    let scratch = Scratch::new(&format!("capture-{capture:?}-{tracked}"));
    let path = scratch.file("a.heap");
    let options = Options::new().capture(capture).log_bytes(64 << 10);
    let heap = Heap::create(&path, &options).unwrap();
    put_root(&heap, 0);
    let txn = heap.begin_write().unwrap();
    let at = txn.alloc_zeroed(BYTES, 4096).unwrap();
    txn.commit().unwrap();
    let mut expected = vec![0_u8; BYTES as usize];
    let mut source = fs::File::open(std::env::current_exe().unwrap()).unwrap();
    for round in 0..25_u64 {
        let wait = Wait::Forever;
        let txn = if tracked { heap.begin_tracked(wait) } else { heap.begin_write() }.unwrap();
        let mut now = expected.clone();
        // The kernel stores, too.
        let (from, len) = (round * 7_001 % 300_000, 50_000);
        source.seek(std::io::SeekFrom::Start(round * 4_321)).unwrap();
        // SAFETY: within the allocation, which nothing else reaches while the slice lives.
        let into = unsafe { std::slice::from_raw_parts_mut(txn.resolve(at + from), len as usize) };
        source.read_exact(into).unwrap();
        now[from as usize..(from + len) as usize].copy_from_slice(into);
        txn.touch(at + from, len);
        // And other threads.
        let base = txn.resolve(at) as usize;
        std::thread::scope(|scope| {
            for thread in 0..3_u64 {
                scope.spawn(move || {
                    for page in 0..20_u64 {
                        let offset = (thread * 20 + page) * 5_003 + round;
                        // SAFETY: within the allocation; no two threads store to one byte.
                        unsafe { (base as *mut u8).add(offset as usize).write(round as u8) };
                    }
                });
            }
        });
        for store in 0..60_u64 {
            let offset = store * 5_003 + round;
            txn.touch(at + offset, 1);
            now[offset as usize] = round as u8;
        }
        if round % 5 == 4 {
            txn.abort().unwrap();
        } else {
            txn.commit().unwrap();
            expected = now;
        }
        let read = heap.begin_read().unwrap();
        assert!(read.bytes(at, BYTES).unwrap() == expected, "{capture:?}, round {round}");
        if round % 7 == 0 {
            drop(read);
            heap.checkpoint().unwrap();
        }
    }
    clean(&heap);
    // As a crash leaves it.
    let copy = scratch.file("copy.heap");
    for end in ["", "-log0", "-log1"] {
        let _ = fs::copy(with_end(&path, end), with_end(&copy, end));
    }
    let heap = Heap::open(&copy, &options).unwrap();
    let read = heap.begin_read().unwrap();
    assert!(read.bytes(at, BYTES).unwrap() == expected, "{capture:?}: after recovery");
}
