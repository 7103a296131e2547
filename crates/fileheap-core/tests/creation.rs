//! P15: a heap being created by processes that are killed, or by many at once.

mod common;

use std::fs;
use std::io::ErrorKind as ErrorOf;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use common::*;
use fileheap_core::os::ram::{Event, EventKind, RamDisk, RamHost};
use fileheap_core::{ErrorKind, Heap, Options};

/// Everything in the folder, but for signals: heaps that open, or hidden files.
fn survivors(dir: &Path) -> Vec<PathBuf> {
    let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut heaps: Vec<_> = entries.filter(|path| name(path).starts_with("heap")).collect();
    heaps.retain(|path| !name(path).contains("-log"));
    heaps
}

#[test]
fn p15_a_killed_creation_leaves_no_file_or_a_heap() {
    const TEST: &str = "p15_a_killed_creation_leaves_no_file_or_a_heap";
    if let Some((_, dir)) = role() {
        signal(&dir, "begun");
        for number in 0.. {
            Heap::create(dir.join(format!("heap{number}")), &Options::new()).unwrap();
        }
    }
    let mut found = 0;
    for round in 0..40 {
        let scratch = Scratch::new(&format!("killed-{round}"));
        let child = play(TEST, "creator", &scratch.0);
        await_signal(&scratch.0, "begun");
        std::thread::sleep(Duration::from_micros(round * 997 % 20_000));
        child.kill();
        for path in survivors(&scratch.0) {
            let heap = Heap::open(&path, &Options::new()).unwrap();
            clean(&heap);
            put_root(&heap, round);
            found += 1;
        }
    }
    assert!(found > 0, "no creation was seen");
}

const PROCESSES: u64 = 8;
const THREADS: u64 = 3;
const ROUNDS: u64 = 12;

fn add_one(heap: &Heap) {
    let mut txn = heap.begin_write().unwrap();
    if txn.face_root(0) == 0 {
        let at = txn.alloc_zeroed(64, 64).unwrap();
        txn.set_face_root(0, at);
    }
    let at = txn.face_root(0);
    // SAFETY: an aligned word of an allocation that only the writer uses.
    let count = unsafe { txn.resolve(at).cast::<u64>().read() };
    set(&txn, at, count + 1);
    txn.commit().unwrap();
}

#[test]
fn p15_many_open_or_create_one_heap() {
    const TEST: &str = "p15_many_open_or_create_one_heap";
    if let Some((_, dir)) = role() {
        for round in 0..ROUNDS {
            await_signal(&dir, &format!("go{round}"));
            let enter = || {
                let path = dir.join(format!("heap{round}"));
                let (heap, new) = Heap::open_or_create(path, &Options::new()).unwrap();
                add_one(&heap);
                new
            };
            let entered: Vec<bool> = std::thread::scope(|scope| {
                let all: Vec<_> = (0..THREADS).map(|_| scope.spawn(enter)).collect();
                all.into_iter().map(|one| one.join().unwrap()).collect()
            });
            for _ in entered.iter().filter(|&&new| new) {
                signal(&dir, &format!("new{round}-{}", std::process::id()));
            }
            assert!(entered.iter().filter(|&&new| new).count() <= 1);
        }
        return;
    }
    let scratch = Scratch::new("open-or-create");
    let players: Vec<_> = (0..PROCESSES).map(|_| play(TEST, "player", &scratch.0)).collect();
    for round in 0..ROUNDS {
        std::thread::sleep(Duration::from_millis(60));
        signal(&scratch.0, &format!("go{round}"));
    }
    players.into_iter().for_each(Actor::succeeds);
    assert_eq!(survivors(&scratch.0).len() as u64, ROUNDS);
    for round in 0..ROUNDS {
        let heap = Heap::open(scratch.file(&format!("heap{round}")), &Options::new()).unwrap();
        assert_eq!(root(&heap), PROCESSES * THREADS, "all use the same heap");
        clean(&heap);
        let mark = format!("signal-new{round}-");
        let names = fs::read_dir(&scratch.0).unwrap().map(|entry| entry.unwrap().file_name());
        let makers = names.filter(|name| name.to_str().unwrap().starts_with(&mark)).count();
        assert_eq!(makers, 1, "one of them made it");
    }
}

