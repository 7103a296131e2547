//! P24: a log that lost what was durable is told, wherever it was hit; a torn tail is not.

mod common;

use std::fs;

use common::*;
use fileheap_core::format::{FrameHeader, LogHeader, Plain};
use fileheap_core::heap::FindingKind;
use fileheap_core::os::ram::{Images, RamDisk, RamHost};
use fileheap_core::{Durability, ErrorKind, Heap, Options, Result, Wait};

const COMMITS: u64 = 12;

fn open(images: Images) -> Result<Heap> {
    let disk = RamDisk::from_images(images);
    Heap::open_on(Box::new(RamHost::open(&disk)?), &Options::new())
}

/// What is on the disk when a heap of these commits, under a root that counts them, is just left.
fn left(options: &Options, work: impl Fn(&Heap)) -> Images {
    let disk = RamDisk::new();
    let host = RamHost::create(&disk, fileheap_core::format::INITIAL_BYTES).unwrap();
    let heap = Heap::create_on(Box::new(host), options).unwrap();
    work(&heap);
    disk.images()
}

fn commits(heap: &Heap, values: std::ops::RangeInclusive<u64>) {
    for value in values {
        let txn = heap.begin_tracked(Wait::Forever).unwrap();
        let at = txn.alloc(700, 8).unwrap();
        fill(&txn, at, 700, value as u8);
        txn.touch(at, 700);
        txn.commit().unwrap();
        put_root(heap, value);
    }
}

/// As that of all tests, but tracked: searches would bring checkpoints about, and an empty log.
fn put_root(heap: &Heap, value: u64) {
    let mut txn = heap.begin_tracked(Wait::Forever).unwrap();
    if txn.face_root(0) == 0 {
        let at = txn.alloc_zeroed(64, 64).unwrap();
        txn.set_face_root(0, at);
    }
    let at = txn.face_root(0);
    set(&txn, at, value);
    txn.touch(at, 8);
    txn.commit().unwrap();
}

/// Where the frames of a log begin, and where they end.
fn frames(log: &[u8]) -> Vec<usize> {
    let salt = LogHeader::from_bytes(log).salt;
    let mut starts = vec![LogHeader::FIRST_FRAME as usize];
    loop {
        let at = starts[starts.len() - 1];
        let header = FrameHeader::from_bytes(&log[at..]);
        if header.salt != salt {
            return starts;
        }
        starts.push(at + header.frame_bytes as usize);
    }
}

fn log_of(images: &Images) -> usize {
    let logs: Vec<_> = (1..3).filter(|&file| images[file].is_some()).collect();
    assert_eq!(logs.len(), 1, "one log is there");
    logs[0]
}

#[test]
fn p24_any_damage_of_what_was_durable_is_told() {
    let images = left(&Options::new(), |heap| commits(heap, 1..=COMMITS));
    let file = log_of(&images);
    let starts = frames(images[file].as_ref().unwrap());
    assert_eq!(starts.len() as u64, 2 * COMMITS + 1);
    // Nothing vouches for the last frame, and it is the last but one frame that it vouches for.
    let vouched = starts[starts.len() - 2];
    let (mut told, mut tried) = (0, 0);
    let log = images[file].as_ref().unwrap();
    let mut judge = |broken: Vec<u8>, what: &str| {
        if broken == *log {
            return;
        }
        let mut images = images.clone();
        images[file] = Some(broken);
        tried += 1;
        match open(images) {
            Ok(heap) => assert_eq!(root(&heap), COMMITS, "{what}: lost without a word"),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}: {error}");
                assert!(error.to_string().contains("repair"), "{what}: {error}");
                told += 1;
            }
        }
    };
    for at in (0..56).chain((starts[0]..vouched).step_by(11)) {
        let mut broken = log.clone();
        broken[at] ^= 1 << (at % 8);
        judge(broken, &format!("bit at {at}"));
    }
    for sector in (starts[0]..vouched - 512).step_by(512) {
        for with in [0, 0xff] {
            let mut broken = log.clone();
            broken[sector..sector + 512].fill(with);
            judge(broken, &format!("sector at {sector} filled with {with}"));
        }
    }
    let mut headless = log.clone();
    headless[..4096].fill(0);
    judge(headless, "header page lost");
    assert_eq!(told, tried, "every byte of a frame counts");
}

