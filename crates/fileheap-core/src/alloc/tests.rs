//! The allocator against a naive oracle, hostile bytes, failing growth and many threads.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard};

use super::view::View;
use super::{Allocator, Ground, check};
use crate::effort::effort;
use crate::format::{EXTENT_BYTES, INITIAL_BYTES, PAGE_BYTES, RunKind};
use crate::{Error, ErrorKind, Result};

mod space;

const RESERVED: u64 = 256 << 20;

/// A heap in memory that can fail to grow.
struct Ram {
    memory: *mut u8,
    base: *mut u8,
    limit_pages: AtomicU64,
    pages: AtomicU64,
    /// The most pages there ever were.
    highest: AtomicU64,
    /// Pages that were reserved anew.
    reserved: AtomicU64,
    txn: AtomicU64,
    /// How many transactions it takes until what one freed is safe.
    lag: AtomicU64,
    /// By the transaction with this number.
    claimed: Mutex<(u64, BTreeSet<u64>)>,
    /// Pages in use in the last committed states, newest first.
    history: Mutex<VecDeque<Vec<Range<u64>>>>,
}

// SAFETY: the memory is reached as the allocator's contract allows.
unsafe impl Sync for Ram {}
// SAFETY: as above.
unsafe impl Send for Ram {}

fn layout() -> Layout {
    // Small alignment, so that the zeros cost nothing before they are touched.
    Layout::from_size_align((RESERVED + EXTENT_BYTES) as usize, 16).unwrap()
}

impl Ram {
    fn new() -> Self {
        // SAFETY: the layout is not empty.
        let memory = unsafe { alloc_zeroed(layout()) };
        assert!(!memory.is_null());
        let base = memory.wrapping_add(memory.align_offset(EXTENT_BYTES as usize));
        Self {
            memory,
            base,
            limit_pages: AtomicU64::new(RESERVED / PAGE_BYTES),
            pages: AtomicU64::new(INITIAL_BYTES / PAGE_BYTES),
            highest: AtomicU64::new(INITIAL_BYTES / PAGE_BYTES),
            reserved: AtomicU64::new(0),
            txn: AtomicU64::new(5),
            lag: AtomicU64::new(2),
            claimed: Mutex::default(),
            history: Mutex::default(),
        }
    }

    fn bytes(&self) -> u64 {
        self.pages.load(Relaxed) * PAGE_BYTES
    }

    #[allow(clippy::mut_from_ref)] // Each test keeps its allocations apart.
    fn slice(&self, offset: u64, bytes: u64) -> &mut [u8] {
        assert!(offset + bytes <= RESERVED);
        // SAFETY: in range; each test only looks at what it allocated.
        unsafe { std::slice::from_raw_parts_mut(self.base.add(offset as usize), bytes as usize) }
    }

    /// Ends the transaction: a reader may pin what it leaves, until two more have ended.
    fn commit(&self) {
        // SAFETY: all of it is mapped.
        let view = unsafe { View::new(self.base, self.bytes()) };
        let mut used = Vec::new();
        view.each_run(&mut |page, entry, kind| {
            if kind != RunKind::Free {
                used.push(page..page + entry.pages());
            }
        });
        let mut history = self.history.lock().unwrap();
        history.push_front(used);
        history.truncate(self.lag.load(Relaxed) as usize);
        self.txn.fetch_add(1, Relaxed);
    }

    fn claims(&self) -> MutexGuard<'_, (u64, BTreeSet<u64>)> {
        let mut claims = self.claimed.lock().unwrap();
        let txn = self.txn.load(Relaxed);
        if claims.0 != txn {
            *claims = (txn, BTreeSet::new());
        }
        claims
    }

    fn assert_sound(&self) {
        // SAFETY: all of it is mapped.
        unsafe { check(self.base, self.bytes(), &mut |finding| panic!("{finding:?}")) }
    }
}

impl Drop for Ram {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout.
        unsafe { dealloc(self.memory, layout()) }
    }
}

