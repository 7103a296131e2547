//! Copies: who waits while a compaction replaces the file; backups of a heap at work, for reading
//! only, or sharing disk space. What long work tells of how far it is.

mod common;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use common::door::DoorHost;
use common::*;
use fileheap_core::catalog::Root;
use fileheap_core::format::INITIAL_BYTES;
use fileheap_core::os::ram::{RamDisk, RamHost};
use fileheap_core::{Durability, ErrorKind, Heap, Options};

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
fn backups_of_a_working_heap_are_consistent() {
    const TEST: &str = "backups_of_a_working_heap_are_consistent";
    if let Some((role, dir)) = role() {
        if role == "nobody" {
            give_up_root();
            return backups_are_consistent(&dir, "of-nobody", &Options::new().read_only());
        }
        let options = Options::new().durability(Durability::Process).log_bytes(64 << 10);
        let heap = Heap::open(dir.join("a.heap"), &options).unwrap();
        for value in 0.. {
            put_pair(&heap, value);
            if value == 20 {
                signal(&dir, "busy");
            }
        }
    }
    let scratch = Scratch::new("backup");
    let path = scratch.closed("a.heap");
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(&scratch.0, 0o777);
    mode(&path, 0o644); // that of its logs
    let worker = play(TEST, "worker", &scratch.0);
    await_signal(&scratch.0, "busy");
    mode(&path, 0o444);
    play(TEST, "nobody", &scratch.0).succeeds();
    mode(&path, 0o644);
    backups_are_consistent(&scratch.0, "reading", &Options::new().read_only());
    backups_are_consistent(&scratch.0, "writing", &Options::new());
    worker.kill();
    clean(&Heap::open(&path, &Options::new()).unwrap());
    let hidden = |f: fs::DirEntry| f.file_name().to_string_lossy().starts_with(".fileheap");
    assert!(!fs::read_dir(&scratch.0).unwrap().any(|f| hidden(f.unwrap())));
}

/// Some by one handle, some by a new one.
fn backups_are_consistent(dir: &Path, name: &str, options: &Options) {
    let open = || Heap::open(dir.join("a.heap"), options).unwrap();
    let mut heap = open();
    let mut last = 0;
    for round in 0..10 {
        let copy = dir.join(format!("{name}-{round}"));
        heap.backup(&copy).unwrap();
        refused(heap.backup(&copy), ErrorKind::AlreadyExists, &[name]);
        let copy = Heap::open(&copy, &Options::new()).unwrap();
        assert_eq!(copy.recovery().transactions, 0, "a backup needs no log");
        clean(&copy);
        let pair = pair(&copy);
        assert_eq!(pair.0, pair.1);
        assert!(pair.0 >= last, "a backup is of the newest state");
        last = pair.0;
        if round % 2 == 0 {
            drop(heap);
            heap = open();
        }
    }
}

