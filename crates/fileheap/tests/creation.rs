//! Heaps that could not be made: what is left of them, and what is not taken from others.

mod common;

use std::sync::mpsc::channel;
use std::thread;

use common::*;
use fileheap::{ErrorKind, Heap};

#[test]
fn nothing_is_left_of_a_heap_without_a_root() {
    let scratch = Scratch::new("rootless");
    let path = scratch.file("a.heap");
    assert_eq!(panics(|| drop(Heap::<u64>::create(&path, |_| panic!("not yet")))), "not yet");
    assert!(!path.exists());
    assert_eq!(panics(|| drop(Heap::<u64>::open_or_create(&path, |_| panic!("nor"))),), "nor");
    assert!(!path.exists());
    let reading = Heap::<u64>::options().read_only().open_or_create(&path, |_| 1);
    refused(reading, ErrorKind::ReadOnly, &["a.heap"]);
    assert!(!path.exists());
    assert_eq!(*Heap::<u64>::create(&path, |_| 7).unwrap().read().unwrap(), 7);
}

#[test]
fn a_heap_that_another_thread_gave_its_root_stays() {
    let scratch = Scratch::new("faster");
    let path = scratch.file("a.heap");
    let (told, opened) = channel();
    let other = path.clone();
    let (started, start) = channel::<()>();
    let faster = thread::spawn(move || {
        start.recv().unwrap();
        // Open before the first one fails, and waiting for its transaction.
        let core = fileheap_core::Heap::open(&other, &fileheap_core::Options::new()).unwrap();
        told.send(()).unwrap();
        let heap = Heap::<u64>::open_or_create(&other, |_| 42).unwrap();
        drop(core);
        heap
    });
    let text = panics(|| {
        drop(Heap::<u64>::create(&path, |_| {
            started.send(()).unwrap();
            opened.recv().unwrap();
            panic!("late")
        }))
    });
    assert_eq!(text, "late");
    assert_eq!(*faster.join().unwrap().read().unwrap(), 42);
    assert_eq!(*Heap::<u64>::open(&path).unwrap().read().unwrap(), 42);
}

#[test]
fn a_heap_that_another_process_gave_its_root_stays() {
    if let Some((_, dir)) = role() {
        await_signal(&dir, "made");
        let core = fileheap_core::Heap::open(dir.join("a.heap"), &Default::default()).unwrap();
        signal(&dir, "opened");
        await_signal(&dir, "failed");
        drop(core);
        let heap = Heap::<u64>::open_or_create(dir.join("a.heap"), |_| 42).unwrap();
        assert_eq!(*heap.read().unwrap(), 42);
        return;
    }
    let scratch = Scratch::new("faster-process");
    let path = scratch.file("a.heap");
    let actor = play("a_heap_that_another_process_gave_its_root_stays", "x", &scratch.0);
    let text = panics(|| {
        drop(Heap::<u64>::create(&path, |_| {
            signal(&scratch.0, "made");
            await_signal(&scratch.0, "opened");
            panic!("late")
        }))
    });
    assert_eq!(text, "late");
    assert!(path.exists(), "the other process has it open");
    signal(&scratch.0, "failed");
    actor.succeeds();
    assert_eq!(*Heap::<u64>::open(&path).unwrap().read().unwrap(), 42);
}

#[test]
fn addresses_that_cannot_be_are_refused() {
    let scratch = Scratch::new("address");
    let path = scratch.file("a.heap");
    for base in [0, 4096, (1 << 44) + 1] {
        let made = Heap::<u64>::options().base(base).create(&path, |_| 1);
        refused(made, ErrorKind::InvalidArgument, &["a.heap", "multiple of 0x10000"]);
        assert!(!path.exists());
    }
    let local = 0u8;
    let base = std::ptr::from_ref(&local) as u64 & !0xffff_ffff;
    let made = Heap::<u64>::options().base(base).create(&path, |_| 1);
    refused(made, ErrorKind::AddressTaken, &["a.heap"]);
    assert_eq!(local, 0);
}
