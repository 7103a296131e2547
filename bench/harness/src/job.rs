//! What a workload is made of: tables of rows and columns, measured cell by cell.

use std::path::PathBuf;

use peers::seam::Result;

/// One cell to measure: one row, one shot, one round, in a process of its own.
pub struct Job {
    pub table: String,
    pub shot: String,
    pub row: String,
    pub round: u64,
    pub quick: bool,
    /// Empty, or as `setup` and earlier rounds left it.
    pub dir: PathBuf,
}

impl Job {
    /// Which random sequence to use: the same for every row of a round.
    pub fn seed(&self) -> u64 {
        0x2545_f491_4f6c_dd1d ^ (self.round + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    /// The count to use: `full`, or `quick` in a quick run.
    pub fn count<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }
}

/// Columns that one process measures together.
pub struct Shot {
    pub name: &'static str,
    pub columns: Vec<&'static str>,
}

impl Shot {
    pub fn new(name: &'static str, columns: &[&'static str]) -> Self {
        Self { name, columns: columns.to_vec() }
    }
}

/// One printed table. Less is better in every column.
pub struct Table {
    pub id: &'static str,
    pub title: &'static str,
    /// The row whose values the others are divided by, round by round.
    pub reference: Option<&'static str>,
    pub rows: Vec<&'static str>,
    pub shots: Vec<Shot>,
}

/// A workload: its tables, and what to do in the processes it starts.
pub struct Workload {
    pub name: &'static str,
    pub about: &'static str,
    pub tables: fn(quick: bool) -> Vec<Table>,
    /// Run once per row, in a process of its own; without it every cell starts from nothing.
    pub setup: Option<fn(&Job) -> Result<()>>,
    /// Run before every cell until it prints a line, then killed with SIGKILL.
    pub load: Option<fn(&Job) -> Result<()>>,
    /// Measures one value per column of the shot.
    pub cell: fn(&Job) -> Result<Vec<f64>>,
}
