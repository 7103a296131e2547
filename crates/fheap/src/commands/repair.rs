//! `fheap repair`: mends what can be derived from what is left; gives up only what it is told to.

use std::path::{Path, PathBuf};

use fileheap_core::{Error, ErrorKind, Heap, Result};
use serde::Serialize;

use super::{check, open_to_read};
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
    /// With --accept-loss: even if nothing is left then but an empty heap
    #[arg(long, requires = "accept_loss")]
    leave_empty: bool,
}

#[derive(Serialize)]
struct Report {
    mended: Vec<String>,
    lost: Vec<String>,
    check: check::Report,
}

impl Repair {
    pub fn run(&self, output: Output) -> Result<Ending> {
        if self.accept_loss && !self.leave_empty && would_be_empty(&self.heap)? {
            return Err(total_loss().at(&self.heap));
        }
        let spinner = progress::spinner(output, "repairing");
        let done = Heap::repair(&self.heap, self.accept_loss)
            .map_err(|error| if self.accept_loss { error } else { advised(error) })?;
        spinner.finish_and_clear();
        let check = check::Report::from(&done.check);
        let report = Report { mended: done.mended, lost: done.lost, check };
        output.show(&report, as_text)?;
        Ok(Ending::of(report.check.is_clean()))
    }
}

fn advised(error: Error) -> Error {
    match error.kind() {
        ErrorKind::LogMissing => error.advice(
            "put the log files back; if the heap was copied while it was open, copy them, too, or \
             use `fheap backup`; else restore a backup, or give up the commits that the log held \
             with --accept-loss",
        ),
        ErrorKind::Corrupt => error.advice(
            "restore a backup; or give up the commits that the log held with --accept-loss",
        ),
        _ => error,
    }
}

/// Whether all that was ever committed was in a log that is missing. What is left of one that is
/// damaged only the repair finds out, and it keeps that log.
fn would_be_empty(path: &Path) -> Result<bool> {
    let is_missing = open_to_read(path).is_err_and(|error| error.kind() == ErrorKind::LogMissing);
    Ok(is_missing && Heap::peek(path)?.superblock().checkpoint_txn == 0)
}

fn total_loss() -> Error {
    let text = "all that was committed to this heap was in its log, which is missing: without it \
                the heap is empty";
    Error::new(ErrorKind::LogMissing, text).advice(
        "put the log files back; if the heap was copied while it was open, copy them, too, or use \
         `fheap backup`; --leave-empty makes an empty heap of it",
    )
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