#[test]
fn p24_what_nobody_vouches_for_is_a_torn_tail() {
    for durability in [Durability::Process, Durability::Background] {
        let images = left(&Options::new().durability(durability), |heap| {
            commits(heap, 1..=COMMITS);
            heap.sync().unwrap();
            commits(heap, COMMITS + 1..=2 * COMMITS);
        });
        let file = log_of(&images);
        let log = images[file].as_ref().unwrap();
        let starts = frames(log);
        let durable = 2 * COMMITS as usize;
        for (index, &start) in starts[..starts.len() - 1].iter().enumerate() {
            let mut images = images.clone();
            images[file].as_mut().unwrap()[start + 50] ^= 4;
            let opened = open(images);
            if durability == Durability::Process && index >= durable {
                let heap = opened.unwrap();
                assert_eq!(root(&heap), index as u64 / 2, "frame {index}");
                clean(&heap);
                // What is stale behind the new end says nothing against what is written now.
                put_root(&heap, 99);
            } else if index < durable {
                refused(opened, ErrorKind::Corrupt, &["-log", "damaged", "byte", "repair"]);
            }
        }
    }
}

#[test]
fn p24_an_earlier_life_of_a_log_vouches_for_nothing() {
    let options = Options::new().log_bytes(64 * 1024);
    let images = left(&options, |heap| commits(heap, 1..=400));
    let lives: Vec<u64> = images[1..].iter().flatten().map(|log| word(&log[24..32])).collect();
    let newest = *lives.iter().max().unwrap();
    assert!(newest > 4, "the logs were used again: {lives:?}");
    let file = 1 + (newest & 1) as usize;
    let starts = frames(images[file].as_ref().unwrap());
    assert!(starts.len() > 2);
    let mut torn = images.clone();
    torn[file].as_mut().unwrap()[starts[starts.len() - 2] + 60] ^= 1;
    let heap = open(torn).unwrap();
    assert_eq!(root(&heap), 399, "only the last one is lost");
    clean(&heap);
    // A log whose header never reached the disk: what its file held before is stale.
    let mut headless = images.clone();
    let log = headless[file].as_mut().unwrap();
    log[..4096].fill(0);
    let end = starts[starts.len() - 1];
    log[4096..end].fill(0);
    assert!(end < log.len());
    let heap = open(headless).unwrap();
    clean(&heap);
}

#[test]
fn p24_damage_before_the_log_that_is_written_is_told() {
    let options = Options::new().log_bytes(64 * 1024);
    let disk = RamDisk::new();
    let host = RamHost::create(&disk, fileheap_core::format::INITIAL_BYTES).unwrap();
    let heap = Heap::create_on(Box::new(host), &options).unwrap();
    commits(&heap, 1..=3);
    let other = Heap::open_on(Box::new(RamHost::open(&disk).unwrap()), &options).unwrap();
    let pin = other.begin_read().unwrap();
    commits(&heap, 4..=200);
    let images = disk.images();
    drop(pin);
    let both = |file: usize| images[file].as_ref().map(|log| word(&log[24..32]));
    let (Some(one), Some(two)) = (both(1), both(2)) else { panic!("both logs are there") };
    let older = if one < two { 1 } else { 2 };
    assert_eq!(root(&open(images.clone()).unwrap()), 200);
    let starts = frames(images[older].as_ref().unwrap());
    for &start in &starts[8..starts.len() - 1] {
        let mut broken = images.clone();
        broken[older].as_mut().unwrap()[start + 55] ^= 0x10;
        refused(open(broken), ErrorKind::Corrupt, &["log", "transaction", "repair"]);
    }
}

