//! `fheap repair`: mends what can be derived from what is left; gives up only what it is told to.

use std::path::PathBuf;

use fileheap_core::{Heap, Result};
use serde::Serialize;

use super::check;
use crate::output::{BAD, Ending, GOOD, Output, WARN, paint};
use crate::progress;

/// Mend superblock copies from each other; with --accept-loss open without what the log lost
#[derive(clap::Args)]
#[command(after_help = "Nobody may have the heap open. Log files that are given up stay beside \
                        the heap as HEAP-log0.lost and HEAP-log1.lost.")]
pub struct Repair {
    /// The heap file
    heap: PathBuf,
    /// Give up the part of the log that is missing or damaged: the commits from there on are lost
    #[arg(long)]
    accept_loss: bool,
}

#[derive(Serialize)]
struct Report {
    mended: Vec<String>,
    lost: Vec<String>,
    check: check::Report,
}

impl Repair {
    pub fn run(&self, output: Output) -> Result<Ending> {
        let spinner = progress::spinner(output, "repairing");
        let done = Heap::repair(&self.heap, self.accept_loss).map_err(|error| {
            use fileheap_core::ErrorKind::{Corrupt, LogMissing};
            match error.kind() {
                LogMissing | Corrupt if !self.accept_loss => error.advice(
                    "restore a backup; or give up the commits that the log held with --accept-loss",
                ),
                _ => error,
            }
        })?;
        spinner.finish_and_clear();
        let check = check::Report::from(&done.check);
        let report = Report { mended: done.mended, lost: done.lost, check };
        output.show(&report, as_text)?;
        Ok(Ending::of(report.check.is_clean()))
    }
}

fn as_text(report: &Report) -> String {
    let mut text = String::new();
    let mut tell = |style, word: &str, what: &[String]| {
        for line in what {
            text.push_str(&format!("{} {line}\n", paint(style, word)));
        }
    };
    tell(GOOD, "mended", &report.mended);
    tell(BAD, "given up", &report.lost);
    if report.mended.is_empty() && report.lost.is_empty() {
        text.push_str(&format!("{}\n", paint(WARN, "nothing to mend")));
    }
    text + &report.check.as_text()
}
