//! `fheap compact`: a dense copy of the heap takes its place.

use std::path::PathBuf;

use fileheap_core::{Heap, Options, Result};
use serde_json::json;

use crate::output::{Ending, Output};
use crate::{progress, text};

/// Rewrite a heap densely; nobody may have it open
#[derive(clap::Args)]
#[command(after_help = "Offsets stay good: only payloads of vectors that say they may be moved \
                        are moved. Free runs become holes, the free tail goes.")]
pub struct Compact {
    /// The heap file
    heap: PathBuf,
}

impl Compact {
    pub fn run(&self, output: Output) -> Result<Ending> {
        let bar = progress::bar(output, "copying", 0);
        let shown = &mut progress::shown_on(&bar);
        let report = Heap::compact_with_progress(&self.heap, &Options::new(), shown)?;
        bar.finish_and_clear();
        let (before, after, moved) = (report.before_bytes, report.after_bytes, report.moved_count);
        let value = json!({ "before_bytes": before, "after_bytes": after, "moved_count": moved });
        output.show(&value, |_| {
            let (before, after) = (text::bytes(before), text::bytes(after));
            format!("{before} -> {after} on disk, {} vectors moved\n", text::count(moved))
        })?;
        Ok(Ending::Fine)
    }
}