#[test]
fn a_backup_shares_disk_space_where_the_file_system_can() {
    const TEST: &str = "a_backup_shares_disk_space_where_the_file_system_can";
    if let Some((_, dir)) = role() {
        if !own_mounts(TEST) {
            return;
        }
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

/// What was given back before stays so: a copy has disk space everywhere at first.
#[test]
fn compaction_of_a_trimmed_heap_takes_no_more_space() {
    let scratch = Scratch::new("compact-trimmed");
    let path = scratch.file("a.heap");
    let heap = Heap::create(&path, &Options::new()).unwrap();
    let txn = heap.begin_write().unwrap();
    let at: Vec<u64> = (0..16).map(|_| txn.alloc(1 << 20, 4096).unwrap()).collect();
    at.iter().step_by(2).for_each(|&at| txn.free(at).unwrap());
    txn.commit().unwrap();
    assert_eq!(heap.trim().unwrap().punched_bytes, 8 << 20);
    heap.close().unwrap();
    drop(heap);
    let report = Heap::compact(&path, &Options::new()).unwrap();
    assert!(report.after_bytes <= report.before_bytes, "{report:?}");
    let copy = scratch.file("b.heap");
    Heap::open(&path, &Options::new()).unwrap().backup(&copy).unwrap();
    let copy = Heap::open(&copy, &Options::new()).unwrap();
    copy.trim().unwrap();
    assert!(copy.stat().unwrap().disk_bytes <= report.after_bytes + (64 << 10));
    clean(&copy);
}

#[test]
fn check_and_trim_tell_how_far_they_are() {
    let scratch = Scratch::new("steps-progress");
    let heap = Heap::create(scratch.file("a.heap"), &Options::new()).unwrap();
    let mut txn = heap.begin_write().unwrap();
    let at: Vec<u64> = (0..40).map(|_| txn.alloc(1 << 20, 4096).unwrap()).collect();
    at.iter().step_by(2).for_each(|&at| txn.free(at).unwrap());
    for index in 1..3000_u64 {
        let root = Root { kind: 0, fingerprint: 0, offset: at[1], bytes: index };
        txn.catalog().names().bind(&format!("{index}"), root).unwrap();
    }
    txn.commit().unwrap();
    let mut told = Vec::new();
    assert!(
        heap.check_with_progress(&mut |done, total| told.push((done, total))).unwrap().is_clean()
    );
    rises_to_the_end(&told);
    assert!(told.len() > 2, "{told:?}");
    told.clear();
    let report = heap.trim_with_progress(&mut |done, total| told.push((done, total))).unwrap();
    rises_to_the_end(&told);
    assert_eq!(told.last().unwrap().1, report.punched_bytes);
    assert!(told.len() > 10, "a step for each hole: {told:?}");
}

fn rises_to_the_end(told: &[(u64, u64)]) {
    assert!(
        told.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 == pair[1].1),
        "{told:?}"
    );
    let (done, total) = told.last().unwrap();
    assert_eq!(done, total);
}

/// U4: a checkpoint that had looked at Blind before the backup began goes on while it is made, and
/// later commits overwrite the log that the copy is to be completed from.
#[test]
fn a_backup_for_reading_outlives_a_checkpoint_under_way() {
    const BULK_BYTES: u64 = 64 << 10;
    let options = Options::new().limit_bytes(16 << 20).log_bytes(BULK_BYTES);
    let scratch = Scratch::new("copies-under-way");
    for may_write in [false, true] {
        let (disk, looked) = (RamDisk::new(), Arc::new(AtomicBool::new(false)));
        let made = RamHost::create(&disk, INITIAL_BYTES).unwrap();
        Heap::create_on(Box::new(made), &options).unwrap().close().unwrap();
        let writer = Heap::open_on(DoorHost::slow(&disk, &looked), &options).unwrap();
        put_root(&writer, 0);
        // Somebody's pin keeps it all in the logs, so that both are in use.
        let other = Heap::open_on(DoorHost::watched(&disk, || ()), &options).unwrap();
        let pin = other.begin_read().unwrap();
        let txn = writer.begin_write().unwrap();
        let early = txn.alloc_zeroed(64, 64).unwrap();
        set(&txn, early, 77);
        let bulk = txn.alloc_zeroed(BULK_BYTES, 64).unwrap();
        txn.commit().unwrap();
        let put_much = |value: u64| {
            let txn = writer.begin_write().unwrap();
            fill(&txn, bulk, BULK_BYTES, value as u8);
            txn.commit().unwrap();
            put_root(&writer, value);
        };
        (1..20).for_each(put_much);
        drop(pin);
        let host = match may_write {
            true => DoorHost::watched(&disk, || ()),
            false => DoorHost::blind(&disk),
        };
        let reader = Heap::open_on(host, &options.clone().read_only()).unwrap();
        let target = scratch.file(&format!("{may_write}.heap"));
        let (mut rounds, mut under_way) = (0, true);
        let mut meanwhile = |done, total| {
            rounds += u32::from(done == total);
            if std::mem::take(&mut under_way) {
                looked.store(true, SeqCst);
                writer.checkpoint().unwrap();
                looked.store(false, SeqCst);
                (20..40).for_each(put_much);
            }
        };
        reader.backup_with_progress(&target, &mut meanwhile).unwrap();
        assert_eq!(rounds, 2, "copied again, as one log was begun anew");
        let copy = Heap::open(&target, &Options::new()).unwrap();
        clean(&copy);
        assert_eq!((root(&copy), root(&writer)), (19, 39));
        let read = copy.begin_read().unwrap();
        assert_eq!(word(read.bytes(early, 8).unwrap()), 77, "only the log begun anew had it");
    }
}