#[test]
fn p24_repair_accepts_the_loss_and_says_what_is_lost() {
    let scratch = Scratch::new("log-damage");
    let path = scratch.unclean("a.heap");
    let log = ["-log0", "-log1"].map(|end| with_end(&path, end));
    let log = log.into_iter().find(|log| log.exists()).unwrap();
    let mut bytes = fs::read(&log).unwrap();
    let starts = frames(&bytes);
    assert_eq!(starts.len(), 6, "five commits");
    bytes[starts[2] + 60] ^= 1;
    fs::write(&log, &bytes).unwrap();
    let heap_bytes = fs::read(&path).unwrap();
    let parts =
        ["-log", &format!("at byte {}", starts[2]), "is not whole", "restore a backup", "repair"];
    for options in [Options::new(), Options::new().read_only()] {
        refused(Heap::open(&path, &options), ErrorKind::Corrupt, &parts);
    }
    refused(Heap::repair(&path, false), ErrorKind::Corrupt, &parts);
    assert_eq!(fs::read(&log).unwrap(), bytes, "refused means untouched");
    let now = fs::read(&path).unwrap();
    assert!(now[65536..] == heap_bytes[65536..] && now[..8192] == heap_bytes[..8192]);

    let report = Heap::repair(&path, true).unwrap();
    assert!(report.check.is_clean(), "{report:?}");
    let said = report.lost.join("\n");
    assert!(said.contains(".lost") && said.contains("every commit after transaction"), "{said}");
    assert_eq!(fs::read(with_end(&log, ".lost")).unwrap(), bytes);
    let heap = Heap::open(&path, &Options::new()).unwrap();
    assert_eq!(root(&heap), 1, "two whole transactions stand before the bad one");
    put_root(&heap, 77);
    clean(&heap);
    assert!(Heap::repair(&path, true).is_err(), "not while it is open");
    heap.close().unwrap();
    let again = Heap::repair(&path, true).unwrap();
    assert!(again.lost.is_empty() && again.check.is_clean(), "{again:?}");
}

#[test]
fn p24_a_loss_in_the_older_of_two_logs_gives_both_up() {
    // What the younger log holds builds on what is lost: both must go.
    let scratch = Scratch::new("log-damage-two");
    let path = scratch.file("living.heap");
    let options = Options::new().log_bytes(64 * 1024);
    let heap = Heap::create(&path, &options).unwrap();
    commits(&heap, 1..=3);
    let reader = play("p24_a_reader_holds_the_log", "reader", &scratch.0);
    await_signal(&scratch.0, "holding");
    commits(&heap, 4..=200);
    let hurt = scratch.file("hurt.heap");
    for end in ["", "-log0", "-log1"] {
        fs::copy(with_end(&path, end), with_end(&hurt, end)).unwrap();
    }
    reader.kill();
    let generation = |end: &str| word(&fs::read(with_end(&hurt, end)).unwrap()[24..32]);
    let older = if generation("-log0") < generation("-log1") { "-log0" } else { "-log1" };
    let mut bytes = fs::read(with_end(&hurt, older)).unwrap();
    let starts = frames(&bytes);
    bytes[starts[starts.len() - 3] + 60] ^= 2;
    fs::write(with_end(&hurt, older), &bytes).unwrap();
    refused(Heap::open(&hurt, &options), ErrorKind::Corrupt, &["repair"]);
    let report = Heap::repair(&hurt, true).unwrap();
    assert!(report.check.is_clean(), "{report:?}");
    let heap = Heap::open(&hurt, &options).unwrap();
    let reached = root(&heap);
    assert!((3..200).contains(&reached), "as far as the older log goes: {reached}");
    commits(&heap, 201..=300);
    clean(&heap);
}

#[test]
fn p24_a_reader_holds_the_log() {
    let Some((_, dir)) = role() else { return };
    let heap = Heap::open(dir.join("living.heap"), &Options::new()).unwrap();
    let _read = heap.begin_read().unwrap();
    signal(&dir, "holding");
    sleep_on();
}

#[test]
fn p24_check_tells_of_a_log_that_is_damaged_while_it_is_open() {
    let scratch = Scratch::new("log-check");
    let path = scratch.file("a.heap");
    let heap = Heap::create(&path, &Options::new()).unwrap();
    commits(&heap, 1..=COMMITS);
    clean(&heap);
    let log = ["-log0", "-log1"].map(|end| with_end(&path, end));
    let log = log.into_iter().find(|log| log.exists()).unwrap();
    let flip = || {
        use std::os::unix::fs::FileExt;
        let file = fs::OpenOptions::new().read(true).write(true).open(&log).unwrap();
        let (at, mut byte) = (frames(&fs::read(&log).unwrap())[3] as u64 + 60, [0]);
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 1], at).unwrap();
    };
    flip();
    let report = heap.check().unwrap();
    let kinds: Vec<_> = report.findings.iter().map(|finding| finding.kind).collect();
    assert_eq!(kinds, [FindingKind::Log], "{:?}", report.findings);
    assert!(report.live_count > COMMITS, "the rest was looked at");
    // A backup would be of an earlier state: it is refused, not made.
    refused(heap.backup(scratch.file("b.heap")), ErrorKind::Corrupt, &["transaction", "repair"]);
    flip();
    clean(&heap);
    heap.backup(scratch.file("b.heap")).unwrap();
}