impl Ground for Ram {
    fn base(&self) -> *mut u8 {
        self.base
    }
    fn touch(&self, offset: u64, bytes: u64) {
        assert!(offset + bytes <= self.bytes());
    }
    fn extend(&self, total_pages: u64) -> Result<bool> {
        if total_pages > self.limit_pages.load(Relaxed) {
            return Err(Error::new(ErrorKind::DiskFull, "no more"));
        }
        let old = self.pages.fetch_max(total_pages, Relaxed);
        Ok(self.highest.fetch_max(total_pages, Relaxed) <= old)
    }
    fn reserve(&self, pages: Range<u64>) -> Result<()> {
        self.reserved.fetch_add(pages.end - pages.start, Relaxed);
        if pages.end > self.limit_pages.load(Relaxed) {
            return Err(Error::new(ErrorKind::DiskFull, "no space for a hole"));
        }
        Ok(())
    }
    fn txn(&self) -> u64 {
        self.txn.load(Relaxed)
    }
    fn safe_txn(&self) -> u64 {
        self.txn.load(Relaxed) - self.lag.load(Relaxed)
    }
    fn claimed(&self, pages: Range<u64>) {
        for used in self.history.lock().unwrap().iter().flatten() {
            let apart = used.end <= pages.start || pages.end <= used.start;
            assert!(apart, "claimed {pages:?}, and a reader may still want {used:?}");
        }
        self.claims().1.extend(pages);
    }
    fn taken(&self, _: Range<u64>) {}
    fn is_claimed(&self, pages: Range<u64>) -> bool {
        let claims = self.claims();
        pages.into_iter().all(|page| claims.1.contains(&page))
    }
}

fn heap() -> (Ram, Allocator) {
    let ram = Ram::new();
    // SAFETY: the memory outlives the allocator in every test.
    let heap = unsafe { Allocator::new(ram.base, RESERVED) };
    heap.format(&ram).unwrap();
    ram.assert_sound();
    (ram, heap)
}

fn free_all(ram: &Ram, heap: &Allocator, all: impl Iterator<Item = u64>) {
    all.for_each(|offset| assert!(heap.free(ram, offset).unwrap().bytes > 0));
}

/// Whether all bytes are the same, by one comparison of memory.
fn is_all(bytes: &[u8], fill: u8) -> bool {
    bytes[0] == fill && bytes[1..] == bytes[..bytes.len() - 1]
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % below
    }
    fn bytes(&mut self) -> u64 {
        match self.roll(100) {
            0..60 => self.roll(1024) + 1,
            60..85 => self.roll(33000) + 1,
            85..98 => self.roll(400_000) + 1,
            _ => self.roll(3 * EXTENT_BYTES) + 1,
        }
    }
    fn align(&mut self) -> u64 {
        if self.roll(4) > 0 { 1 } else { 1 << self.roll(15) }
    }
}

/// Settles, and compares the truth on file with what the oracle knows.
fn compare(ram: &Ram, heap: &Allocator, live: &BTreeMap<u64, (u64, u8)>, seed: u64) {
    // SAFETY: one thread.
    unsafe { heap.settle(ram).unwrap() };
    ram.assert_sound();
    let mut found = Vec::new();
    heap.each_live(&mut |offset, bytes, kind| found.push((offset, bytes, kind)));
    assert_eq!(found.len(), live.len(), "seed {seed}");
    for ((offset, bytes, kind), (at, (wanted, fill))) in found.iter().zip(live) {
        assert!(offset == at && bytes >= wanted, "seed {seed} at {at}");
        assert_eq!(heap.usable_bytes(*offset).unwrap(), *bytes);
        assert!(matches!(kind, RunKind::Run | RunKind::Zone));
        assert!(is_all(ram.slice(*at, *wanted), *fill), "seed {seed} at {at}");
    }
    let stat = heap.stat();
    let sum = stat.live_bytes + stat.free_run_bytes + stat.free_cell_bytes + stat.own_bytes;
    assert_eq!(sum, stat.heap_bytes, "seed {seed}");
}

fn trim(ram: &Ram, heap: &Allocator, cut: bool) {
    if cut {
        // SAFETY: one thread.
        unsafe { heap.punch(ram, 8).unwrap() };
        ram.pages.store(heap.shrink_tail(ram).unwrap(), Relaxed);
    } else {
        // SAFETY: one thread.
        unsafe { heap.return_spare(ram).unwrap() };
        ram.assert_sound();
    }
}

