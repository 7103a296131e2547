//! Measures the allocator beside malloc: the same work on both, in turns, medians.
//!
//! `alloc_speed [only] [ours]`: only workloads whose name contains `only`; `ours`: no malloc.

use std::hint::black_box;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc;
use std::time::Instant;

use fileheap_core::Result;
use fileheap_core::alloc::{Allocator, Ground};
use fileheap_core::format::{INITIAL_BYTES, PAGE_BYTES};

const RESERVED: usize = 8 << 30;

/// Anonymous memory in place of a file; whatever is free is safe.
struct Ram(*mut u8, AtomicU64);

// SAFETY: the memory is reached as the allocator's contract allows.
unsafe impl Sync for Ram {}
// SAFETY: as above.
unsafe impl Send for Ram {}

impl Ground for Ram {
    fn base(&self) -> *mut u8 {
        self.0
    }
    #[inline]
    fn touch(&self, _: u64, _: u64) {}
    fn extend(&self, total_pages: u64) -> Result<bool> {
        self.1.fetch_max(total_pages, Relaxed);
        Ok(false)
    }
    fn reserve(&self, _: Range<u64>) -> Result<()> {
        Ok(())
    }
    fn txn(&self) -> u64 {
        1
    }
    fn safe_txn(&self) -> u64 {
        1
    }
    fn claimed(&self, _: Range<u64>) {}
    fn taken(&self, _: Range<u64>) {}
    fn is_claimed(&self, _: Range<u64>) -> bool {
        true
    }
}

trait Memory: Sync {
    fn take(&self, bytes: u64) -> u64;
    fn give(&self, piece: u64);
    /// Bytes of the file per byte live; 0 where that is not known.
    fn overhead(&self) -> f64 {
        0.0
    }
    fn write(&self, piece: u64);
}

struct Heap(Ram, Allocator);

impl Heap {
    /// A new heap in the same memory: as malloc does, it finds its pages warm.
    fn new(base: *mut u8) -> Self {
        // SAFETY: the memory is mapped, and the heap before this one is gone.
        unsafe { base.write_bytes(0, INITIAL_BYTES as usize) };
        let ram = Ram(base, AtomicU64::new(INITIAL_BYTES / PAGE_BYTES));
        // SAFETY: all of it is mapped as long as the heap lives.
        let heap = unsafe { Allocator::new(ram.0, RESERVED as u64) };
        heap.format(&ram).unwrap();
        Self(ram, heap)
    }
}

fn map() -> *mut u8 {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a fresh mapping wherever there is room.
    unsafe { libc::mmap(std::ptr::null_mut(), RESERVED, access, flags, -1, 0) }.cast()
}

impl Memory for Heap {
    #[inline]
    fn take(&self, bytes: u64) -> u64 {
        self.1.alloc(&self.0, bytes, 16).unwrap()
    }
    #[inline]
    fn give(&self, piece: u64) {
        self.1.free(&self.0, piece).unwrap();
    }
    fn overhead(&self) -> f64 {
        let stat = self.1.stat();
        stat.heap_bytes as f64 / stat.live_bytes as f64
    }
    #[inline]
    fn write(&self, piece: u64) {
        // SAFETY: a live allocation.
        unsafe { self.0.0.add(piece as usize).write_volatile(1) }
    }
}

struct Malloc;

impl Memory for Malloc {
    #[inline]
    fn take(&self, bytes: u64) -> u64 {
        // SAFETY: plain malloc.
        unsafe { libc::malloc(bytes as usize) as u64 }
    }
    #[inline]
    fn give(&self, piece: u64) {
        // SAFETY: came from malloc.
        unsafe { libc::free(piece as *mut libc::c_void) }
    }
    #[inline]
    fn write(&self, piece: u64) {
        // SAFETY: a live allocation.
        unsafe { (piece as *mut u8).write_volatile(1) }
    }
}

struct Dice(u64);

impl Dice {
    #[inline]
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 32) * below) >> 32
    }
    fn log_uniform(&mut self, least: f64, most: f64) -> u64 {
        let part = self.roll(1 << 30) as f64 / (1_u64 << 30) as f64;
        (least * (most / least).powf(part)) as u64
    }
}

/// What a workload gives back: nanoseconds per operation, and overhead.
type Figures = (f64, f64);

fn timed(operations: u64, memory: &impl Memory, work: impl FnOnce()) -> Figures {
    let start = Instant::now();
    work();
    (start.elapsed().as_nanos() as f64 / operations as f64, memory.overhead())
}

fn pairs(memory: &impl Memory) -> Figures {
    timed(2_000_000, memory, || {
        for _ in 0..2_000_000 {
            let piece = black_box(memory.take(64));
            memory.write(piece);
            memory.give(piece);
        }
    })
}

fn replace(memory: &impl Memory, live: usize, steps: u64, seed: u64, size: Size) -> Figures {
    let mut dice = Dice(seed);
    let take = |dice: &mut Dice| {
        let piece = memory.take(size(dice));
        memory.write(piece);
        piece
    };
    let mut pieces: Vec<u64> = (0..live).map(|_| take(&mut dice)).collect();
    for _ in 0..live {
        let index = dice.roll(live as u64) as usize;
        memory.give(pieces[index]);
        pieces[index] = take(&mut dice);
    }
    let figures = timed(steps, memory, || {
        for _ in 0..steps {
            let index = dice.roll(live as u64) as usize;
            memory.give(pieces[index]);
            pieces[index] = take(&mut dice);
        }
    });
    pieces.iter().for_each(|piece| memory.give(*piece));
    figures
}

