//! The verifier: which commit the heap holds, and everything that contradicts it.

use std::path::Path;

use fileheap_core::catalog::OrderedMapView;
use fileheap_core::{ErrorKind, Heap, Options, ReadTxn, Result};

use crate::fill::{HEAD_BYTES, Identity};
use crate::layout::*;

pub fn run(dir: &Path) -> std::result::Result<(), String> {
    let (commit, findings) = look(dir).map_err(|error| error.to_string())?;
    for finding in &findings {
        eprintln!("finding: {finding}");
    }
    crate::work::say(&format!("recovered {commit}\nfindings {}\n", findings.len()))
}

fn look(dir: &Path) -> Result<(u64, Vec<String>)> {
    let path = crate::heap_path(dir);
    let heap = match Heap::open(&path, &Options::new()) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok((0, Vec::new())),
        opened => opened?,
    };
    let mut findings: Vec<String> = heap
        .check()?
        .findings
        .into_iter()
        .map(|it| format!("{:?} at {}: {}", it.kind, it.offset, it.what))
        .collect();
    let read = heap.begin_read()?;
    let seen = state(&read, &mut findings)
        .and_then(|commit| direct(&read, &mut findings).map(|()| commit));
    let commit = seen.unwrap_or_else(|error| {
        findings.push(error.to_string());
        0
    });
    drop(read);
    heap.close()?;
    Ok((commit, findings))
}

/// Checks a snapshot against itself; returns the number of its commit.
pub fn state(read: &ReadTxn, findings: &mut Vec<String>) -> Result<u64> {
    let hub = hub(read)?;
    if hub == 0 {
        return Ok(0);
    }
    let commit = read_word(read, hub + COMMIT)?;
    for index in COUNTERS {
        let found = read_word(read, hub + counter(index))?;
        if found != commit {
            findings.push(format!("counter {index} says {found}, the hub {commit}"));
        }
    }
    blocks(read, hub, commit, findings)?;
    names(read, commit, findings)?;
    records(read, commit, findings)?;
    Ok(commit)
}

fn blocks(read: &ReadTxn, hub: u64, commit: u64, findings: &mut Vec<String>) -> Result<()> {
    let map = OrderedMapView::new(read.memory(), hub + BLOCKS);
    let (mut sum, mut bytes, mut count) = (0_u64, 0_u64, 0_u64);
    for entry in map.range(..)? {
        let entry = entry?;
        let identity = Identity::read(read.bytes(entry.value, HEAD_BYTES)?);
        if identity.key != entry.key || identity.commit > commit {
            findings.push(format!("block {} at {} is {identity:?}", entry.key, entry.value));
            continue;
        }
        if let Some(at) = identity.flaw(read.bytes(entry.value, identity.bytes)?) {
            findings.push(format!("{identity:?} at {} is wrong from byte {at}", entry.value));
        }
        sum = sum.wrapping_add(identity.hash());
        bytes += identity.bytes;
        count += 1;
    }
    let expected = [
        ("sum", sum, read_word(read, hub + SUM)?),
        ("bytes", bytes, read_word(read, hub + LIVE_BYTES)?),
        ("count", count, map.count()?),
    ];
    for (what, found, expected) in expected {
        if found != expected {
            findings.push(format!("{what} of the blocks: expected {expected}, found {found}"));
        }
    }
    Ok(())
}

fn names(read: &ReadTxn, commit: u64, findings: &mut Vec<String>) -> Result<()> {
    for index in 0..NAMES {
        let expected = last_binding(index, commit);
        let found = read.catalog().names().lookup(&name(index))?.map(|root| root.fingerprint);
        if found != expected {
            findings.push(format!("name {index}: expected {expected:?}, found {found:?}"));
        }
    }
    Ok(())
}

fn records(read: &ReadTxn, commit: u64, findings: &mut Vec<String>) -> Result<()> {
    let last = commit / RECORD_EVERY;
    let first = last.saturating_sub(RECORDS_MAX as u64) + 1;
    let expected: Vec<u64> = (first..=last).map(|number| number * RECORD_EVERY).collect();
    let records = read.catalog().records().list(0, 10 * RECORDS_MAX)?;
    let found: Vec<u64> = records.iter().map(|record| record.generation).collect();
    if found != expected {
        findings.push(format!("records: expected {expected:?}, found {found:?}"));
    }
    Ok(())
}

/// Not part of a snapshot: the bytes of direct extents are everybody's at once.
fn direct(read: &ReadTxn, findings: &mut Vec<String>) -> Result<()> {
    let hub = hub(read)?;
    if hub == 0 {
        return Ok(());
    }
    let (at, expected) = (read_word(read, hub + DIRECT)?, read_word(read, hub + DIRECT_COMMIT)?);
    if at == 0 {
        return Ok(());
    }
    for place in 0..DIRECT_PLACES {
        let found = read_word(read, at + place * DIRECT_STEP)?;
        if found != expected {
            findings.push(format!("direct place {place}: expected {expected}, found {found}"));
        }
    }
    Ok(())
}