fn generated(seed: u64, steps: u64) {
    let (ram, heap) = heap();
    ram.lag.store(1 + seed % 2, Relaxed);
    let mut dice = Dice(seed * 2 + 0x9E37_79B9_7F4A_7C15);
    let mut live: BTreeMap<u64, (u64, u8)> = BTreeMap::new();
    for step in 0..steps {
        let any = |dice: &mut Dice| {
            let from = dice.roll(ram.bytes());
            let next = live.range(from..).next().or(live.iter().next());
            next.map(|(at, it)| (*at, *it))
        };
        let grow = live.len() < 150 + (step / 512 % 2 * 300) as usize;
        match dice.roll(100) {
            0..45 if grow => {
                let (bytes, align, fill) = (dice.bytes(), dice.align(), dice.roll(256) as u8);
                let zeroed = dice.roll(4) == 0;
                let at = if zeroed {
                    heap.alloc_zeroed(&ram, bytes, align).unwrap()
                } else {
                    heap.alloc(&ram, bytes, align).unwrap()
                };
                assert!(at % align.max(16) == 0, "seed {seed}");
                assert!(!zeroed || is_all(ram.slice(at, bytes), 0));
                ram.slice(at, bytes).fill(fill);
                assert!(live.insert(at, (bytes, fill)).is_none());
            }
            0..75 => {
                let Some((at, _)) = any(&mut dice) else { continue };
                heap.free(&ram, at).unwrap();
                assert_eq!(heap.free(&ram, at).unwrap_err().kind(), ErrorKind::BadPointer);
                live.remove(&at);
            }
            75..95 => {
                let Some((at, (old, fill))) = any(&mut dice) else { continue };
                let bytes = dice.bytes();
                let align = 1 << dice.roll(8);
                let new = heap.realloc(&ram, at, bytes, align).unwrap();
                let kept = ram.slice(new, bytes.min(old));
                assert!(new % align == 0 && is_all(kept, fill), "seed {seed}");
                live.remove(&at);
                ram.slice(new, bytes).fill(fill);
                assert!(live.insert(new, (bytes, fill)).is_none());
            }
            95 => compare(&ram, &heap, &live, seed),
            96 => ram.commit(),
            97 => {
                compare(&ram, &heap, &live, seed);
                ram.commit();
                // SAFETY: one thread.
                unsafe { heap.reset(ram.txn() - 1) };
            }
            last => trim(&ram, &heap, last == 98),
        }
    }
    compare(&ram, &heap, &live, seed);
    for at in live.into_keys() {
        heap.free(&ram, at).unwrap();
    }
    // SAFETY: one thread.
    unsafe { heap.return_spare(&ram).unwrap() };
    ram.assert_sound();
    let stat = heap.stat();
    assert_eq!((stat.zone_count, stat.live_bytes), (0, 0), "seed {seed}");
}

/// Allocations in a heap that is damaged.
const LIVE: usize = effort(400, 40) as usize;
const SEEDS: u64 = effort(24, 1);

#[test]
fn generated_work_agrees_with_the_oracle() {
    for seed in 1..=SEEDS {
        generated(seed, effort(3000, 40));
    }
}

#[test]
fn bad_pointers_are_named() {
    let (ram, heap) = heap();
    let cell = heap.alloc(&ram, 100, 1).unwrap();
    let run = heap.alloc(&ram, 100_000, 1).unwrap();
    let wrong = [0, 16, 65536, cell + 16, cell + 1, run + 4096, run + 16, RESERVED, u64::MAX, !15];
    for offset in wrong {
        let error = heap.free(&ram, offset).unwrap_err();
        assert_eq!((error.kind(), error.file_offset()), (ErrorKind::BadPointer, Some(offset)));
        assert_eq!(heap.usable_bytes(offset).unwrap_err().kind(), ErrorKind::BadPointer);
    }
    for (bytes, align) in [(1, 3), (1, 0), (u64::MAX, 1), (1 << 50, 1), (9, 1 << 60)] {
        assert!(heap.alloc(&ram, bytes, align).is_err());
    }
    heap.free(&ram, cell).unwrap();
    heap.free(&ram, run).unwrap();
    assert_eq!(heap.free(&ram, cell).unwrap_err().kind(), ErrorKind::BadPointer);
    assert_eq!(heap.free(&ram, run).unwrap_err().kind(), ErrorKind::BadPointer);
}

#[test]
fn failed_growth_changes_nothing() {
    let (ram, heap) = heap();
    ram.limit_pages.store(2000, Relaxed);
    let mut live = BTreeMap::new();
    let mut dice = Dice(77);
    let mut failures = 0;
    while failures < effort(20, 1) {
        let bytes = dice.bytes();
        match heap.alloc(&ram, bytes, 1) {
            Ok(at) => {
                ram.slice(at, bytes).fill(7);
                live.insert(at, (bytes, 7));
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::DiskFull);
                failures += 1;
                compare(&ram, &heap, &live, 77);
            }
        }
    }
    assert!(heap.stat().heap_bytes > effort(1900, 100) * PAGE_BYTES);
}

#[test]
fn resizing_in_place_uses_free_neighbours() {
    let (ram, heap) = heap();
    for bytes in [3000, 60_000] {
        let first = heap.alloc(&ram, bytes, 1).unwrap();
        let second = heap.alloc(&ram, bytes, 1).unwrap();
        assert!(!heap.resize_in_place(&ram, first, bytes * 2).unwrap());
        heap.free(&ram, second).unwrap();
        assert!(heap.resize_in_place(&ram, first, bytes * 2 - 4096.min(bytes)).unwrap());
        assert!(heap.resize_in_place(&ram, first, bytes / 2).unwrap());
        assert!(heap.usable_bytes(first).unwrap() < bytes);
        ram.assert_sound();
    }
}

