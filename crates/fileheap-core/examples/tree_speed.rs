//! How the tree in the heap compares to std's BTreeMap in RAM: medians of interleaved rounds.

use std::alloc::{Layout, alloc_zeroed};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use fileheap_core::catalog::{Catalog, Cells, OrderedMap, RecordNew};
use fileheap_core::format::{HEADER_OFFSET, NODE_BYTES, PAGE_BYTES, RecordState};
use fileheap_core::{Error, ErrorKind, Result};

const ENTRIES: usize = 1_000_000;
const ROUNDS: usize = 9;
const MEMORY_BYTES: u64 = 256 << 20;
const SLOT: u64 = HEADER_OFFSET + 1024;

/// Cells that are never used twice.
struct Bump {
    base: *mut u8,
    next: Cell<u64>,
}

impl Bump {
    fn new() -> Self {
        let layout = Layout::from_size_align(MEMORY_BYTES as usize, 4096).expect("a layout");
        // SAFETY: the size is not zero.
        let base = unsafe { alloc_zeroed(layout) };
        assert!(!base.is_null());
        Self { base, next: Cell::new(0) }.emptied()
    }

    fn emptied(self) -> Self {
        self.next.set(HEADER_OFFSET + PAGE_BYTES);
        // SAFETY: MEMORY_BYTES are ours.
        unsafe { self.base.add(HEADER_OFFSET as usize).write_bytes(0, PAGE_BYTES as usize) };
        self
    }
}

impl Cells for Bump {
    fn base(&self) -> *mut u8 {
        self.base
    }

    fn file_bytes(&self) -> u64 {
        MEMORY_BYTES
    }

    fn alloc(&self, bytes: u64) -> Result<u64> {
        let offset = self.next.get();
        if offset + bytes > MEMORY_BYTES {
            return Err(Error::new(ErrorKind::DiskFull, "the benchmark's memory is full"));
        }
        self.next.set(offset + bytes.next_multiple_of(64));
        Ok(offset)
    }

    fn free(&self, _: u64) -> Result<()> {
        Ok(())
    }

    fn touch(&self, _: u64, _: u64) {}
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}

/// Nanoseconds per item of running `run` over `items`.
fn time<T: Copy, R>(items: &[T], mut run: impl FnMut(T) -> R) -> f64 {
    let start = Instant::now();
    for &item in items {
        black_box(run(item));
    }
    start.elapsed().as_nanos() as f64 / ENTRIES as f64
}

fn median(mut rounds: Vec<f64>) -> f64 {
    rounds.sort_by(f64::total_cmp);
    rounds[rounds.len() / 2]
}

/// One round over `keys`: build, get all, get none, iterate, remove; theirs and ours.
fn round(bump: &Bump, keys: &[u64], shuffled: &[u64]) -> [(f64, f64); 5] {
    let mut theirs = BTreeMap::new();
    // SAFETY: the memory is ours alone and spans file_bytes.
    let mut ours = unsafe { OrderedMap::new(bump, SLOT) };
    let build = (
        time(keys, |key| theirs.insert(key, key)),
        time(keys, |key| ours.insert(key, key).expect("insert")),
    );
    let view = ours.view();
    let hit = (
        time(shuffled, |key| theirs.get(&key)),
        time(shuffled, |key| view.get(key).expect("get").expect("is there")),
    );
    let miss = (
        time(shuffled, |key| theirs.get(&!key)),
        time(shuffled, |key| view.get(!key).expect("get")),
    );
    let mut values = theirs.values();
    let mut entries = view.range(..).expect("range");
    let walk = (
        time(keys, |_| *values.next().expect("a value")),
        time(keys, |_| entries.next().expect("an entry").expect("an entry").value),
    );
    drop(entries);
    let remove = (
        time(shuffled, |key| theirs.remove(&key)),
        time(shuffled, |key| ours.remove(key).expect("remove")),
    );
    assert!(theirs.is_empty() && ours.view().count().expect("count") == 0);
    [build, hit, miss, walk, remove]
}

fn compare(title: &str, bump: Bump, keys: &[u64], random: &mut Random) -> Bump {
    let mut shuffled = keys.to_vec();
    for index in (1..shuffled.len()).rev() {
        shuffled.swap(index, (random.next() % (index as u64 + 1)) as usize);
    }
    let mut bump = bump;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        bump = bump.emptied();
        rounds.push(round(&bump, keys, &shuffled));
    }
    println!("{title}: {} bytes per entry in the heap", bump.next.get() / ENTRIES as u64);
    for (index, what) in ["build", "get", "get, missing", "iterate", "remove"].iter().enumerate() {
        let theirs = median(rounds.iter().map(|round| round[index].0).collect());
        let ours = median(rounds.iter().map(|round| round[index].1).collect());
        let ratio = ours / theirs;
        println!("  {what:13} std {theirs:7.1} ns  ours {ours:7.1} ns  {ratio:.2} times");
    }
    bump
}

fn records(bump: &Bump, random: &mut Random) {
    // SAFETY: the memory is ours alone and spans file_bytes.
    let mut catalog = unsafe { Catalog::new(bump) };
    let new = RecordNew {
        generation: 1,
        state: RecordState::Committed,
        element: 14,
        length: 10,
        payload_offset: 4096,
        payload_bytes: 80,
        flags: 0,
        extra: [0; 2],
    };
    let mut ids = vec![0; ENTRIES];
    let add = time(&ids, |_: u64| catalog.records().add(new).expect("add"));
    ids.iter_mut().for_each(|id| *id = 1 + random.next() % ENTRIES as u64);
    let view = catalog.view();
    let get = time(&ids, |id| view.records().get(id).expect("get").expect("is there"));
    println!("records: add {add:.1} ns, get at random {get:.1} ns");
}

fn main() {
    let mut random = Random(1);
    let scattered: Vec<u64> = (0..ENTRIES).map(|_| random.next()).collect();
    let ascending: Vec<u64> = (0..ENTRIES as u64).collect();
    println!("{ENTRIES} entries, {ROUNDS} rounds, nodes of {NODE_BYTES} bytes");
    let bump = compare("random keys", Bump::new(), &scattered, &mut random);
    let bump = compare("ascending keys", bump, &ascending, &mut random).emptied();
    records(&bump, &mut random);
}
