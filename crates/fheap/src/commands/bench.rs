//! `fheap bench`: a quick run on this machine and disk; every figure beside a limit or a peer.

use std::alloc::{Layout, alloc, dealloc};
use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use fileheap_core::catalog::Root;
use fileheap_core::{Durability, Error, Heap, Options, Result, Wait, WriteTxn};
use serde::Serialize;

use super::doctor::Scratch;
use crate::output::{Ending, FAINT, Output, paint, table};
use crate::progress;

/// Measure this machine and disk: commits, allocation, filling, opening, each beside a limit
#[derive(clap::Args)]
#[command(after_help = "Each line is the median of many short rounds, ours and the limit's in \
                        turn. A ratio above 1 is slower than the limit.")]
pub struct Bench {
    /// The folder to measure in
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Seconds for each line
    #[arg(long, short, default_value_t = 1.0)]
    seconds: f64,
    /// MiB to fill
    #[arg(long, default_value_t = 64)]
    mib: u64,
}

#[derive(Serialize)]
struct Line {
    work: String,
    ns: f64,
    limit: &'static str,
    limit_ns: f64,
    ratio: f64,
    rounds: usize,
}

struct Run {
    scratch: Scratch,
    budget: Duration,
    lines: Vec<Line>,
}

impl Bench {
    pub fn run(&self, output: Output) -> Result<Ending> {
        let scratch = Scratch::new(&self.folder)?;
        let budget = Duration::from_secs_f64(self.seconds.clamp(0.01, 600.0));
        let mut run = Run { scratch, budget, lines: Vec::new() };
        let bar = progress::steps(output, "measuring", 4);
        for part in ["commits", "allocation", "filling", "opening"] {
            bar.set_message(part);
            match part {
                "commits" => run.commits(),
                "allocation" => run.allocation(),
                "filling" => run.filling(self.mib.clamp(1, 1 << 20) << 20),
                _ => run.opening(),
            }?;
            bar.inc(1);
        }
        bar.finish_and_clear();
        output.show(&run.lines, |lines| as_text(lines))?;
        Ok(Ending::Fine)
    }
}

fn io(error: std::io::Error) -> Error {
    Error::os("cannot measure", error)
}

/// Time of one call, divided by what it did.
fn timed(times: u32, work: &mut dyn FnMut() -> Result<()>) -> Result<f64> {
    let begin = Instant::now();
    work()?;
    Ok(begin.elapsed().as_nanos() as f64 / f64::from(times))
}

fn median(all: &mut [f64]) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

impl Run {
    /// Ours and the limit in turn, until the budget is used up; both do their work `times` times.
    fn pair(
        &mut self,
        work: &str,
        limit: &'static str,
        times: u32,
        ours: &mut dyn FnMut() -> Result<()>,
        theirs: &mut dyn FnMut() -> Result<()>,
    ) -> Result<()> {
        let (mut own, mut other) = (Vec::new(), Vec::new());
        let begin = Instant::now();
        while own.len() < 3 || begin.elapsed() < self.budget {
            own.push(timed(times, ours)?);
            other.push(timed(times, theirs)?);
        }
        let (rounds, ns, limit_ns) = (own.len(), median(&mut own), median(&mut other));
        let (work, ratio) = (work.to_owned(), ns / limit_ns);
        self.lines.push(Line { work, ns, limit, limit_ns, ratio, rounds });
        Ok(())
    }

    fn heap(&self, name: &str) -> Result<Heap> {
        Heap::create(self.scratch.0.join(name), &Options::new())
    }

    fn commits(&mut self) -> Result<()> {
        let heap = self.heap("commits.heap")?;
        let txn = heap.begin_write()?;
        let at = txn.alloc_zeroed(1 << 20, 4096)?;
        txn.commit()?;
        let file = File::create(self.scratch.0.join("limit")).map_err(io)?;
        file.write_all_at(&vec![0; 4096], 0).and_then(|()| file.sync_all()).map_err(io)?;
        let mut count = 0_u64;
        let mut commit = |mut txn: WriteTxn, durability| {
            count += 1;
            let word = at + count * 4096 % (1 << 20);
            // SAFETY: an aligned word of the allocation above, in the one open transaction.
            unsafe { txn.resolve(word).cast::<u64>().write(count) };
            txn.touch(word, 8);
            txn.set_durability(durability);
            txn.commit().map(|_| ())
        };
        let limit = "overwrite 4 KiB and fdatasync";
        let mut sync =
            || file.write_all_at(&[7; 4096], 0).and_then(|()| file.sync_data()).map_err(io);
        let mut told = || commit(heap.begin_tracked(Wait::Forever)?, Durability::Power);
        self.pair("commit a word, safe from power cuts, told", limit, 1, &mut told, &mut sync)?;
        let mut found = || commit(heap.begin_write()?, Durability::Power);
        self.pair("the same, searched", limit, 1, &mut found, &mut sync)?;
        let mut write = || file.write_all_at(&[7; 64], 0).map_err(io);
        let mut process = || commit(heap.begin_tracked(Wait::Forever)?, Durability::Process);
        let limit = "write(2) of 64 bytes";
        self.pair("commit a word, safe from kill -9, told", limit, 1, &mut process, &mut write)
    }

