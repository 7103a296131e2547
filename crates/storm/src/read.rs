//! The reader of the crowd: checks a snapshot, holds it for a while, and checks it again.

use std::path::Path;
use std::time::Duration;

use fileheap_core::{Heap, Options};

use crate::fill::Random;
use crate::verify;

pub fn run(dir: &Path, seed: u64) -> Result<(), String> {
    let mut random = Random::new(seed);
    let path = crate::heap_path(dir);
    let options = if random.one_in(2) { Options::new().read_only() } else { Options::new() };
    let heap = Heap::open(&path, &options).map_err(|error| error.to_string())?;
    loop {
        let mut findings = Vec::new();
        let seen = snapshot(&heap, &mut random, &mut findings).map_err(|e| e.to_string())?;
        if !findings.is_empty() {
            return Err(format!("reader, at commit {seen}: {}", findings.join("\n")));
        }
        crate::work::say(&format!("read {seen}\n"))?;
    }
}

fn snapshot(
    heap: &Heap,
    random: &mut Random,
    findings: &mut Vec<String>,
) -> fileheap_core::Result<u64> {
    let read = heap.begin_read()?;
    let seen = verify::state(&read, findings)?;
    if random.one_in(3) {
        std::thread::sleep(Duration::from_millis(random.below(60)));
        let again = verify::state(&read, findings)?;
        if again != seen {
            findings.push(format!("the snapshot moved from commit {seen} to {again}"));
        }
    }
    Ok(seen)
}
