//! `fheap backup`: a consistent copy of a heap while others go on writing to it.

use std::path::PathBuf;

use fileheap_core::{Heap, Result};
use serde_json::json;

use super::open_to_read;
use crate::output::{Ending, Output};
use crate::{progress, text};

/// Copy the newest committed state to a new file, while others go on writing
#[derive(clap::Args)]
pub struct Backup {
    /// The heap file
    heap: PathBuf,
    /// The file to make; it must not exist
    target: PathBuf,
}

impl Backup {
    pub fn run(&self, output: Output) -> Result<Ending> {
        let bar = progress::bar(output, "copying", 0);
        let heap = open_to_read(&self.heap)?;
        heap.backup_with_progress(&self.target, &mut progress::shown_on(&bar))?;
        heap.close()?;
        bar.finish_and_clear();
        let copy = Heap::peek(&self.target)?;
        let (txn, bytes) = (copy.superblock().checkpoint_txn, copy.file_bytes()?);
        let value = json!({ "target": self.target, "transaction": txn, "bytes": bytes });
        output.show(&value, |_| {
            let target = self.target.display();
            format!("{target}: transaction {txn}, {}\n", text::bytes(bytes))
        })?;
        Ok(Ending::Fine)
    }
}
