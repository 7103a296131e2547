//! map: an ordered map of random u64 built in one transaction, then looked up.

use std::time::Instant;

use peers::seam::Result;

use crate::job::{Job, Shot, Table, Workload};
use crate::random::{Random, mix};
use crate::roster;

pub fn workload() -> Workload {
    Workload {
        name: "map",
        about: "ordered map of 1M random u64: build with commit, look up all, ms",
        tables: |_| {
            vec![Table {
                id: "map",
                title: "Ordered map u64 -> u64, ms; build includes its power-safe commit",
                reference: Some(roster::STD_MAP),
                rows: roster::maps().iter().map(|row| row.name).collect(),
                shots: vec![Shot::new("map", &["build ms", "look-ups ms"])],
            }]
        },
        setup: None,
        load: None,
        cell,
    }
}

fn cell(job: &Job) -> Result<Vec<f64>> {
    let count = job.count(1_000_000u64, 100_000);
    let seed = job.seed();
    let pairs: Vec<(u64, u64)> = (0..count).map(|index| (mix(seed ^ index), index)).collect();
    let mut keys: Vec<u64> = pairs.iter().map(|(key, _)| *key).collect();
    Random::new(!seed).shuffle(&mut keys);
    let row = roster::pick(roster::maps(), job, |row| row.name)?;
    let mut map = (row.create)(&job.dir)?;
    let clock = Instant::now();
    map.build(&pairs)?;
    let build = clock.elapsed();
    let clock = Instant::now();
    let sum = map.look_up(&keys)?;
    let look_up = clock.elapsed();
    if sum != count * (count - 1) / 2 {
        return Err("the map lost or changed values".into());
    }
    Ok(vec![build.as_secs_f64() * 1e3, look_up.as_secs_f64() * 1e3])
}