#[test]
fn threads_hand_cells_to_each_other() {
    let (ram, heap) = heap();
    let table: Vec<Mutex<Vec<(u64, u64, u8)>>> = (0..16).map(|_| Mutex::default()).collect();
    for round in 0..effort(3, 1) {
        std::thread::scope(|scope| {
            for thread in 0..4_u64 {
                let (ram, heap, table) = (&ram, &heap, &table);
                scope.spawn(move || {
                    let mut dice = Dice(round * 10 + thread + 1);
                    for _ in 0..effort(20_000, 30) {
                        let mut shelf = table[dice.roll(16) as usize].lock().unwrap();
                        if shelf.len() < 40 || dice.roll(2) == 0 && shelf.len() < 120 {
                            let most = if dice.roll(50) == 0 { 50_000 } else { 900 };
                            let bytes = dice.roll(most) + 1;
                            let fill = dice.roll(256) as u8;
                            let at = heap.alloc(ram, bytes, 1).unwrap();
                            ram.slice(at, bytes).fill(fill);
                            shelf.push((at, bytes, fill));
                        } else {
                            let index = dice.roll(shelf.len() as u64) as usize;
                            let (at, bytes, fill) = shelf.swap_remove(index);
                            assert!(is_all(ram.slice(at, bytes), fill));
                            heap.free(ram, at).unwrap();
                        }
                    }
                });
            }
        });
        let shelves = table.iter().flat_map(|shelf| shelf.lock().unwrap().clone());
        let live = shelves.map(|(at, bytes, fill)| (at, (bytes, fill))).collect();
        compare(&ram, &heap, &live, round);
    }
}

#[test]
fn a_double_free_across_threads_comes_out_at_settle() {
    let (ram, heap) = heap();
    let cell = heap.alloc(&ram, 100, 1).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            heap.free(&ram, cell).unwrap();
            heap.free(&ram, cell).unwrap();
        });
    });
    // SAFETY: the other thread is gone.
    let error = unsafe { heap.settle(&ram) }.unwrap_err();
    assert_eq!((error.kind(), error.file_offset()), (ErrorKind::BadPointer, Some(cell)));
    // SAFETY: as above.
    unsafe { heap.settle(&ram) }.unwrap();
}

#[test]
fn heaps_come_and_go_under_a_living_thread() {
    for _ in 0..effort(20, 3) {
        let (ram, one) = heap();
        let (ram2, two) = heap();
        for _ in 0..10 {
            one.alloc(&ram, 64, 1).unwrap();
            two.alloc(&ram2, 64, 1).unwrap();
        }
        drop(one);
        std::thread::scope(|scope| {
            scope.spawn(|| two.alloc(&ram2, 64, 1).unwrap());
        });
        two.alloc(&ram2, 64, 1).unwrap();
        drop(two);
    }
}

#[test]
fn hostile_bytes_do_no_harm() {
    let (ram, first) = heap();
    let mut dice = Dice(4711);
    let mut live: Vec<u64> = Vec::new();
    for _ in 0..LIVE {
        live.push(first.alloc(&ram, dice.bytes() / 4 + 1, 1).unwrap());
    }
    for index in (0..LIVE).step_by(3) {
        first.free(&ram, live[index]).unwrap();
    }
    drop(first);
    let good = ram.slice(0, ram.bytes()).to_vec();
    let spots = [65536..65536 + 96, 69632..69640, 73728..77824, 73728..77824, 204_800..221_184];
    let mut findings = 0;
    for _ in 0..effort(400, 3) {
        for _ in 0..=dice.roll(3) {
            let spot = &spots[dice.roll(spots.len() as u64) as usize];
            let at = spot.start + dice.roll(spot.end - spot.start);
            ram.slice(at, 1)[0] ^= 1 << dice.roll(8);
        }
        // SAFETY: all of it is mapped.
        unsafe { check(ram.base, good.len() as u64, &mut |_| findings += 1) };
        // SAFETY: all of the reserved range is mapped, whatever the header says.
        let heap = unsafe { Allocator::new(ram.base, good.len() as u64) };
        for _ in 0..20 {
            let at = live[dice.roll(LIVE as u64) as usize];
            let _ = heap.usable_bytes(at);
            let _ = heap.free(&ram, at);
            let _ = heap.alloc(&ram, dice.bytes() / 64 + 1, 1);
        }
        let _ = heap.stat();
        ram.slice(0, good.len() as u64).copy_from_slice(&good);
    }
    assert!(findings >= effort(100, 1));
}
