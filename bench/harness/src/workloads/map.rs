//! map, map-kept, hash: maps of 1M numbers or strings, built in one transaction and looked up; then
//! opened again by a fresh process and updated key by key.

use std::time::{Duration, Instant};

use peers::seam::{Item, KeptMap, Result, weight};

use crate::job::{Job, Shot, Table, Workload};
use crate::map_roster::{self, MapRow, Mapped};
use crate::random::{Random, mix};
use crate::roster;
use crate::workloads::commit::{WARM_UP_COUNT, quantile};

pub fn ordered() -> Workload {
    Workload {
        name: "map",
        about: "ordered map of 1M random entries: build with commit, look up all, iterate, ms",
        tables: |_| {
            vec![
                made(
                    "map",
                    "Ordered map u64 -> u64, ms; build includes its power-safe commit",
                    names(map_roster::trees::<u64>()),
                ),
                made(
                    "map-string",
                    "Ordered map String -> String, ms; build includes its power-safe commit",
                    names(map_roster::trees::<String>()),
                ),
            ]
        },
        setup: None,
        load: None,
        cell: |job| match job.table.as_str() {
            "map" => measure(job, map_roster::trees::<u64>()),
            _ => measure(job, map_roster::trees::<String>()),
        },
    }
}

pub fn hashed() -> Workload {
    Workload {
        name: "hash",
        about: "hash map of 1M random entries: build with commit, look up all, iterate, ms",
        tables: |_| {
            vec![
                made(
                    "hash",
                    "Hash map u64 -> u64, ms; build includes its power-safe commit",
                    names(map_roster::hashes::<u64>()),
                ),
                made(
                    "hash-string",
                    "Hash map String -> String, ms; build includes its power-safe commit",
                    names(map_roster::hashes::<String>()),
                ),
            ]
        },
        setup: None,
        load: None,
        cell: |job| match job.table.as_str() {
            "hash" => measure(job, map_roster::hashes::<u64>()),
            _ => measure(job, map_roster::hashes::<String>()),
        },
    }
}

pub fn kept() -> Workload {
    Workload {
        name: "map-kept",
        about: "the ordered map in a fresh process: open and look one up, update one, us",
        tables: |_| {
            vec![
                reopened(
                    "map-kept",
                    "Open a closed map u64 -> u64, files cached; power-safe updates of one key, us",
                    names(kept_rows::<u64>()),
                ),
                reopened(
                    "map-kept-string",
                    "Open a closed map String -> String, files cached; power-safe updates of one \
                     key, us",
                    names(kept_rows::<String>()),
                ),
            ]
        },
        setup: Some(|job| match job.table.as_str() {
            "map-kept" => keep::<u64>(job),
            _ => keep::<String>(job),
        }),
        load: None,
        cell: |job| match job.table.as_str() {
            "map-kept" => measure_kept::<u64>(job),
            _ => measure_kept::<String>(job),
        },
    }
}

/// A table of maps that are made from nothing; the first row is the reference.
fn made(id: &'static str, title: &'static str, rows: Vec<&'static str>) -> Table {
    let shots = vec![Shot::new("map", &["build ms", "look-ups ms", "iterate ms"])];
    Table { id, title, reference: Some(rows[0]), rows, shots }
}

/// A table of maps that are opened.
fn reopened(id: &'static str, title: &'static str, rows: Vec<&'static str>) -> Table {
    let shots = vec![
        Shot::new("open", &["open + look-up us"]),
        Shot::new("update", &["update p50 us", "p99 us"]),
    ];
    Table { id, title, reference: Some(roster::HEED), rows, shots }
}

fn names<T>(rows: Vec<MapRow<T>>) -> Vec<&'static str> {
    rows.iter().map(|row| row.name).collect()
}

fn kept_rows<T: Mapped>() -> Vec<MapRow<T>> {
    map_roster::trees().into_iter().filter(|row| row.open.is_some()).collect()
}

fn entry_count(job: &Job) -> u64 {
    job.count(1_000_000, 100_000)
}

