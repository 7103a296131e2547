//! Figures: what is in the heap, what its log holds, who is attached.

use super::Heap;
use crate::Result;
use crate::alloc::{AllocStat, Region};
use crate::txn::Progress;

/// A process that has the heap open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attached {
    /// Its id.
    pub pid: u32,
    /// The state it reads, if it does.
    pub snapshot: Option<u64>,
    /// The state whose allocations it may point at, if it keeps any.
    pub keep: Option<u64>,
}

impl From<(u32, Option<u64>, Option<u64>)> for Attached {
    fn from((pid, snapshot, keep): (u32, Option<u64>, Option<u64>)) -> Self {
        Self { pid, snapshot, keep }
    }
}

/// What `Heap::stat` tells.
#[derive(Debug, Clone)]
pub struct Stat {
    /// What is in the heap.
    pub alloc: AllocStat,
    /// Names bound.
    pub names: u64,
    /// Records of vectors.
    pub records: u64,
    /// Transactions.
    pub progress: Progress,
    /// Length of the heap file.
    pub file_bytes: u64,
    /// What it occupies on disk.
    pub disk_bytes: u64,
    /// Length used of the log being written.
    pub log_bytes: u64,
    /// Byte ranges in the logs that may not be home.
    pub log_spans: u64,
    /// Processes that have the heap open, this one included.
    pub attached: Vec<Attached>,
    /// How this process finds dirty pages.
    pub capture: &'static str,
    /// What failed after the last commit had succeeded.
    pub trouble: Option<String>,
}

impl Heap {
    /// Tells what lies where, in a snapshot: every run of pages in the order of offsets.
    pub fn regions(&self) -> Result<Vec<Region>> {
        let _read = self.begin_read()?;
        Ok(self.shared.allocator.regions())
    }

    /// The processes that have the heap open, this one included.
    pub fn attached(&self) -> Result<Vec<Attached>> {
        Ok(self.shared.engine.attached()?.into_iter().map(Attached::from).collect())
    }

    /// The process that is writing now, if one is.
    #[must_use]
    pub fn writer(&self) -> Option<u32> {
        self.shared.engine.writer()
    }

    /// Counts everything, in a snapshot. The time it takes follows the number of allocations.
    pub fn stat(&self) -> Result<Stat> {
        let read = self.begin_read()?;
        let engine = &self.shared.engine;
        let data = engine.host().data();
        let fail = |error| engine.os_error("cannot measure the file", error);
        let (log_spans, log_bytes, trouble) = engine.log_load();
        Ok(Stat {
            alloc: self.shared.allocator.stat(),
            names: read.catalog().names().count()?,
            records: read.catalog().records().count()?,
            progress: engine.progress(),
            file_bytes: data.len().map_err(fail)?,
            disk_bytes: data.disk_bytes().map_err(fail)?,
            log_bytes,
            log_spans: log_spans as u64,
            attached: self.attached()?,
            capture: engine.view().capture_name(),
            trouble,
        })
    }
}
