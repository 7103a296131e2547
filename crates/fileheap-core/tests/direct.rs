//! Direct extents: everybody's at once, atomic when enlisted, of any length.

mod common;

use std::fs;

use common::*;
use fileheap_core::{Durability, ErrorKind, Heap, Options};

const MIB: u64 = 1 << 20;

#[test]
fn direct_extents_are_everybodys_at_once_and_atomic_when_enlisted() {
    const TEST: &str = "direct_extents_are_everybodys_at_once_and_atomic_when_enlisted";
    const BYTES: u64 = 3 << 20;
    if let Some((_, dir)) = role() {
        let heap = Heap::open(dir.join("a.heap"), &Options::new()).unwrap();
        let txn = heap.begin_write().unwrap();
        let at = txn.face_root(1);
        assert!(txn.is_direct(at).unwrap());
        txn.open_direct(at).unwrap();
        txn.commit().unwrap();
        // SAFETY: within the extent; the other process looks only after the signal.
        unsafe { heap.resolve(at).add(77).write(42) };
        signal(&dir, "stored");
        await_signal(&dir, "answered");
        // SAFETY: within the extent; the other process stored before its signal.
        let seen = unsafe { heap.resolve(at).add(78).read() };
        assert_eq!(seen, 43, "stores are seen at once");
        // SAFETY: within the extent; the other process looks only after the signal.
        unsafe { heap.resolve(at).add(79).write(44) };
        signal(&dir, "kill me");
        sleep_on();
    }
    let scratch = Scratch::new("direct");
    let path = scratch.closed("a.heap");
    let heap = Heap::open(&path, &Options::new()).unwrap();
    let mut txn = heap.begin_write().unwrap();
    let at = txn.alloc_direct(BYTES, true).unwrap().offset;
    txn.set_face_root(1, at);
    txn.commit().unwrap();
    // SAFETY: within the extent; signals keep stores and looks apart.
    let byte = |index: usize| unsafe { heap.resolve(at).add(index).read() };
    let other = play(TEST, "other", &scratch.0);
    await_signal(&scratch.0, "stored");
    assert_eq!(byte(77), 42);
    // SAFETY: within the extent; the other process looks only after the signal.
    unsafe { heap.resolve(at).add(78).write(43) };
    signal(&scratch.0, "answered");
    await_signal(&scratch.0, "kill me");
    other.kill();
    assert_eq!(byte(79), 44, "kill -9 keeps stores");
    let stored = |enlist: bool, commit: bool, value: u8| {
        let txn = heap.begin_write().unwrap();
        if enlist {
            txn.enlist(at).unwrap();
        }
        // SAFETY: all of the extent; the other process is gone.
        unsafe { txn.resolve(at).write_bytes(value, BYTES as usize) };
        let file = fs::read(&path).unwrap()[at as usize + 5000];
        if commit { txn.commit().map(drop) } else { txn.abort() }.unwrap();
        file
    };
    assert_eq!(stored(true, false, 9), 0, "an enlisted store is nobody else's business yet");
    assert_eq!((byte(0), byte(77)), (0, 42), "abort brings the old bytes back");
    stored(true, true, 8);
    assert_eq!((byte(0), byte(BYTES as usize - 1)), (8, 8));
    assert_eq!(stored(false, false, 7), 7, "what is not enlisted is no part of the transaction");
    assert_eq!(byte(5000), 7);
    let txn = heap.begin_write().unwrap();
    txn.free(at).unwrap();
    refused(txn.enlist(at), ErrorKind::BadPointer, &["a.heap", &at.to_string()]);
    txn.commit().unwrap();
    clean(&heap);
    heap.close().unwrap();
    clean(&Heap::open(&path, &Options::new()).unwrap());
}