type Size = fn(&mut Dice) -> u64;

fn small(dice: &mut Dice) -> u64 {
    16 + dice.roll(1009)
}

fn any(dice: &mut Dice) -> u64 {
    dice.log_uniform(16.0, 4_194_304.0)
}

fn middle(dice: &mut Dice) -> u64 {
    dice.log_uniform(1024.0, 32768.0)
}

fn random(memory: &impl Memory) -> Figures {
    replace(memory, 100_000, 400_000, 9, small)
}

fn mixed(memory: &impl Memory) -> Figures {
    replace(memory, 4000, 100_000, 9, any)
}

fn middling(memory: &impl Memory) -> Figures {
    replace(memory, 10_000, 200_000, 9, middle)
}

fn batches(memory: &impl Memory, lifo: bool) -> Figures {
    timed(20 * 20_000, memory, || {
        let mut pieces = Vec::with_capacity(20_000);
        for round in 0..20 {
            pieces.extend((0..20_000_u64).map(|index| memory.take(16 + (index + round) % 16 * 16)));
            if lifo {
                pieces.drain(..).rev().for_each(|piece| memory.give(piece));
            } else {
                pieces.drain(..).for_each(|piece| memory.give(piece));
            }
        }
    })
}

fn lifo(memory: &impl Memory) -> Figures {
    batches(memory, true)
}

fn fifo(memory: &impl Memory) -> Figures {
    batches(memory, false)
}

fn cross(memory: &impl Memory) -> Figures {
    timed(600_000, memory, || {
        let (send, receive) = mpsc::sync_channel::<Vec<u64>>(8);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for pieces in receive {
                    pieces.iter().for_each(|piece| memory.give(*piece));
                }
            });
            let mut dice = Dice(3);
            for _ in 0..600 {
                let pieces = (0..1000).map(|_| {
                    let piece = memory.take(small(&mut dice));
                    memory.write(piece);
                    piece
                });
                send.send(pieces.collect()).unwrap();
            }
            drop(send);
        });
    })
}

fn two(work: impl Fn() -> Figures + Sync) -> Figures {
    std::thread::scope(|scope| {
        let other = scope.spawn(|| work().0);
        let (mine, overhead) = work();
        (mine.max(other.join().unwrap()), overhead)
    })
}

fn two_pairs(memory: &impl Memory) -> Figures {
    two(|| pairs(memory))
}

fn two_random(memory: &impl Memory) -> Figures {
    two(|| replace(memory, 50_000, 300_000, 9, small))
}

/// Frees 90 of 100 at random and fills up with 2 to 8 KiB; only its overhead is of interest.
fn refill(memory: &impl Memory) -> Figures {
    let mut dice = Dice(5);
    let mut pieces: Vec<(u64, u64)> = Vec::new();
    let mut live = 0;
    for _ in 0..100_000 {
        let bytes = small(&mut dice);
        pieces.push((memory.take(bytes), bytes));
        live += bytes;
    }
    let mut volume = live;
    for index in (0..pieces.len()).rev() {
        if dice.roll(10) > 0 {
            let (piece, bytes) = pieces.swap_remove(index);
            memory.give(piece);
            volume -= bytes;
        }
    }
    let figures = timed((live - volume) / 5120, memory, || {
        while volume < live {
            let bytes = 2048 + dice.roll(6145);
            pieces.push((memory.take(bytes), bytes));
            volume += bytes;
        }
    });
    let overhead = memory.overhead();
    pieces.iter().for_each(|piece| memory.give(piece.0));
    (figures.0, overhead)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn show(name: &str, ours: fn(&Heap) -> Figures, theirs: fn(&Malloc) -> Figures) {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|only| !name.contains(only.as_str())) {
        return;
    }
    let alone = arguments.len() > 1;
    let (mut mine, mut other, mut overhead) = (Vec::new(), Vec::new(), 0.0);
    let base = map();
    ours(&Heap::new(base));
    for _ in 0..7 {
        let heap = Heap::new(base);
        let figures = ours(&heap);
        mine.push(figures.0);
        overhead = figures.1;
        if !alone {
            other.push(theirs(&Malloc).0);
        }
    }
    // SAFETY: mapped above; the heaps in it are gone.
    unsafe { libc::munmap(base.cast(), RESERVED) };
    let mine = median(mine);
    let other = if alone { f64::NAN } else { median(other) };
    println!("{name:18} {mine:8.1} {other:8.1} {:6.2} {overhead:8.3}", mine / other);
}

fn main() {
    println!("{:18} {:>8} {:>8} {:>6} {:>8}", "work", "ours ns", "malloc", "ratio", "space");
    show("64 B pairs", pairs, pairs);
    show("random 16-1024", random, random);
    show("mixed 16 B-4 MiB", mixed, mixed);
    show("middle 1-32 KiB", middling, middling);
    show("lifo 20k", lifo, lifo);
    show("fifo 20k", fifo, fifo);
    show("cross-thread", cross, cross);
    show("2 threads pairs", two_pairs, two_pairs);
    show("2 threads random", two_random, two_random);
    show("refill 2-8 KiB", refill, refill);
}
