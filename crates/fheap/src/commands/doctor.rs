//! `fheap doctor`: what this system, filesystem and disk can do, and whether what we assume holds.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fileheap_core::os::{File, Host, SystemHost};
use fileheap_core::{Heap, Options, Result};
use fileheap_probes::{PROBES, Verdict, kernel};
use serde::Serialize;

use crate::output::{BAD, Ending, FAINT, GOOD, Output, WARN, facts, paint};
use crate::progress;

/// Try what the engine assumes of system, filesystem and disk (docs/PLATFORM.md)
#[derive(clap::Args)]
#[command(after_help = "Exit code 1 if an assumption fails: do not trust a heap there. Some \
                        probes need root, for small filesystems of their own, and say so.")]
pub struct Doctor {
    /// The folder to try, where heaps are to lie
    #[arg(default_value = ".")]
    folder: PathBuf,
}

#[derive(Serialize)]
struct Report {
    kernel: String,
    machine: &'static str,
    filesystem: String,
    network: bool,
    reflinks: bool,
    /// How stores are found: the best way that passes its test.
    capture: &'static str,
    sync_us: u64,
    probes: Vec<Tried>,
}

#[derive(Serialize)]
struct Tried {
    number: &'static str,
    claim: &'static str,
    verdict: &'static str,
    detail: String,
}

impl Doctor {
    pub fn run(&self, output: Output) -> Result<Ending> {
        let scratch = Scratch::new(&self.folder)?;
        let (mut report, mut failed) = (scratch.look(&self.folder)?, false);
        let bar = progress::steps(output, "probing", PROBES.len() as u64);
        for probe in PROBES {
            let outcome = probe.run(&scratch.0);
            failed |= outcome.verdict == Verdict::Fails;
            let (verdict, detail) = (outcome.verdict.word(), outcome.detail);
            report.probes.push(Tried { number: probe.number, claim: probe.claim, verdict, detail });
            bar.inc(1);
        }
        bar.finish_and_clear();
        output.show(&report, as_text)?;
        Ok(Ending::of(!failed))
    }
}

/// What stands before the number of the process in the name of its scratch folder.
pub const SCRATCH_FOLDER: &str = "fheap-scratch-";

/// A folder for what is tried, removed with the value.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new(folder: &Path) -> Result<Self> {
        let path = folder.join(format!("{SCRATCH_FOLDER}{}", std::process::id()));
        let fail = |e| fileheap_core::Error::os("cannot make a scratch folder", e).at(&path);
        std::fs::create_dir(&path).map_err(fail)?;
        Ok(Self(path))
    }

    fn look(&self, folder: &Path) -> Result<Report> {
        let path = self.0.join("doctor.heap");
        let heap = Heap::create(&path, &Options::new())?;
        // The way is chosen when a commit first searches.
        let txn = heap.begin_write()?;
        let word = txn.alloc_zeroed(64, 64)?;
        // SAFETY: an aligned word, just allocated.
        unsafe { txn.resolve(word).cast::<u64>().write(1) };
        txn.commit()?;
        let capture = heap.stat()?.capture;
        heap.close()?;
        let host = SystemHost::open(&path, true)?;
        let clone = SystemHost::create(&self.0.join("clone"), 0, 0o600)?;
        let reflinks = File::clone_from(&**clone.data(), &**host.data()).is_ok();
        Ok(Report {
            kernel: kernel(),
            machine: std::env::consts::ARCH,
            filesystem: filesystem(folder),
            network: host.is_network().unwrap_or(false),
            reflinks,
            capture,
            sync_us: sync_time(&host)?.as_micros() as u64,
            probes: Vec::new(),
        })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The median of syncs, each after a page was overwritten.
fn sync_time(host: &SystemHost) -> Result<Duration> {
    let fail = |error| fileheap_core::Error::os("cannot write and sync", error);
    let page = vec![7; 4096];
    let mut times = Vec::new();
    for _ in 0..50 {
        let begin = Instant::now();
        let part = std::io::IoSlice::new(&page);
        host.data().write_at(256 * 1024, &[part]).map_err(fail)?;
        host.data().sync().map_err(fail)?;
        times.push(begin.elapsed());
    }
    times.sort();
    Ok(times[times.len() / 2])
}

/// The type of the filesystem that a folder is on, and where that is mounted.
fn filesystem(folder: &Path) -> String {
    let folder = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mount = |line: &str| {
        let (place, kind) = line.split_once(" - ")?;
        let point = place.split(' ').nth(4)?.to_owned();
        folder.starts_with(&point).then(|| (point, kind.split(' ').next().unwrap_or("").to_owned()))
    };
    let all = mounts.lines().filter_map(mount);
    // Of two on one point the later one lies on top: max_by_key takes the last.
    let deepest = all.max_by_key(|(point, _)| point.len());
    deepest.map_or("unknown".to_owned(), |(point, kind)| format!("{kind} at {point}"))
}

fn as_text(report: &Report) -> String {
    let yes = |is: bool| if is { "yes" } else { "no" }.to_owned();
    let network = match report.network {
        true => paint(BAD, "yes: heaps can be read here, not written"),
        false => "no".to_owned(),
    };
    let mut text = facts(&[
        ("system", format!("Linux {} on {}", report.kernel, report.machine)),
        ("filesystem", report.filesystem.clone()),
        ("over a network", network),
        ("reflinks", yes(report.reflinks)),
        ("stores are found by", report.capture.to_owned()),
        ("write and sync of 4 KiB", format!("{} us", report.sync_us)),
    ]);
    let rows = report.probes.iter().map(|probe| {
        let style = match probe.verdict {
            "holds" => GOOD,
            "FAILS" => BAD,
            "absent" => WARN,
            _ => FAINT,
        };
        let word = paint(style, format!("{:8}", probe.verdict));
        format!("{:<4} {word} {:<50} {}\n", probe.number, probe.claim, probe.detail)
    });
    text.push('\n');
    text.extend(rows);
    text
}