#[test]
fn filling_a_large_extent_takes_no_memory_of_the_process() {
    const BYTES: u64 = 3 << 30;
    let scratch = Scratch::new("large");
    let options = Options::new().durability(Durability::Process);
    let heap = Heap::create(scratch.file("a.heap"), &options).unwrap();
    put_root(&heap, 1);
    let anonymous = || -> u64 {
        let text = fs::read_to_string("/proc/self/smaps_rollup").unwrap();
        let line = text.lines().find(|line| line.starts_with("Anonymous:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    };
    let before = anonymous();
    let txn = heap.begin_write().unwrap();
    let at = txn.alloc(BYTES, 4096).unwrap();
    // One store for each page: a private page would cost as much as a full one.
    for page in 0..BYTES / 4096 {
        // SAFETY: an aligned word of an allocation of this transaction, which nobody else uses.
        unsafe { txn.resolve(at + page * 4096).cast::<u64>().write(page) };
    }
    let grown = anonymous().saturating_sub(before);
    assert!(grown < 64 << 20, "filling {BYTES} bytes took {grown} bytes of anonymous memory");
    txn.abort().unwrap();
    clean(&heap);
}

/// P28
#[test]
fn catching_up_writes_nothing_through_a_window() {
    const TEST: &str = "catching_up_writes_nothing_through_a_window";
    const BYTES: u64 = 1 << 20;
    let fill = |txn: &fileheap_core::WriteTxn, at: u64, bytes: u64, byte: u8| {
        // SAFETY: within an allocation of this transaction.
        unsafe { txn.resolve(at).write_bytes(byte, bytes as usize) };
    };
    if let Some((_, dir)) = role() {
        let heap = Heap::open(dir.join("a.heap"), &Options::new()).unwrap();
        let mut txn = heap.begin_write().unwrap();
        let extent = txn.face_root(1);
        txn.free(extent).unwrap();
        txn.commit_and_continue().unwrap();
        let plain = txn.alloc(BYTES, 4096).unwrap();
        assert_eq!(plain, extent);
        fill(&txn, plain, BYTES, 7);
        txn.commit_and_continue().unwrap();
        heap_is_home(&dir, plain, 7);
        fill(&txn, plain, 100, 8);
        txn.commit().unwrap();
        signal(&dir, "stored");
        sleep_on();
    }
    let scratch = Scratch::new("window");
    let heap = Heap::create(scratch.file("a.heap"), &Options::new()).unwrap();
    let mut txn = heap.begin_write().unwrap();
    let at = txn.alloc_direct(BYTES, true).unwrap().offset;
    txn.set_face_root(1, at);
    txn.commit().unwrap();
    let other = play(TEST, "other", &scratch.0);
    await_signal(&scratch.0, "stored");
    let first = |byte: u8| {
        let read = heap.begin_read().unwrap();
        let found = read.bytes(at, BYTES).unwrap();
        assert_eq!((found[0], found[99], found[100]), (byte, byte, 7));
    };
    first(8);
    heap_is_home(&scratch.0, at, 7);
    let txn = heap.begin_write().unwrap();
    fill(&txn, at, 100, 9);
    txn.abort().unwrap();
    first(8);
    let txn = heap.begin_write().unwrap();
    fill(&txn, at, 100, 9);
    txn.commit().unwrap();
    first(9);
    heap_is_home(&scratch.0, at, 7);
    other.kill();
    heap.close().unwrap();
    heap_is_home(&scratch.0, at, 9);
}

/// The heap file, whatever the log says, has this byte there.
fn heap_is_home(dir: &std::path::Path, at: u64, byte: u8) {
    assert_eq!(fs::read(dir.join("a.heap")).unwrap()[at as usize], byte);
}

/// P27
#[test]
fn an_enlisted_extent_may_change_its_length_again_and_again() {
    let scratch = Scratch::new("direct-length");
    let heap = Heap::create(scratch.file("a.heap"), &Options::new()).unwrap();
    let txn = heap.begin_write().unwrap();
    let at = txn.alloc_direct(6 * MIB, false).unwrap().offset;
    // SAFETY: within the extent, and nobody else looks meanwhile.
    let fill = |byte: u8, bytes: u64| unsafe { heap.resolve(at).write_bytes(byte, bytes as usize) };
    // SAFETY: as above.
    let last = |bytes: u64| unsafe { heap.resolve(at).add(bytes as usize - 1).read() };
    fill(1, 6 * MIB);
    txn.commit().unwrap();
    let resize = |txn: &fileheap_core::WriteTxn, bytes: u64| {
        txn.enlist(at).unwrap();
        assert!(txn.resize_in_place(at, bytes).unwrap());
        fill((bytes / MIB) as u8, bytes);
    };
    let txn = heap.begin_write().unwrap();
    [5, 4, 2].iter().for_each(|mib| resize(&txn, mib * MIB));
    txn.abort().unwrap();
    assert_eq!((last(2 * MIB), last(6 * MIB)), (1, 1), "undone, and as long as before");
    for lengths in [[5, 3, 2], [4, 5, 3], [4, 3, 2], [2, 3, 5]] {
        let txn = heap.begin_write().unwrap();
        lengths.iter().for_each(|mib| resize(&txn, mib * MIB));
        txn.commit().unwrap();
        let bytes = lengths[2] * MIB;
        assert_eq!(u64::from(last(bytes)), lengths[2], "{lengths:?}");
        // What lies behind it now is not its: an ordinary allocation, undone like any other.
        let txn = heap.begin_write().unwrap();
        let next = txn.alloc(MIB / 2, 4096).unwrap();
        // SAFETY: just allocated.
        unsafe { txn.resolve(next).write_bytes(9, MIB as usize / 2) };
        txn.commit().unwrap();
        let txn = heap.begin_write().unwrap();
        // SAFETY: within the allocation.
        unsafe { txn.resolve(next).write_bytes(8, MIB as usize / 2) };
        txn.abort().unwrap();
        assert_eq!(heap.begin_read().unwrap().bytes(next, 1).unwrap(), [9], "{lengths:?}");
        let txn = heap.begin_write().unwrap();
        txn.free(next).unwrap();
        txn.commit().unwrap();
    }
    heap.close().unwrap();
    let heap = Heap::open(scratch.file("a.heap"), &Options::new()).unwrap();
    let read = heap.begin_read().unwrap();
    assert_eq!(read.bytes(at, 5 * MIB).unwrap()[5 * MIB as usize - 1], 5);
    drop(read);
    clean(&heap);
}

#[test]
fn direct_extents_side_by_side_are_enlisted_again_and_again() {
    let scratch = Scratch::new("neighbours");
    let heap = Heap::open(scratch.closed("a.heap"), &Options::new()).unwrap();
    let fill = |at: u64, byte: u8| {
        // SAFETY: within an extent, which nobody else uses.
        unsafe { heap.resolve(at).write_bytes(byte, 100) };
    };
    // SAFETY: as above.
    let seen = |at: u64| unsafe { heap.resolve(at).read() };
    let txn = heap.begin_write().unwrap();
    let both: [u64; 2] = std::array::from_fn(|_| txn.alloc_direct(4096, true).unwrap().offset);
    assert_eq!(both[0].abs_diff(both[1]), 4096, "this is about neighbours");
    txn.commit().unwrap();
    for round in 1..4 {
        let enlisted = || {
            let txn = heap.begin_write().unwrap();
            both.iter().for_each(|&at| txn.enlist(at).unwrap());
            txn
        };
        let txn = enlisted();
        both.iter().for_each(|&at| fill(at, 100));
        txn.abort().unwrap();
        assert_eq!(both.map(seen), [round - 1; 2], "undone");
        let txn = enlisted();
        both.iter().for_each(|&at| fill(at, round));
        txn.commit().unwrap();
        assert_eq!(both.map(seen), [round; 2]);
    }
}

/// Fills an ordinary allocation in the space of a direct extent that is freed, and expects to find
/// it all, and nothing that was undone, when the heap was opened again.
fn used_again(scratch: &Scratch, heap: Heap, freed: u64) {
    const BYTES: u64 = MIB / 2;
    let txn = heap.begin_write().unwrap();
    txn.free(freed).unwrap();
    txn.commit().unwrap();
    let txn = heap.begin_write().unwrap();
    let at = txn.alloc(BYTES, 4096).unwrap();
    assert_eq!(at, freed, "this is about space that is used again");
    fill(&txn, at, BYTES, 7);
    txn.commit().unwrap();
    let txn = heap.begin_write().unwrap();
    fill(&txn, at, BYTES, 8);
    txn.abort().unwrap();
    heap.close().unwrap();
    let heap = Heap::open(scratch.file("a.heap"), &Options::new()).unwrap();
    let read = heap.begin_read().unwrap();
    let wrong = read.bytes(at, BYTES).unwrap().iter().position(|&byte| byte != 7);
    assert_eq!(wrong, None, "lost, or not undone");
}

#[test]
fn a_window_opened_on_a_new_extent_goes_when_that_is_freed() {
    let scratch = Scratch::new("opened-new");
    let heap = Heap::open(scratch.closed("a.heap"), &Options::new()).unwrap();
    let txn = heap.begin_write().unwrap();
    let at = txn.alloc_direct(MIB, true).unwrap().offset;
    txn.open_direct(at).unwrap();
    txn.commit().unwrap();
    used_again(&scratch, heap, at);
}

#[test]
fn a_window_opened_on_an_extent_goes_when_its_length_is_undone() {
    let scratch = Scratch::new("opened-shorter");
    let heap = Heap::open(scratch.closed("a.heap"), &Options::new()).unwrap();
    let txn = heap.begin_write().unwrap();
    let at = txn.alloc_direct(MIB, true).unwrap().offset;
    txn.commit().unwrap();
    heap.close().unwrap();
    let heap = Heap::open(scratch.file("a.heap"), &Options::new()).unwrap();
    let txn = heap.begin_write().unwrap();
    assert!(txn.resize_in_place(at, MIB / 4).unwrap());
    txn.open_direct(at).unwrap();
    txn.abort().unwrap();
    used_again(&scratch, heap, at);
}

/// Threads of one transaction make and free extents: none waits for what another holds.
#[test]
fn threads_make_and_free_extents_in_one_transaction() {
    let scratch = Scratch::new("extents-by-threads");
    let heap = Heap::open(scratch.closed("a.heap"), &Options::new()).unwrap();
    let txn = heap.begin_write().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..2000 {
                    let at = txn.alloc_direct(8192, false).unwrap().offset;
                    assert!(txn.resize_in_place(at, 100).unwrap());
                    txn.free(at).unwrap();
                }
            });
        }
    });
    txn.commit().unwrap();
    clean(&heap);
}

