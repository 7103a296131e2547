//! `fheap stat`: figures - what is in the heap, how it is fragmented, how far its log has come.

use std::path::PathBuf;

use fileheap_core::Result;
use fileheap_core::heap::Stat as Figures;
use serde_json::{Value, json};

use super::open_to_read;
use crate::output::{Ending, Output, facts, table};
use crate::text::{bytes, count, percent};

/// Count what is in a heap: allocations by size, free space, fragmentation, log
#[derive(clap::Args)]
pub struct Stat {
    /// The heap file
    heap: PathBuf,
}

impl Stat {
    pub fn run(&self, output: Output) -> Result<Ending> {
        let figures = open_to_read(&self.heap)?.stat()?;
        match output.json {
            true => output.json(&as_json(&figures))?,
            false => output.text(&as_text(&figures))?,
        }
        Ok(Ending::Fine)
    }
}

fn as_json(stat: &Figures) -> Value {
    let alloc = &stat.alloc;
    let classes = alloc.classes.iter().map(|class| {
        json!({ "up_to_bytes": class.up_to_bytes, "count": class.count, "bytes": class.bytes })
    });
    json!({
        "file_bytes": stat.file_bytes, "disk_bytes": stat.disk_bytes,
        "heap_bytes": alloc.heap_bytes, "live_bytes": alloc.live_bytes,
        "own_bytes": alloc.own_bytes,
        "cell_count": alloc.cell_count, "run_count": alloc.run_count,
        "direct_count": alloc.direct_count, "zone_count": alloc.zone_count,
        "free_run_bytes": alloc.free_run_bytes, "free_run_count": alloc.free_run_count,
        "punched_bytes": alloc.punched_bytes, "largest_free_bytes": alloc.largest_free_bytes,
        "free_cell_bytes": alloc.free_cell_bytes, "fragmentation": alloc.fragmentation(),
        "names": stat.names, "records": stat.records,
        "published_txn": stat.progress.published, "durable_txn": stat.progress.durable,
        "checkpoint_txn": stat.progress.checkpoint, "commits": stat.progress.commits,
        "log_bytes": stat.log_bytes, "log_spans": stat.log_spans,
        "classes": classes.collect::<Vec<_>>(), "trouble": stat.trouble,
    })
}

fn as_text(stat: &Figures) -> String {
    let (alloc, log) = (&stat.alloc, stat.log_bytes);
    let whole = alloc.heap_bytes;
    let share = |part: u64| format!("{}, {}", bytes(part), percent(part, whole));
    let disk = bytes(stat.disk_bytes);
    let mut text = facts(&[
        (
            "heap",
            format!("{} in a file of {}, {disk} on disk", bytes(whole), bytes(stat.file_bytes)),
        ),
        ("live", share(alloc.live_bytes)),
        (
            "free in runs",
            format!("{} in {}", share(alloc.free_run_bytes), runs(alloc.free_run_count)),
        ),
        ("free in zones", share(alloc.free_cell_bytes)),
        ("its own", share(alloc.own_bytes)),
        ("given back", bytes(alloc.punched_bytes)),
        ("largest free run", bytes(alloc.largest_free_bytes)),
        ("fragmentation", format!("{:.1} %", 100.0 * alloc.fragmentation())),
        ("zones", count(alloc.zone_count)),
        ("cells in them", count(alloc.cell_count)),
        ("runs", count(alloc.run_count)),
        ("direct extents", count(alloc.direct_count)),
        ("names, vectors", format!("{}, {}", count(stat.names), count(stat.records))),
        (
            "transactions",
            format!(
                "{} committed, {} safe from power cuts, {} in the file",
                stat.progress.published, stat.progress.durable, stat.progress.checkpoint
            ),
        ),
        ("log", format!("{} used, {} ranges", bytes(log), count(stat.log_spans))),
    ]);
    if let Some(trouble) = &stat.trouble {
        text.push_str(&facts(&[("trouble", trouble.clone())]));
    }
    if alloc.classes.is_empty() {
        return text;
    }
    let largest = alloc.classes.iter().map(|class| class.bytes).max().unwrap_or(1).max(1);
    let rows = alloc.classes.iter().map(|class| {
        let bar = "#".repeat((class.bytes * 30).div_ceil(largest) as usize);
        vec![bytes(class.up_to_bytes), count(class.count), bytes(class.bytes), bar]
    });
    text.push('\n');
    text + &table(&["up to", "live", "bytes", ""], rows.collect(), &[0, 1, 2])
}

fn runs(number: u64) -> String {
    format!("{} {}", count(number), if number == 1 { "run" } else { "runs" })
}
