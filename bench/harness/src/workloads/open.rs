//! open, open-killed: from nothing to the first answer, after a close and after a kill.

use std::io::Write;
use std::time::Instant;

use peers::seam::{Level, Result, Spec};

use crate::job::{Job, Shot, Table, Workload};
use crate::random::Random;
use crate::roster;
use crate::workloads::commit::{FEW_PAGES, PAGES};

pub fn warm() -> Workload {
    Workload {
        name: "open",
        about: "open a store of 1M objects in a fresh process, read one, us",
        tables: |_| {
            vec![Table {
                id: "open",
                title: "Open a closed store of many objects, files cached, read one object, us",
                reference: Some(roster::FLOOR_OPEN),
                rows: roster::opens().iter().map(|row| row.name).collect(),
                shots: vec![Shot::new("open", &["open + read us"])],
            }]
        },
        setup: Some(|job| {
            let row = roster::pick(roster::opens(), job, |row| row.name)?;
            (row.create)(&job.dir, object_count(job))
        }),
        load: None,
        cell: |job| {
            let row = roster::pick(roster::opens(), job, |row| row.name)?;
            let object = Random::new(job.seed()).below(object_count(job));
            let clock = Instant::now();
            let mut store = (row.open)(&job.dir, object_count(job))?;
            let found = store.read(object)?;
            let elapsed = clock.elapsed();
            if found != Spec::initial(object) {
                return Err(format!("object {object} holds {found}").into());
            }
            Ok(vec![elapsed.as_secs_f64() * 1e6])
        },
    }
}

fn object_count(job: &Job) -> u64 {
    job.count(1 << 20, 1 << 16)
}

pub fn after_kill() -> Workload {
    Workload {
        name: "open-killed",
        about: "open a 1 GiB store after kill -9 under load, commit one word, ms",
        tables: |_| {
            vec![Table {
                id: "open-killed",
                title: "Open after kill -9 under load, and one power-safe commit, ms",
                reference: Some(roster::HEED),
                rows: roster::stores().iter().map(|row| row.name).collect(),
                shots: vec![Shot::new("open", &["open ms", "open + commit ms"])],
            }]
        },
        setup: Some(|job| {
            let row = roster::pick(roster::stores(), job, |row| row.name)?;
            (row.create)(&job.dir, &killed_spec(job))
        }),
        load: Some(load),
        cell: |job| {
            let row = roster::pick(roster::stores(), job, |row| row.name)?;
            let spec = killed_spec(job);
            let item = Random::new(!job.seed()).below(spec.item_count);
            let clock = Instant::now();
            let mut store = (row.open)(&job.dir, &spec, Level::PowerSafe)?;
            let opened = clock.elapsed();
            store.commit(&[item], job.round)?;
            let committed = clock.elapsed();
            if store.read(item)? != job.round {
                return Err("the commit after recovery is not there".into());
            }
            Ok(vec![opened.as_secs_f64() * 1e3, committed.as_secs_f64() * 1e3])
        },
    }
}

fn killed_spec(job: &Job) -> Spec {
    job.count(PAGES, FEW_PAGES)
}

/// Commits until killed; says so once enough commits are done.
fn load(job: &Job) -> Result<()> {
    let row = roster::pick(roster::stores(), job, |row| row.name)?;
    let spec = killed_spec(job);
    let mut store = (row.open)(&job.dir, &spec, Level::PowerSafe)?;
    let mut random = Random::new(job.seed());
    let enough = job.count(5000, 500);
    for done in 1u64.. {
        store.commit(&[random.below(spec.item_count)], done)?;
        if done == enough {
            println!("loaded");
            std::io::stdout().flush()?;
        }
    }
    Ok(())
}