#[test]
fn p15_who_opens_meanwhile_sees_nothing_or_a_heap() {
    const TEST: &str = "p15_who_opens_meanwhile_sees_nothing_or_a_heap";
    const COUNT: usize = 60;
    if let Some((_, dir)) = role() {
        for number in 0..COUNT {
            let heap = Heap::create(dir.join(format!("heap{number}")), &Options::new()).unwrap();
            put_root(&heap, number as u64);
        }
        return;
    }
    let scratch = Scratch::new("meanwhile");
    let maker = play(TEST, "maker", &scratch.0);
    for number in 0..COUNT {
        let path = scratch.file(&format!("heap{number}"));
        let deadline = std::time::Instant::now() + Duration::from_secs(40);
        let heap = loop {
            match Heap::open(&path, &Options::new().read_only()) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                opened => break opened.unwrap(),
            }
            assert!(std::time::Instant::now() < deadline, "heap {number} never came");
        };
        heap.begin_read().unwrap();
    }
    maker.succeeds();
}

#[test]
fn a_link_that_leads_nowhere_is_told() {
    let scratch = Scratch::new("nowhere");
    let (path, target) = (scratch.file("link"), scratch.file("target"));
    std::os::unix::fs::symlink(&target, &path).unwrap();
    let parts = ["symbolic link", "link", "where it leads"];
    refused(Heap::open_or_create(&path, &Options::new()), ErrorKind::AlreadyExists, &parts);
    refused(Heap::create(&path, &Options::new()), ErrorKind::AlreadyExists, &parts);
    let heap = Heap::create(&target, &Options::new()).unwrap();
    let (same, new) = Heap::open_or_create(&path, &Options::new()).unwrap();
    assert!(same.is_same(&heap) && !new);
    refused(Heap::create(&path, &Options::new()), ErrorKind::AlreadyExists, &["link"]);
}

/// A creation that fails late, or comes second, does not touch the other heap's logs.
#[test]
fn a_creation_that_fails_leaves_nothing() {
    let scratch = Scratch::new("refused");
    let first = Heap::create(scratch.file("heap"), &Options::new()).unwrap();
    put_root(&first, 1);
    let base = first.base() as u64;
    let options = Options::new().base(base).fixed_address();
    refused(Heap::create(scratch.file("taken"), &options), ErrorKind::AddressTaken, &["taken"]);
    let before = fs::read_dir(&scratch.0).unwrap().count();
    refused(Heap::create(scratch.file("heap"), &options), ErrorKind::AlreadyExists, &["heap"]);
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), before);
    assert!(!scratch.file("taken").exists());
    assert_eq!(root(&first), 1);
}

/// P17: a power cut would take the log that is begun next, and every commit with it.
#[test]
fn whoever_begins_a_log_that_another_made_syncs_its_name() {
    let disk = RamDisk::new();
    let host = RamHost::create(&disk, fileheap_core::format::INITIAL_BYTES).unwrap();
    let options = Options::new().limit_bytes(16 << 20);
    let heap = Heap::create_on(Box::new(host), &options).unwrap();
    let other = Heap::open_on(Box::new(RamHost::open(&disk).unwrap()), &options).unwrap();
    put_root(&heap, 1);
    // The next sync of the folder fails, as if the process had died there.
    let synced = Arc::new(AtomicU32::new(0));
    let count = synced.clone();
    disk.observe(Some(Arc::new(move |event: &Event<'_>| match event.kind {
        EventKind::SyncFolder if count.fetch_add(1, SeqCst) == 0 => Err(ErrorOf::Other.into()),
        _ => Ok(()),
    })));
    assert!(heap.checkpoint().is_err());
    put_root(&other, 2);
    other.checkpoint().unwrap();
    assert_eq!(synced.load(SeqCst), 2);
}
