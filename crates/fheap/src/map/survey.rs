//! The survey of a heap that pictures are drawn from: regions, owners, figures.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use fileheap_core::alloc::{AllocStat, Region};
use fileheap_core::format::{RecordState, RunKind};
use fileheap_core::{Heap, Result};
use serde::Serialize;

use crate::objects::{self, KIND_R, KIND_SHAPE};

/// Everything there is to draw.
pub struct Survey {
    pub path: PathBuf,
    pub txn: u64,
    pub regions: Vec<Region>,
    pub owners: Vec<Owner>,
    pub stat: AllocStat,
    pub file_bytes: u64,
    pub disk_bytes: u64,
}

/// Who a range of the heap belongs to.
#[derive(Debug, Clone, Serialize)]
pub struct Owner {
    pub name: String,
    pub offset: u64,
    pub bytes: u64,
    /// Of a vector: 0 for the oldest that lives to 1 for the youngest. Nothing else has an age.
    pub youth: Option<f64>,
}

impl Survey {
    pub fn of(heap: &Heap, path: &Path) -> Result<Self> {
        let read = heap.begin_read()?;
        let mut name_of = HashMap::new();
        let mut owners = Vec::new();
        for (name, root) in objects::names(&read)? {
            if root.kind == KIND_R {
                let children = objects::children(&read, &root).unwrap_or_default();
                name_of.extend(children.into_iter().map(|id| (id, name.clone())));
            }
            if root.kind != KIND_SHAPE && root.bytes > 0 {
                owners.push(Owner { name, offset: root.offset, bytes: root.bytes, youth: None });
            }
        }
        let records: Vec<_> = objects::records(&read)?
            .into_iter()
            .filter(|it| it.payload_offset != 0 && it.state != RecordState::Tombstone as u32)
            .collect();
        let (first, last) = match (records.first(), records.last()) {
            (Some(first), Some(last)) => (first.id, last.id),
            _ => (0, 0),
        };
        for record in &records {
            // Numbers of records ascend and are never used twice: they tell the order of birth.
            let span = (last - first).max(1) as f64;
            let youth = Some((record.id - first) as f64 / span);
            let name = name_of.get(&record.id).cloned();
            let name = name.unwrap_or_else(|| format!("#{}", record.id));
            let (offset, bytes) = (record.payload_offset, record.payload_bytes);
            owners.push(Owner { name, offset, bytes, youth });
        }
        owners.sort_by_key(|owner| owner.offset);
        let stat = heap.stat()?;
        Ok(Self {
            path: path.to_owned(),
            txn: read.number(),
            regions: heap.regions()?,
            owners,
            stat: stat.alloc,
            file_bytes: stat.file_bytes,
            disk_bytes: stat.disk_bytes,
        })
    }

    pub fn heap_bytes(&self) -> u64 {
        self.stat.heap_bytes
    }

    /// The names with the most bytes: name, pieces, bytes.
    pub fn largest(&self, count: usize) -> Vec<(&str, u64, u64)> {
        let mut sums: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for owner in &self.owners {
            let sum = sums.entry(&owner.name).or_default();
            *sum = (sum.0 + 1, sum.1 + owner.bytes);
        }
        let mut all: Vec<_> =
            sums.into_iter().map(|(name, (pieces, bytes))| (name, pieces, bytes)).collect();
        all.sort_by_key(|&(_, _, bytes)| std::cmp::Reverse(bytes));
        all.truncate(count);
        all
    }

    /// Free runs by size: up to so many bytes, how many, and their bytes together.
    pub fn free_runs(&self) -> Vec<(u64, u64, u64)> {
        let mut classes: Vec<(u64, u64, u64)> = Vec::new();
        for region in self.regions.iter().filter(|region| region.kind == RunKind::Free) {
            let up_to = region.bytes.next_power_of_two();
            let at = classes.partition_point(|class| class.0 < up_to);
            if classes.get(at).is_none_or(|class| class.0 != up_to) {
                classes.insert(at, (up_to, 0, 0));
            }
            classes[at].1 += 1;
            classes[at].2 += region.bytes;
        }
        classes
    }
}