    fn allocation(&mut self) -> Result<()> {
        const COUNT: usize = 10_000;
        let heap = self.heap("cells.heap")?;
        let txn = heap.begin_write()?;
        let mut ours = || {
            let all: Result<Vec<u64>> = (0..COUNT).map(|_| txn.alloc(48, 16)).collect();
            all?.into_iter().try_for_each(|at| txn.free(at))
        };
        let layout = Layout::from_size_align(48, 16).expect("a power of two");
        let mut theirs = || {
            // SAFETY: the layout has a size.
            let all: Vec<*mut u8> =
                (0..COUNT).map(|_| black_box(unsafe { alloc(layout) })).collect();
            // SAFETY: each was allocated above with this layout, and is freed once.
            all.into_iter()
                .filter(|at| !at.is_null())
                .for_each(|at| unsafe { dealloc(at, layout) });
            Ok(())
        };
        let limit = "malloc and free";
        self.pair("allocate and free 48 bytes", limit, COUNT as u32, &mut ours, &mut theirs)?;
        txn.abort()
    }

    fn filling(&mut self, bytes: u64) -> Result<()> {
        let heap = self.heap("fill.heap")?;
        let mut ours = || {
            let txn = heap.begin_write()?;
            let at = txn.alloc(bytes, 4096)?;
            // SAFETY: so many bytes were just allocated.
            unsafe { txn.resolve(at).write_bytes(7, bytes as usize) };
            txn.commit()?;
            let txn = heap.begin_write()?;
            txn.free(at)?;
            txn.commit().map(|_| ())
        };
        let path = self.scratch.0.join("filled");
        let block = vec![7; 1 << 20];
        let mut theirs = || {
            let mut file = File::create(&path).map_err(io)?;
            (0..bytes >> 20).try_for_each(|_| file.write_all(&block)).map_err(io)?;
            file.sync_data().map_err(io)
        };
        let work = format!("fill and commit {} MiB, free them", bytes >> 20);
        self.pair(&work, "write(2) and fdatasync", 1, &mut ours, &mut theirs)
    }

    fn opening(&mut self) -> Result<()> {
        let path = self.scratch.0.join("open.heap");
        let heap = Heap::create(&path, &Options::new())?;
        let mut txn = heap.begin_write()?;
        let offset = txn.alloc_zeroed(64, 64)?;
        txn.catalog().names().bind("word", Root { offset, bytes: 64, ..Root::default() })?;
        txn.commit()?;
        heap.close()?;
        let mut ours = || {
            let heap = Heap::open(&path, &Options::new().read_only())?;
            let read = heap.begin_read()?;
            let root = read.catalog().names().lookup("word")?.unwrap_or_default();
            black_box(read.memory().read::<u64>(root.offset)?);
            drop(read);
            heap.close()
        };
        let mut theirs = || {
            let file = File::open(&path).map_err(io)?;
            let mut word = [0; 8];
            file.read_exact_at(&mut word, offset).map_err(io)?;
            black_box(word);
            Ok(())
        };
        let limit = "open(2), pread(2) of a word, close(2)";
        self.pair("open, find a name, read, close", limit, 1, &mut ours, &mut theirs)
    }
}

fn as_text(lines: &[Line]) -> String {
    let rows = lines.iter().map(|line| {
        let ratio = format!("{:.2}", line.ratio);
        vec![line.work.clone(), time(line.ns), line.limit.to_owned(), time(line.limit_ns), ratio]
    });
    let mut text =
        table(&["work", "fileheap", "limit", "limit's", "ratio"], rows.collect(), &[1, 3, 4]);
    let note = "medians; the figures of one machine at one moment, ratios last longer";
    text.push_str(&format!("{}\n", paint(FAINT, note)));
    text
}

fn time(ns: f64) -> String {
    match ns {
        ns if ns < 1e3 => format!("{ns:.0} ns"),
        ns if ns < 1e6 => format!("{:.1} us", ns / 1e3),
        ns if ns < 1e9 => format!("{:.1} ms", ns / 1e6),
        ns => format!("{:.2} s", ns / 1e9),
    }
}
