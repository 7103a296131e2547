//! space: bytes taken from the system over bytes live, after patterns that fragment.

use peers::seam::{Alloc, Result};

use crate::job::{Job, Shot, Table, Workload};
use crate::random::Random;
use crate::roster;
use crate::workloads::alloc::{LIVE_COUNT, MIXED_LIVE_COUNT};

pub fn workload() -> Workload {
    Workload {
        name: "space",
        about: "file blocks (or resident memory) over live bytes",
        tables,
        setup: None,
        load: None,
        cell: |job| (roster::pick(roster::allocs(), job, |row| row.name)?.space)(job),
    }
}

fn tables(_quick: bool) -> Vec<Table> {
    vec![Table {
        id: "space",
        title: "Bytes taken / bytes live",
        reference: None,
        rows: roster::allocs().iter().map(|row| row.name).collect(),
        shots: vec![
            Shot::new("random", &["random", "90% freed, refilled"]),
            Shot::new("mixed", &["mixed"]),
            Shot::new("trim", &["90% freed, trimmed"]),
        ],
    }]
}

/// An allocator and what lives in it. The list is made before the allocator's first byte.
struct Heap<A: Alloc> {
    allocator: A,
    live: Vec<(*mut u8, usize)>,
    live_bytes: usize,
}

impl<A: Alloc> Heap<A> {
    fn create(job: &Job) -> Result<Self> {
        let mut live = vec![(std::ptr::null_mut(), 1); 2 * LIVE_COUNT];
        live.clear();
        Ok(Self { allocator: A::create(&job.dir)?, live, live_bytes: 0 })
    }

    /// Every byte is written: memory counts as taken only once touched.
    fn take(&mut self, bytes: usize) {
        let block = self.allocator.alloc(bytes);
        assert!(!block.is_null(), "out of space at {bytes} bytes");
        // SAFETY: the block is at least `bytes` long.
        unsafe { block.write_bytes(0x5a, bytes) };
        self.live.push((block, bytes));
        self.live_bytes += bytes;
    }

    fn give(&mut self, index: usize) {
        let (block, bytes) = self.live.swap_remove(index);
        self.live_bytes -= bytes;
        // SAFETY: a block leaves the list when it is freed.
        unsafe { self.allocator.free(block) };
    }

    fn churn(&mut self, live: usize, count: usize, seed: u64, size: fn(&mut Random) -> usize) {
        let mut random = Random::new(seed);
        for _ in 0..live {
            self.take(size(&mut random));
        }
        for _ in 0..count {
            self.give(random.below(live as u64) as usize);
            self.take(size(&mut random));
        }
    }

    fn free_nine_of_ten(&mut self, seed: u64) {
        let mut random = Random::new(seed);
        let left = self.live.len() / 10;
        while self.live.len() > left {
            self.give(random.below(self.live.len() as u64) as usize);
        }
    }

    fn ratio(&self) -> Result<f64> {
        Ok(self.allocator.footprint_bytes()? as f64 / self.live_bytes as f64)
    }
}

pub fn measure<A: Alloc>(job: &Job) -> Result<Vec<f64>> {
    let mut heap = Heap::<A>::create(job)?;
    let seed = job.seed();
    if job.shot == "mixed" {
        let count = job.count(20_000, 2000);
        heap.churn(MIXED_LIVE_COUNT, count, seed, |random| random.log_uniform(4, 22) as usize);
        return Ok(vec![heap.ratio()?]);
    }
    let count = job.count(1_000_000, 100_000);
    heap.churn(LIVE_COUNT, count, seed, |random| random.between(16, 1024) as usize);
    let former_bytes = heap.live_bytes;
    let after_random = heap.ratio()?;
    heap.free_nine_of_ten(!seed);
    if job.shot == "trim" {
        heap.allocator.trim();
        return Ok(vec![heap.ratio()?]);
    }
    let mut random = Random::new(seed ^ 1);
    while heap.live_bytes < former_bytes {
        heap.take(random.between(2048, 8192) as usize);
    }
    Ok(vec![after_random, heap.ratio()?])
}
