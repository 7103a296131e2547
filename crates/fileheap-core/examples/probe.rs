//! Times single operations of the engine one by one, for a look with a profiler.
//!
//! `probe WHAT [COUNT [MEGABYTES]]`: WHAT is `open`, `again` (opens what an earlier run left), or
//! `commit`, with `-some` or `-many` for more than one store, `-tracked` and `-nosync` added;
//! `pairs` takes and gives a cell in turn.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use fileheap_core::{Durability, Heap, Options, Wait};

fn main() {
    let mut args = std::env::args().skip(1);
    let what = args.next().unwrap_or_default();
    let path = std::env::current_dir().unwrap().join("target/probe.heap");
    if what == "again" {
        return again(&path);
    }
    let mut number = |default| args.next().and_then(|n| n.parse().ok()).unwrap_or(default);
    let (count, megabytes): (u64, u64) = (number(1000), number(64));
    let (heap, at) = create(&path, megabytes);
    if what.contains("pairs") {
        return pairs(&heap, &what, count);
    }
    let mut times = if what.contains("open") {
        heap.close().unwrap();
        drop(heap);
        opens(&path, count)
    } else {
        commits(&heap, &what, count, at, megabytes)
    };
    times.sort_unstable();
    let at = |part: usize| times[times.len().saturating_sub(1) * part / 1000] as f64 / 1e3;
    println!("{what}: p50 {:.2} us, p99 {:.2}, max {:.2}", at(500), at(990), at(1000));
}

/// A heap with one allocation, and where that is.
fn create(path: &Path, megabytes: u64) -> (Heap, u64) {
    for end in ["", "-log0", "-log1"] {
        let _ = std::fs::remove_file(format!("{}{end}", path.display()));
    }
    let heap = Heap::create(path, &Options::new()).unwrap();
    let mut txn = heap.begin_write().unwrap();
    let at = txn.alloc(megabytes << 20, 4096).unwrap();
    // SAFETY: within an allocation of this transaction, which nobody else uses.
    unsafe { txn.resolve(at).write_bytes(1, (megabytes as usize) << 20) };
    txn.set_face_root(0, at);
    txn.commit().unwrap();
    (heap, at)
}

/// Nanoseconds of each opening, up to a first look.
fn opens(path: &Path, count: u64) -> Vec<u128> {
    let mut times = Vec::new();
    for _ in 0..count {
        let start = Instant::now();
        let heap = Heap::open(path, &Options::new()).unwrap();
        let read = heap.begin_read().unwrap();
        black_box(read.face_root(0));
        times.push(start.elapsed().as_nanos());
        drop(read);
    }
    times
}

/// Nanoseconds of each transaction with stores to words anywhere in the allocation.
fn commits(heap: &Heap, what: &str, count: u64, at: u64, megabytes: u64) -> Vec<u128> {
    let words = match () {
        () if what.contains("many") => 10_000,
        () if what.contains("some") => 100,
        () => 1,
    };
    let tracked = what.contains("tracked");
    let mut state = 1_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut times = Vec::new();
    for _ in 0..count {
        let start = Instant::now();
        let txn = if tracked { heap.begin_tracked(Wait::Forever) } else { heap.begin_write() };
        let mut txn = txn.unwrap();
        if what.contains("nosync") {
            txn.set_durability(Durability::Process);
        }
        for _ in 0..words {
            let word = at + random() % (megabytes << 17) * 8;
            // SAFETY: within the allocation that `create` made, which nobody else uses.
            unsafe { txn.resolve(word).cast::<u64>().write(word.wrapping_mul(0x9e37_79b9)) };
            txn.touch(word, 8);
        }
        txn.commit().unwrap();
        times.push(start.elapsed().as_nanos());
    }
    times
}

/// Allocates and frees a cell, again and again in one transaction.
fn pairs(heap: &Heap, what: &str, count: u64) {
    let txn = heap.begin_write().unwrap();
    let start = Instant::now();
    for _ in 0..count {
        let cell = txn.alloc(64, 16).unwrap();
        // SAFETY: a fresh cell of 64 bytes.
        unsafe { txn.resolve(cell).cast::<u64>().write(cell) };
        txn.free(cell).unwrap();
    }
    println!("{what}: {:.2} ns", start.elapsed().as_nanos() as f64 / count as f64);
}

/// Opens what an earlier run left.
fn again(path: &Path) {
    let start = Instant::now();
    let heap = Heap::open(path, &Options::new()).unwrap();
    let opened = start.elapsed();
    let read = heap.begin_read().unwrap();
    black_box(read.face_root(0));
    println!("open {opened:?}, with read {:?}", start.elapsed());
}