/// The entry of an index: keys random, values counting.
fn entry<T: Item>(seed: u64, index: u64) -> (T, T) {
    (T::of(mix(seed ^ index)), T::of(index))
}

fn entries<T: Item>(seed: u64, count: u64) -> Vec<(T, T)> {
    (0..count).map(|index| entry(seed, index)).collect()
}

fn measure<T: Item>(job: &Job, rows: Vec<MapRow<T>>) -> Result<Vec<f64>> {
    let pairs = entries::<T>(job.seed(), entry_count(job));
    let mut keys: Vec<T> = pairs.iter().map(|(key, _)| key.clone()).collect();
    Random::new(!job.seed()).shuffle(&mut keys);
    let row = roster::pick(rows, job, |row| row.name)?;
    let mut map = (row.create)(&job.dir)?;
    let (build, ()) = timed(|| map.build(&pairs))?;
    let (look_up, found) = timed(|| map.look_up(&keys))?;
    let (iterate, seen) = timed(|| map.iterate())?;
    let expected = sum_of(&pairs);
    if found != expected || seen != expected {
        return Err("the map lost or changed values".into());
    }
    Ok([build, look_up, iterate].map(|time| time.as_secs_f64() * 1e3).into())
}

fn sum_of<T: Item>(pairs: &[(T, T)]) -> u64 {
    let weights = pairs.iter().map(|(_, value)| weight(value.bytes().as_ref()));
    weights.fold(0, u64::wrapping_add)
}

fn timed<R>(work: impl FnOnce() -> Result<R>) -> Result<(Duration, R)> {
    let clock = Instant::now();
    let answer = work()?;
    Ok((clock.elapsed(), answer))
}

/// The seed of the entries of kept maps, which are made once for all rounds.
const KEPT_SEED: u64 = 0x6b65_7074;

/// Makes the map that all cells open.
fn keep<T: Mapped>(job: &Job) -> Result<()> {
    let row = roster::pick(kept_rows::<T>(), job, |row| row.name)?;
    (row.create)(&job.dir)?.build(&entries(KEPT_SEED, entry_count(job)))
}

fn measure_kept<T: Mapped>(job: &Job) -> Result<Vec<f64>> {
    let row = roster::pick(kept_rows::<T>(), job, |row| row.name)?;
    let open = row.open.ok_or("this row keeps nothing")?;
    let mut random = Random::new(job.seed());
    let mut pick = || entry::<T>(KEPT_SEED, random.below(entry_count(job)));
    if job.shot == "update" {
        let mut map = open(&job.dir)?;
        map.iterate()?;
        let changes: Vec<T> = (0..WARM_UP_COUNT + job.count(2000, 200)).map(|_| pick().0).collect();
        return time_updates(&mut *map, &changes, job.round);
    }
    let (key, value) = pick();
    let keys = [key];
    let (time, found) = timed(|| open(&job.dir)?.look_up(&keys))?;
    if found != weight(value.bytes().as_ref()) {
        return Err("the map lost or changed a value".into());
    }
    Ok(vec![time.as_secs_f64() * 1e6])
}

fn time_updates<T: Item>(map: &mut dyn KeptMap<T>, keys: &[T], round: u64) -> Result<Vec<f64>> {
    let mut nanos = Vec::with_capacity(keys.len());
    for (key, count) in keys.iter().zip(0u64..) {
        let value = T::of((round << 32) + count);
        let (time, ()) = timed(|| map.update(key, &value))?;
        nanos.push(time.as_nanos() as f64);
        if count + 1 == keys.len() as u64 {
            let found = map.look_up(std::slice::from_ref(key))?;
            if found != weight(value.bytes().as_ref()) {
                return Err("the last update is not there".into());
            }
        }
    }
    let nanos = &mut nanos[WARM_UP_COUNT..];
    Ok(vec![quantile(nanos, 0.5) / 1e3, quantile(nanos, 0.99) / 1e3])
}
