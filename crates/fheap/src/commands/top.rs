//! `fheap top`: who reads, who writes and how fast, from the counters in the heap.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use console::{Term, truncate_str};
use fileheap_core::heap::Peek;
use fileheap_core::{Heap, Result};
use serde::Serialize;

use crate::output::{BAD, Ending, FAINT, HEAD, Output, paint, table};
use crate::text::{bytes, count};

/// Watch a heap: commits, log, readers and what they pin. Ctrl-C ends it
#[derive(clap::Args)]
#[command(
    after_help = "The heap is looked at from outside: nothing is locked, pinned or written, \
                        so that no process is hindered. Without a terminal a line is printed for \
                        each look."
)]
pub struct Top {
    /// The heap file
    heap: PathBuf,
    /// Seconds from one look to the next
    #[arg(long, short, default_value = "1", value_parser = seconds)]
    interval: Duration,
    /// End after so many looks
    #[arg(long, short = 'n', value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
}

#[derive(Serialize)]
struct Look {
    open: bool,
    published_txn: u64,
    durable_txn: u64,
    checkpoint_txn: u64,
    /// Commits in a second, since the look before.
    commits_per_s: f64,
    commits: u64,
    log_generation: u64,
    log_bytes: u64,
    file_bytes: u64,
    disk_bytes: u64,
    writer: Option<u32>,
    poisoned: bool,
    processes: Vec<Process>,
}

#[derive(Serialize)]
struct Process {
    pid: u32,
    command: String,
    snapshot: Option<u64>,
    keep: Option<u64>,
    /// Transactions committed since the state that it pins.
    behind: Option<u64>,
}

impl Top {
    pub fn run(&self, output: Output) -> Result<Ending> {
        let term = Term::stdout();
        let redraw = !output.json && term.is_term();
        let mut before: Option<(Instant, u64)> = None;
        let (mut looks, mut lines, mut size) = (0, 0, term.size());
        loop {
            // Anew each time: a compaction may have put another file there.
            let peek = Heap::peek(&self.heap)?;
            let look = look(&peek, before)?;
            before = Some((Instant::now(), look.commits));
            if output.json {
                let line = serde_json::to_string(&look).unwrap_or_default();
                output.text(&format!("{line}\n"))?;
            } else if redraw {
                let text = fitted(&screen(&look, &self.heap), term.size());
                // Another width has moved what was there.
                let _ = match std::mem::replace(&mut size, term.size()) == size {
                    true => term.clear_last_lines(lines),
                    false => term.clear_screen(),
                };
                lines = text.lines().count();
                output.text(&text)?;
            } else {
                let head = if looks % 20 == 0 { LINE_HEAD } else { "" };
                output.text(&format!("{head}{}", line(&look)))?;
            }
            looks += 1;
            if self.count.is_some_and(|count| looks >= count) {
                return Ok(Ending::Fine);
            }
            std::thread::sleep(self.interval);
        }
    }
}

/// A pause that hinders nobody and ends some day.
fn seconds(text: &str) -> std::result::Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(number) if !number.is_nan() => Ok(Duration::from_secs_f64(number.clamp(0.05, 3600.0))),
        _ => Err("a number of seconds is expected".to_owned()),
    }
}

