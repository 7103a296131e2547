//! alloc: nanoseconds per allocation and free, eight patterns.

use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::time::Instant;

use peers::seam::{Alloc, Result};

use crate::job::{Job, Shot, Table, Workload};
use crate::random::Random;
use crate::roster;

pub const LIVE_COUNT: usize = 100_000;
pub const MIXED_LIVE_COUNT: usize = 2000;
const CELL_BYTES: usize = 64;
const BATCH_COUNT: usize = 1000;
const RING_COUNT: usize = 1024;

pub fn workload() -> Workload {
    Workload {
        name: "alloc",
        about: "ns per alloc + free, the block's first word written",
        tables,
        setup: None,
        load: None,
        cell: |job| (roster::pick(roster::allocs(), job, |row| row.name)?.time)(job),
    }
}

fn tables(_quick: bool) -> Vec<Table> {
    let shots = [
        "pairs 64 B",
        "random 16-1024 B",
        "mixed 16 B-4 MiB",
        "LIFO",
        "FIFO",
        "cross-thread",
        "pairs, 2 threads",
        "random, 2 threads",
    ];
    vec![Table {
        id: "alloc",
        title: "Allocate and free, ns per pair of them; ratio to glibc",
        reference: Some(roster::GLIBC),
        rows: roster::allocs().iter().map(|row| row.name).collect(),
        shots: shots.map(|name| Shot::new(name, &[name])).into(),
    }]
}

/// A new block with its first word written.
#[inline]
pub fn take<A: Alloc>(allocator: &A, bytes: usize) -> *mut u8 {
    let block = allocator.alloc(bytes);
    assert!(!block.is_null(), "out of space at {bytes} bytes");
    // SAFETY: every workload asks for at least 16 bytes, aligned to 16 by the trait's law.
    unsafe { block.cast::<u64>().write(bytes as u64) };
    block
}

/// Frees a block.
#[inline]
fn give<A: Alloc>(allocator: &A, block: *mut u8) {
    // SAFETY: workloads free each block once, and only blocks from `take`.
    unsafe { allocator.free(block) }
}

pub fn measure<A: Alloc>(job: &Job) -> Result<Vec<f64>> {
    let a = &A::create(&job.dir)?;
    let pair_count = job.count(5_000_000, 500_000);
    let random_count = job.count(2_000_000, 200_000);
    let seed = job.seed();
    let nanos = match job.shot.as_str() {
        "pairs 64 B" => pairs(a, pair_count, &Barrier::new(1)),
        "random 16-1024 B" => random(a, random_count, seed, &Barrier::new(1)),
        "mixed 16 B-4 MiB" => mixed(a, job.count(400_000, 40_000), seed),
        "LIFO" => batches(a, pair_count, true),
        "FIFO" => batches(a, pair_count, false),
        "cross-thread" => cross_thread(a, pair_count),
        "pairs, 2 threads" => on_two_threads(|_, start| pairs(a, pair_count, start)),
        "random, 2 threads" => {
            on_two_threads(|thread, start| random(a, random_count / 2, seed ^ thread, start))
        }
        other => return Err(format!("no shot named {other:?}").into()),
    };
    Ok(vec![nanos])
}

fn nanos_per(start: Instant, count: usize) -> f64 {
    start.elapsed().as_nanos() as f64 / count as f64
}

fn pairs<A: Alloc>(a: &A, count: usize, start: &Barrier) -> f64 {
    let run = |count: usize| {
        for _ in 0..count {
            give(a, black_box(take(a, black_box(CELL_BYTES))));
        }
    };
    run(count / 50);
    start.wait();
    let clock = Instant::now();
    run(count);
    nanos_per(clock, count)
}

/// Replaces random blocks of a live set by new ones of random size.
fn replace<A: Alloc>(
    a: &A,
    live: &mut [*mut u8],
    count: usize,
    mut size: impl FnMut() -> usize,
    random: &mut Random,
) {
    for _ in 0..count {
        let index = random.below(live.len() as u64) as usize;
        give(a, live[index]);
        live[index] = take(a, size());
    }
}

