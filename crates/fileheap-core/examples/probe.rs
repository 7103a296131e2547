//! Times single operations of the engine: for profilers.
use fileheap_core::{Durability, Heap, Options, Wait};
use std::time::Instant;

fn main() {
    let mut args = std::env::args().skip(1);
    let what = args.next().unwrap_or_default();
    if what == "again" {
        return again();
    }
    let count: u64 = args.next().and_then(|n| n.parse().ok()).unwrap_or(1000);
    let path = std::env::current_dir().unwrap().join("target/probe.heap");
    for end in ["", "-log0", "-log1"] {
        let _ = std::fs::remove_file(format!("{}{end}", path.display()));
    }
    let megs: u64 = args.next().and_then(|n| n.parse().ok()).unwrap_or(64);
    let heap = Heap::create(&path, &Options::new()).unwrap();
    let mut txn = heap.begin_write().unwrap();
    let at = txn.alloc(megs << 20, 4096).unwrap();
    // SAFETY: within an allocation of this transaction, which nobody else uses.
    unsafe { txn.resolve(at).write_bytes(1, (megs as usize) << 20) };
    txn.set_face_root(0, at);
    txn.commit().unwrap();
    if what.contains("pairs") {
        let txn = heap.begin_write().unwrap();
        let start = Instant::now();
        for _ in 0..count {
            let cell = txn.alloc(64, 16).unwrap();
            // SAFETY: a fresh cell of 64 bytes.
            unsafe { txn.resolve(cell).cast::<u64>().write(cell) };
            txn.free(cell).unwrap();
        }
        println!("{what}: {:.2} ns", start.elapsed().as_nanos() as f64 / count as f64);
        return;
    }
    let mut seed = 1_u64;
    let mut random = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % (megs << 17)
    };
    let words = if what.contains("many") {
        10_000
    } else if what.contains("some") {
        100
    } else {
        1
    };
    let mut times = Vec::new();
    if what.contains("open") {
        heap.close().unwrap();
        drop(heap);
        for _ in 0..count {
            let start = Instant::now();
            let heap = Heap::open(&path, &Options::new()).unwrap();
            let read = heap.begin_read().unwrap();
            std::hint::black_box(read.face_root(0));
            times.push(start.elapsed().as_nanos());
            drop(read);
        }
    } else {
        for _ in 0..count {
            let start = Instant::now();
            let tracked = what.contains("tracked");
            let mut txn =
                if tracked { heap.begin_tracked(Wait::Forever) } else { heap.begin_write() }
                    .unwrap();
            if what.contains("nosync") {
                txn.set_durability(Durability::Process);
            }
            for _ in 0..words {
                let word = at + random() * 8;
                // SAFETY: within an allocation of this transaction, which nobody else uses.
                unsafe { txn.resolve(word).cast::<u64>().write(seed_of(word)) };
                txn.touch(word, 8);
            }
            txn.commit().unwrap();
            times.push(start.elapsed().as_nanos());
        }
    }
    times.sort_unstable();
    let at = |part: usize| times[(times.len() - 1) * part / 1000] as f64 / 1e3;
    println!("{what}: p50 {:.2} us, p99 {:.2}, max {:.2}", at(500), at(990), at(1000));
}

/// Opens what an earlier run left.
fn again() {
    let path = std::env::current_dir().unwrap().join("target/probe.heap");
    let start = Instant::now();
    let heap = Heap::open(&path, &Options::new()).unwrap();
    let opened = start.elapsed();
    let read = heap.begin_read().unwrap();
    std::hint::black_box(read.face_root(0));
    println!("open {opened:?}, with read {:?}", start.elapsed());
}

fn seed_of(word: u64) -> u64 {
    word.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
