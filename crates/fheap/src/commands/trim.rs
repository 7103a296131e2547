//! `fheap trim`: gives disk space that nothing uses back to the filesystem.

use std::path::PathBuf;

use fileheap_core::Result;
use serde_json::json;

use super::open_to_tend;
use crate::output::{Ending, Output};
use crate::{progress, text};

/// Give disk space that nothing uses back to the filesystem
#[derive(clap::Args)]
pub struct Trim {
    /// The heap file
    heap: PathBuf,
}

impl Trim {
    pub fn run(&self, output: Output) -> Result<Ending> {
        let bar = progress::bar(output, "punching holes", 0);
        let heap = open_to_tend(&self.heap)?;
        let report = heap.trim_with_progress(&mut progress::shown_on(&bar))?;
        heap.close()?;
        bar.finish_and_clear();
        let (cut, punched) = (report.cut_bytes, report.punched_bytes);
        let hindered = report.hindered;
        let value = json!({ "cut_bytes": cut, "punched_bytes": punched, "hindered": hindered });
        output.show(&value, |_| {
            let more =
                if hindered { "; a reader of an older state kept some: trim again" } else { "" };
            let (cut, punched) = (text::bytes(cut), text::bytes(punched));
            format!("{cut} cut off the end, {punched} of holes punched{more}\n")
        })?;
        Ok(Ending::Fine)
    }
}
