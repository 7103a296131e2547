//! Heaps whose names change, closed and open: no log of another heap is lost (P35).

mod common;

use std::fs;
use std::path::Path;

use common::*;
use fileheap_core::{ErrorKind, Heap, Options};

fn options() -> Options {
    Options::new().log_bytes(64 << 10)
}

fn logs(path: &Path) -> Vec<std::path::PathBuf> {
    let names = ["-log0", "-log1"].map(|end| with_end(path, end));
    names.into_iter().filter(|name| name.exists()).collect()
}

/// Puts what was set aside beside another name.
fn put_back(from: &Path, to: &Path) {
    for end in ["-log0", "-log1"] {
        let lost = with_end(from, &format!("{end}.lost"));
        if lost.exists() {
            fs::rename(lost, with_end(to, end)).unwrap();
        }
    }
}

#[test]
fn a_new_heap_sets_the_log_of_another_one_aside() {
    let scratch = Scratch::new("aside");
    let crashed = scratch.unclean("a.heap");
    let elsewhere = scratch.file("crashed.heap");
    for turn in 1..3 {
        fs::rename(&crashed, &elsewhere).unwrap();
        let heap = Heap::create(&crashed, &options()).unwrap();
        // Opened and closed alone it touches nothing.
        heap.close().unwrap();
        assert_eq!(logs(&crashed).len(), 1);
        let heap = Heap::open(&crashed, &options()).unwrap();
        put_root(&heap, 9);
        heap.close().unwrap();
        assert_eq!(logs(&crashed).len(), 0);
        let error = Heap::open(&elsewhere, &options()).map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LogMissing);
        fs::remove_file(&crashed).unwrap();
        put_back(&crashed, &crashed);
        fs::rename(&elsewhere, &crashed).unwrap();
        assert_eq!(logs(&crashed).len(), 1, "turn {turn}");
    }
    let heap = Heap::open(&crashed, &options()).unwrap();
    assert_eq!(root(&heap), 4);
    clean(&heap);
}

#[test]
fn what_was_set_aside_is_never_replaced() {
    let scratch = Scratch::new("aside-twice");
    for turn in 0..3 {
        let crashed = scratch.unclean("a.heap");
        fs::remove_file(&crashed).unwrap();
        let heap = Heap::create(&crashed, &options()).unwrap();
        put_root(&heap, turn);
        drop(heap);
        fs::remove_file(&crashed).unwrap();
        let _ = fs::remove_file(scratch.file("a.heap.living"));
    }
    let names = fs::read_dir(&scratch.0).unwrap().map(|it| it.unwrap().file_name());
    let lost = names.filter(|name| name.to_string_lossy().contains(".lost")).count();
    assert_eq!(lost, 3);
}

#[test]
fn what_is_no_log_is_not_removed() {
    let scratch = Scratch::new("no-log");
    let path = scratch.file("a.heap");
    fs::write(with_end(&path, "-log1"), "notes of mine").unwrap();
    let heap = Heap::create(&path, &options()).unwrap();
    for value in 0..3 {
        put_root(&heap, value);
        heap.checkpoint().unwrap(); // so that both logs are begun
    }
    heap.close().unwrap();
    assert_eq!(fs::read(with_end(&path, "-log1.lost")).unwrap(), b"notes of mine");
}

/// Both are open: each keeps what it committed, whoever closes first.
#[test]
fn a_heap_that_was_moved_while_open_leaves_its_name_to_another() {
    for first in 0..2 {
        let scratch = Scratch::new("moved-open");
        let (path, moved) = (scratch.file("c.heap"), scratch.file("moved.heap"));
        let old = Heap::create(&path, &options()).unwrap();
        put_root(&old, 1);
        fs::rename(&path, &moved).unwrap();
        let new = Heap::create(&path, &options()).unwrap();
        for value in 2..200 {
            put_root(&new, value);
            put_root(&old, value + 1000);
            if value % 10 == 0 {
                new.checkpoint().unwrap();
                let error = old.checkpoint().err().map(|error| error.kind());
                assert!(error.is_none_or(|kind| kind == ErrorKind::Replaced), "{error:?}");
            }
        }
        // As if the machine had stopped.
        let image = scratch.file("image.heap");
        copy_with_logs(&path, &image);
        assert_eq!(root(&Heap::open(&image, &options()).unwrap()), 199);
        let (one, other) = if first == 0 { (old, new) } else { (new, old) };
        one.close().unwrap();
        assert_eq!(root(&other), if first == 0 { 199 } else { 1199 });
        other.close().unwrap();
        assert_eq!(root(&Heap::open(&path, &options()).unwrap()), 199);
        assert_eq!(root(&Heap::open(&moved, &options()).unwrap()), 1199);
    }
}

/// A log lies beside the name it was begun under.
#[test]
fn a_second_name_of_an_open_heap_leads_to_no_log() {
    const TEST: &str = "a_second_name_of_an_open_heap_leads_to_no_log";
    if let Some((_, dir)) = role() {
        let heap = Heap::open(dir.join("b.heap"), &options()).unwrap();
        let looked = heap.begin_read().map(drop);
        refused(looked, ErrorKind::LogMissing, &["b.heap", "another name"]);
        return;
    }
    let scratch = Scratch::new(TEST);
    let path = scratch.file("a.heap");
    let heap = Heap::create(&path, &options()).unwrap();
    put_root(&heap, 1);
    fs::hard_link(&path, scratch.file("b.heap")).unwrap();
    play(TEST, "stranger", &scratch.0).succeeds();
}
