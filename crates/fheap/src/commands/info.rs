//! `fheap info`: who a heap is and how it stands, told from outside; works where opening does not.

use std::path::PathBuf;

use fileheap_core::format::LOG_LIVE;
use fileheap_core::{Heap, Result};
use serde::Serialize;

use crate::output::{BAD, Ending, GOOD, Output, WARN, facts, paint};
use crate::text;

/// Tell who a heap is and how it stands, without opening it
#[derive(clap::Args)]
pub struct Info {
    /// The heap file
    heap: PathBuf,
}

#[derive(Serialize)]
struct Report {
    path: PathBuf,
    uuid: String,
    format: u32,
    created_unix_s: u64,
    base: u64,
    limit_bytes: u64,
    file_bytes: u64,
    disk_bytes: u64,
    log_live: bool,
    log_bytes: [Option<u64>; 2],
    log_generation: u64,
    checkpoint_txn: u64,
    published_txn: Option<u64>,
    durable_txn: Option<u64>,
    processes: Vec<u32>,
    writer: Option<u32>,
    poisoned: bool,
    state: &'static str,
}

impl Info {
    pub fn run(&self, output: Output) -> Result<Ending> {
        let peek = Heap::peek(&self.heap)?;
        let superblock = peek.superblock();
        let (progress, is_open) = (peek.progress()?, peek.is_open()?);
        let log_live = superblock.flags & LOG_LIVE != 0;
        let log_bytes = [peek.log_bytes(0)?, peek.log_bytes(1)?];
        let poisoned = peek.is_poisoned()?;
        let state = match (is_open, log_live) {
            _ if poisoned => "poisoned: a sync failed, close it everywhere and open it anew",
            (true, _) => "open",
            (false, false) => "closed cleanly",
            (false, true) if log_bytes == [None, None] => "its logs are missing",
            (false, true) => "to be recovered when it is opened next",
        };
        let report = Report {
            path: self.heap.clone(),
            uuid: text::uuid(superblock.uuid),
            format: superblock.version,
            created_unix_s: superblock.created_unix_s,
            base: superblock.base,
            limit_bytes: superblock.limit_bytes,
            file_bytes: peek.file_bytes()?,
            disk_bytes: peek.disk_bytes()?,
            log_live,
            log_bytes,
            log_generation: progress.map_or(superblock.log_generation, |it| it.log_generation),
            checkpoint_txn: progress.map_or(superblock.checkpoint_txn, |it| it.checkpoint),
            published_txn: progress.map(|progress| progress.published),
            durable_txn: progress.map(|progress| progress.durable),
            processes: peek.attached()?.iter().map(|process| process.pid).collect(),
            writer: peek.writer()?,
            poisoned,
            state,
        };
        output.show(&report, as_text)?;
        Ok(Ending::Fine)
    }
}

fn as_text(report: &Report) -> String {
    let style = match report.state {
        "open" | "closed cleanly" => GOOD,
        state if state.starts_with("to be") => WARN,
        _ => BAD,
    };
    let log = |which: usize| report.log_bytes[which].map_or("-".to_owned(), text::bytes);
    let pids: Vec<String> = report.processes.iter().map(u32::to_string).collect();
    let mut pairs = vec![
        ("heap", report.path.display().to_string()),
        ("state", paint(style, report.state)),
        ("identity", report.uuid.clone()),
        ("created", text::date(report.created_unix_s as i64)),
        ("format", report.format.to_string()),
        (
            "file",
            format!(
                "{}, {} on disk",
                text::bytes(report.file_bytes),
                text::bytes(report.disk_bytes)
            ),
        ),
        ("limit", text::bytes(report.limit_bytes)),
        ("base", format!("{:#x}", report.base)),
        ("logs", format!("{}, {} (generation {})", log(0), log(1), report.log_generation)),
        ("in the file up to", format!("transaction {}", report.checkpoint_txn)),
    ];
    if let (Some(published), Some(durable)) = (report.published_txn, report.durable_txn) {
        pairs.push((
            "committed",
            format!("transaction {published}, {durable} safe from power cuts"),
        ));
    }
    pairs.push(("processes", if pids.is_empty() { "none".to_owned() } else { pids.join(", ") }));
    if let Some(writer) = report.writer {
        pairs.push(("writing now", format!("process {writer}")));
    }
    facts(&pairs)
}
