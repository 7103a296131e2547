//! commit1, commit1-nosync, scattered: what one transaction costs.

use std::time::Instant;

use peers::seam::{Level, Result, Spec, WordStore};

use crate::job::{Job, Shot, Table, Workload};
use crate::random::Random;
use crate::roster::{self, StoreRow};

const SMALL: Spec = Spec { item_count: 1 << 20, item_bytes: 64, value_bytes: 8 };
const MIDDLE: Spec = Spec { item_count: 1 << 24, item_bytes: 64, value_bytes: 48 };
const LARGE: Spec = Spec { item_count: 1 << 24, item_bytes: 512, value_bytes: 480 };
/// One value to the page: 1 GiB in all.
pub const PAGES: Spec = Spec { item_count: 1 << 18, item_bytes: 4096, value_bytes: 4000 };
pub const FEW_PAGES: Spec = Spec { item_count: 1 << 15, item_bytes: 4096, value_bytes: 4000 };

pub const WARM_UP_COUNT: usize = 50;

fn spec_of(table: &str) -> Result<Spec> {
    match table {
        "commit1-64M" | "commit1-nosync" => Ok(SMALL),
        "commit1-1G" => Ok(MIDDLE),
        "commit1-8G" => Ok(LARGE),
        "scattered-1G" => Ok(PAGES),
        "scattered-128M" => Ok(FEW_PAGES),
        other => Err(format!("no table named {other:?}").into()),
    }
}

/// The row of a job, floors included.
fn row_of(job: &Job) -> Result<StoreRow> {
    let rows = roster::frame_floors().into_iter().chain(roster::scatter_floors());
    roster::pick(rows.chain(roster::stores()).collect(), job, |row| row.name)
}

fn setup(job: &Job) -> Result<()> {
    (row_of(job)?.create)(&job.dir, &spec_of(&job.table)?)
}

pub fn one() -> Workload {
    Workload {
        name: "commit1",
        about: "a power-safe commit of one random 8-byte update, us",
        tables: |quick| {
            let mut tables = vec![one_table(
                "commit1-64M",
                "Power-safe commit of one random word, us; 64 MiB store",
                false,
            )];
            if !quick {
                tables.push(one_table(
                    "commit1-1G",
                    "Power-safe commit of one random word, us; 1 GiB store",
                    false,
                ));
                tables.push(one_table(
                    "commit1-8G",
                    "Power-safe commit of one random word, us; 8 GiB store",
                    true,
                ));
            }
            tables
        },
        setup: Some(setup),
        load: None,
        cell: |job| {
            let mut times = commit_times(job, Level::PowerSafe, 1, job.count(2000, 200))?.nanos;
            Ok(vec![quantile(&mut times, 0.5) / 1e3, quantile(&mut times, 0.99) / 1e3])
        },
    }
}

fn one_table(id: &'static str, title: &'static str, only_large: bool) -> Table {
    let rows = roster::frame_floors().into_iter().chain(roster::stores());
    Table {
        id,
        title,
        reference: Some(roster::FLOOR_FRAME),
        rows: rows.filter(|row| row.is_large || !only_large).map(|row| row.name).collect(),
        shots: vec![Shot::new("commit", &["p50 us", "p99 us"])],
    }
}

pub fn one_nosync() -> Workload {
    Workload {
        name: "commit1-nosync",
        about: "the same without power safety: processor time of all threads, us",
        tables: |_| {
            let rows = roster::frame_floors().into_iter().chain(roster::stores());
            vec![Table {
                id: "commit1-nosync",
                title: "Commit of one random word without power safety; 64 MiB store",
                reference: Some(roster::FLOOR_FRAME),
                rows: rows.map(|row| row.name).collect(),
                shots: vec![Shot::new("commit", &["CPU us", "wall p50 us"])],
            }]
        },
        setup: Some(setup),
        load: None,
        cell: |job| {
            let mut times = commit_times(job, Level::Buffered, 1, job.count(20_000, 2000))?;
            Ok(vec![times.cpu_nanos / 1e3, quantile(&mut times.nanos, 0.5) / 1e3])
        },
    }
}

pub fn scattered() -> Workload {
    Workload {
        name: "scattered",
        about: "a power-safe commit of 100 and of 10,000 random words, ms",
        tables: |quick| {
            let rows = roster::scatter_floors().into_iter().chain(roster::stores());
            let (id, title) = if quick {
                ("scattered-128M", "Power-safe commit of scattered words, ms; 128 MiB store")
            } else {
                ("scattered-1G", "Power-safe commit of scattered words, ms; 1 GiB store")
            };
            vec![Table {
                id,
                title,
                reference: Some(roster::FLOOR_REDO),
                rows: rows.map(|row| row.name).collect(),
                shots: vec![
                    Shot::new("100", &["100 words, p50 ms"]),
                    Shot::new("10000", &["10,000 words, p50 ms"]),
                ],
            }]
        },
        setup: Some(setup),
        load: None,
        cell: |job| {
            let word_count: usize = job.shot.parse()?;
            let commit_count = match word_count {
                100 => job.count(20, 5),
                _ => job.count(5, 2),
            };
            let times = commit_times(job, Level::PowerSafe, word_count, commit_count)?;
            let mut nanos = times.nanos;
            Ok(vec![quantile(&mut nanos, 0.5) / 1e6])
        },
    }
}

struct Times {
    /// Wall time of each commit.
    nanos: Vec<f64>,
    /// Processor time of the whole process per commit.
    cpu_nanos: f64,
}

fn commit_times(job: &Job, level: Level, words: usize, commits: usize) -> Result<Times> {
    let row = row_of(job)?;
    let spec = spec_of(&job.table)?;
    let mut store = (row.open)(&job.dir, &spec, level)?;
    read_through(&mut *store, &spec)?;
    let mut random = Random::new(job.seed());
    let warm_ups = if words == 1 { WARM_UP_COUNT } else { 1 };
    let sets: Vec<Vec<u64>> =
        (0..warm_ups + commits).map(|_| random.distinct(words, spec.item_count)).collect();
    for items in &sets[..warm_ups] {
        store.commit(items, 1)?;
    }
    let mut nanos = Vec::with_capacity(commits);
    let cpu_before = cpu_nanos();
    for (items, value) in sets[warm_ups..].iter().zip(2..) {
        let clock = Instant::now();
        store.commit(items, value)?;
        nanos.push(clock.elapsed().as_nanos() as f64);
    }
    let cpu_nanos = (cpu_nanos() - cpu_before) / commits as f64;
    if !row.is_floor {
        check(&mut *store, &sets[warm_ups + commits - 1], commits as u64 + 1)?;
    }
    Ok(Times { nanos, cpu_nanos })
}

/// Reads at least one word of every 4 KiB: what is warm for one row is warm for all.
fn read_through(store: &mut dyn WordStore, spec: &Spec) -> Result<()> {
    let step = (4096 / spec.item_bytes).max(1) as usize;
    for item in (0..spec.item_count).step_by(step) {
        std::hint::black_box(store.read(item)?);
    }
    Ok(())
}

/// The last commit is there.
fn check(store: &mut dyn WordStore, items: &[u64], value: u64) -> Result<()> {
    for item in items {
        let found = store.read(*item)?;
        if found != value {
            return Err(format!("item {item} holds {found}, expected {value}").into());
        }
    }
    Ok(())
}

fn cpu_nanos() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for the answer.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// The value below which this share of the others lies.
pub fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share).round() as usize]
}