fn random<A: Alloc>(a: &A, count: usize, seed: u64, start: &Barrier) -> f64 {
    let mut sizes = Random::new(seed);
    let mut indexes = Random::new(!seed);
    let mut size = || sizes.between(16, 1024) as usize;
    let mut live: Vec<*mut u8> = (0..LIVE_COUNT).map(|_| take(a, size())).collect();
    replace(a, &mut live, LIVE_COUNT, &mut size, &mut indexes);
    start.wait();
    let clock = Instant::now();
    replace(a, &mut live, count, &mut size, &mut indexes);
    nanos_per(clock, count)
}

/// Writes to every page of a block, so that later stores there are not the first.
fn touch(block: *mut u8, bytes: usize) {
    for offset in (0..bytes).step_by(4096) {
        // SAFETY: the block is `bytes` long and nobody else has it.
        unsafe { block.add(offset).write(1) };
    }
}

/// Warms up until the room is about as large as it gets and its pages were touched: what is
/// measured is the allocator, not the kernel's first touch.
fn mixed<A: Alloc>(a: &A, count: usize, seed: u64) -> f64 {
    let mut sizes = Random::new(seed);
    let mut indexes = Random::new(!seed);
    let mut size = || sizes.log_uniform(4, 22) as usize;
    let mut live: Vec<*mut u8> = (0..MIXED_LIVE_COUNT).map(|_| take(a, size())).collect();
    for _ in 0..8 * MIXED_LIVE_COUNT {
        let index = indexes.below(live.len() as u64) as usize;
        give(a, live[index]);
        let bytes = size();
        live[index] = take(a, bytes);
        touch(live[index], bytes);
    }
    let clock = Instant::now();
    replace(a, &mut live, count, &mut size, &mut indexes);
    nanos_per(clock, count)
}

/// Allocates a batch, then frees it, last block first or first block first.
fn batches<A: Alloc>(a: &A, count: usize, is_lifo: bool) -> f64 {
    let mut batch = vec![std::ptr::null_mut(); BATCH_COUNT];
    let mut run = |batch_count: usize| {
        for _ in 0..batch_count {
            batch.fill_with(|| take(a, black_box(CELL_BYTES)));
            if is_lifo {
                batch.iter().rev().for_each(|block| give(a, *block));
            } else {
                batch.iter().for_each(|block| give(a, *block));
            }
        }
    };
    run(count / BATCH_COUNT / 50);
    let clock = Instant::now();
    run(count / BATCH_COUNT);
    nanos_per(clock, count)
}

/// Spins a while, then lets others run: there may be fewer cores than threads.
fn wait_until(mut ready: impl FnMut() -> bool) {
    let mut tries = 0u32;
    while !ready() {
        tries += 1;
        if tries.is_multiple_of(256) {
            std::thread::yield_now();
        } else {
            std::hint::spin_loop();
        }
    }
}

/// One thread allocates, another frees; a ring of slots between them.
fn cross_thread<A: Alloc>(a: &A, count: usize) -> f64 {
    let ring: Vec<AtomicPtr<u8>> = (0..RING_COUNT).map(|_| AtomicPtr::default()).collect();
    let run = |count: usize| {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for index in 0..count {
                    let block = take(a, black_box(CELL_BYTES));
                    let slot = &ring[index % RING_COUNT];
                    wait_until(|| slot.load(Ordering::Acquire).is_null());
                    slot.store(block, Ordering::Release);
                }
            });
            for index in 0..count {
                let slot = &ring[index % RING_COUNT];
                wait_until(|| !slot.load(Ordering::Acquire).is_null());
                give(a, slot.swap(std::ptr::null_mut(), Ordering::AcqRel));
            }
        });
    };
    run(count / 50);
    let clock = Instant::now();
    run(count);
    nanos_per(clock, count)
}

/// Two threads at once; the slower one's time per operation of its own.
fn on_two_threads(work: impl Fn(u64, &Barrier) -> f64 + Sync) -> f64 {
    let start = &Barrier::new(2);
    let work = &work;
    std::thread::scope(|scope| {
        let other = scope.spawn(move || work(1, start));
        let mine = work(0, start);
        mine.max(other.join().expect("the other thread panicked"))
    })
}