/// What one thread frees another may take at once: it is filled in place, as any new extent.
#[test]
fn an_extent_that_a_thread_freed_is_another_threads_to_fill() {
    let scratch = Scratch::new("extents-in-turn");
    let heap = Heap::open(scratch.closed("a.heap"), &Options::new()).unwrap();
    let txn = heap.begin_write().unwrap();
    let kept: Vec<(u64, u8)> = std::thread::scope(|scope| {
        let life = |own: u8| {
            let txn = &txn;
            move || {
                let mut kept = Vec::new();
                for round in 0..1000 {
                    let at = txn.alloc_direct(8192, false).unwrap().offset;
                    fill(txn, at, 8192, own);
                    match round % 50 {
                        0 => kept.push((at, own)),
                        _ => txn.free(at).unwrap(),
                    }
                }
                kept
            }
        };
        let threads: Vec<_> = (1..5).map(|own| scope.spawn(life(own))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    txn.commit().unwrap();
    heap.close().unwrap();
    let heap = Heap::open(scratch.file("a.heap"), &Options::new()).unwrap();
    let read = heap.begin_read().unwrap();
    let sound =
        |&&(at, own): &&(u64, u8)| read.bytes(at, 8192).unwrap().iter().all(|&it| it == own);
    assert_eq!(kept.iter().filter(sound).count(), kept.len(), "stores were lost");
}
