//! fill: large stores into fresh room, with and without the final sync.

use std::time::Instant;

use peers::fill::MemoryFill;
use peers::seam::{Fill, Result};

use crate::job::{Job, Shot, Table, Workload};
use crate::roster;

pub fn workload() -> Workload {
    Workload {
        name: "fill",
        about: "fill 1 GiB of fresh room in 1 MiB blocks, ms, and including sync",
        tables: |_| {
            vec![Table {
                id: "fill",
                title: "Fill fresh room, ms, growth included; the second column adds the sync",
                reference: Some(roster::FALLOCATED),
                rows: roster::fills().iter().map(|row| row.name).collect(),
                shots: vec![Shot::new("fill", &["fill ms", "with sync ms"])],
            }]
        },
        setup: None,
        load: None,
        cell,
    }
}

fn cell(job: &Job) -> Result<Vec<f64>> {
    let row = roster::pick(roster::fills(), job, |row| row.name)?;
    let block_count = job.count(1024, 128);
    // On a virtual machine the first store to memory the host never gave us is many times slower.
    MemoryFill::create(&job.dir)?.fill(block_count + block_count / 2, 0)?;
    let mut target = (row.create)(&job.dir)?;
    let clock = Instant::now();
    target.fill(block_count, job.seed())?;
    let filled = clock.elapsed();
    target.sync()?;
    let synced = clock.elapsed();
    Ok(vec![filled.as_secs_f64() * 1e3, synced.as_secs_f64() * 1e3])
}