fn look(peek: &Peek, before: Option<(Instant, u64)>) -> Result<Look> {
    let superblock = peek.superblock();
    let progress = peek.progress()?;
    let commits = progress.map_or(0, |progress| progress.commits);
    let since = before.map(|(when, count)| (when.elapsed().as_secs_f64(), count));
    // The counter begins anew when the first process attaches.
    let rate = since.map(|(seconds, count)| commits.saturating_sub(count) as f64 / seconds);
    let published = progress.map_or(superblock.checkpoint_txn, |it| it.published);
    let processes = peek.attached()?.into_iter().map(|process| {
        let pin = [process.snapshot, process.keep].into_iter().flatten().min();
        Process {
            pid: process.pid,
            command: command(process.pid),
            snapshot: process.snapshot,
            keep: process.keep,
            behind: pin.map(|pin| published.saturating_sub(pin)),
        }
    });
    let log = |which| peek.log_bytes(which).map(Option::unwrap_or_default);
    Ok(Look {
        open: progress.is_some(),
        published_txn: published,
        durable_txn: progress.map_or(superblock.checkpoint_txn, |it| it.durable),
        checkpoint_txn: progress.map_or(superblock.checkpoint_txn, |it| it.checkpoint),
        commits_per_s: rate.unwrap_or(0.0),
        commits,
        log_generation: progress.map_or(superblock.log_generation, |it| it.log_generation),
        log_bytes: log(0)? + log(1)?,
        file_bytes: peek.file_bytes()?,
        disk_bytes: peek.disk_bytes()?,
        writer: peek.writer()?,
        poisoned: peek.is_poisoned()?,
        processes: processes.collect(),
    })
}

fn command(pid: u32) -> String {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    name.trim().chars().filter(|c| !c.is_control()).collect()
}

const LINE_HEAD: &str =
    "commits/s     committed       durable       in file        log  processes  writer\n";

fn line(look: &Look) -> String {
    let writer = look.writer.map_or("-".to_owned(), |pid| pid.to_string());
    format!(
        "{:>9.1} {:>13} {:>13} {:>13} {:>10} {:>10}  {writer}\n",
        look.commits_per_s,
        look.published_txn,
        look.durable_txn,
        look.checkpoint_txn,
        bytes(look.log_bytes),
        look.processes.len(),
    )
}

/// As much of a text as a terminal of so many rows and columns shows without moving it.
fn fitted(text: &str, (rows, columns): (u16, u16)) -> String {
    let lines = text.lines().take(usize::from(rows).saturating_sub(1).max(1));
    lines.map(|line| format!("{}\n", truncate_str(line, columns.into(), ""))).collect()
}

fn screen(look: &Look, path: &std::path::Path) -> String {
    let state = match (look.poisoned, look.open) {
        (true, _) => paint(BAD, "poisoned: a sync failed"),
        (_, true) => format!("{:.1} commits/s, {} in all", look.commits_per_s, count(look.commits)),
        _ => "nobody has it open".to_owned(),
    };
    let lag = |from: u64, to: u64| match from.saturating_sub(to) {
        0 => String::new(),
        lag => format!(" ({} behind)", count(lag)),
    };
    let mut text = format!(
        "{}  {state}\n{} in the file, {} on disk, {} of logs (generation {})\n\
         committed {}, safe from power cuts {}{}, in the file {}{}\n",
        paint(HEAD, path.display()),
        bytes(look.file_bytes),
        bytes(look.disk_bytes),
        bytes(look.log_bytes),
        look.log_generation,
        look.published_txn,
        look.durable_txn,
        lag(look.published_txn, look.durable_txn),
        look.checkpoint_txn,
        lag(look.published_txn, look.checkpoint_txn),
    );
    if look.processes.is_empty() {
        return text + &format!("{}\n", paint(FAINT, "no processes"));
    }
    let rows = look.processes.iter().map(|process| {
        let number = |it: Option<u64>| it.map_or("-".to_owned(), |it| it.to_string());
        let writes = look.writer == Some(process.pid);
        vec![
            process.pid.to_string(),
            process.command.clone(),
            number(process.snapshot),
            number(process.keep),
            number(process.behind),
            if writes { "writing" } else { "" }.to_owned(),
        ]
    });
    text.push('\n');
    text + &table(
        &["process", "command", "reads", "keeps", "behind", ""],
        rows.collect(),
        &[0, 2, 3, 4],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_fits_its_terminal() {
        let text = format!("{}  tail\nsecond\nthird\n", paint(HEAD, "a long name"));
        assert_eq!(fitted(&text, (24, 80)), text);
        let small = fitted(&text, (3, 4));
        assert_eq!(console::strip_ansi_codes(&small), "a lo\nseco\n");
        assert_eq!(fitted(&text, (0, 1)).lines().count(), 1);
    }
}
