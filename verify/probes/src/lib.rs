//! Probes: small experiments that show whether the platform does what the engine assumes.
//!
//! Each has the number of its assumption in docs/PLATFORM.md (A1, A2, ...).
#![cfg(target_os = "linux")]

use std::io;
use std::path::Path;

mod capture;
mod memory;
mod process;
mod space;
mod sys;
pub mod table;

/// What an experiment showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The platform does as assumed.
    Holds,
    /// It does not: the engine must not be trusted here.
    Fails,
    /// The feature is missing; the engine has another way.
    Absent,
    /// Could not be tried here, or cannot be shown by a program at all.
    Untested,
}

impl Verdict {
    /// One word for the table and the JSON.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Holds => "holds",
            Verdict::Fails => "FAILS",
            Verdict::Absent => "absent",
            Verdict::Untested => "untested",
        }
    }
}

/// A verdict and what was seen.
#[derive(Debug)]
pub struct Outcome {
    /// The verdict.
    pub verdict: Verdict,
    /// What was seen, in a few words.
    pub detail: String,
}

/// One assumption and the experiment for it.
pub struct Probe {
    /// "A1": its name in docs/PLATFORM.md.
    pub number: &'static str,
    /// The assumption in a few words.
    pub claim: &'static str,
    run: Run,
}

impl Probe {
    /// Tries it with scratch files in `dir`. An unexpected error of the system is a failure.
    pub fn run(&self, dir: &Path) -> Outcome {
        (self.run)(dir).unwrap_or_else(|error| Outcome {
            verdict: Verdict::Fails,
            detail: format!("unexpected error: {error}"),
        })
    }
}

fn outcome(verdict: Verdict, detail: impl Into<String>) -> io::Result<Outcome> {
    Ok(Outcome { verdict, detail: detail.into() })
}

/// Holds if all conditions do; otherwise names those that do not.
fn judge(detail: impl Into<String>, conditions: &[(&str, bool)]) -> io::Result<Outcome> {
    let broken: Vec<&str> = conditions.iter().filter(|c| !c.1).map(|c| c.0).collect();
    if broken.is_empty() {
        outcome(Verdict::Holds, detail)
    } else {
        outcome(Verdict::Fails, format!("not so: {}", broken.join("; ")))
    }
}

type Run = fn(&Path) -> io::Result<Outcome>;

const fn probe(number: &'static str, claim: &'static str, run: Run) -> Probe {
    Probe { number, claim, run }
}

/// The release of the running kernel.
pub fn kernel() -> String {
    std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_string()
}

/// All probes in the order of their numbers.
pub const PROBES: &[Probe] = &[
    probe("A1", "unstored private pages show later pwrites", memory::clean_private_follows),
    probe("A2", "stored-to private pages keep their content", memory::stored_private_stays),
    probe("A3", "fallocated space takes stores on a full disk", space::store_on_full_disk),
    probe("A4", "OFD locks live and die with their holder", process::ofd_locks),
    probe("A5", "uffd WP_ASYNC + PAGEMAP_SCAN report stores", capture::fast_capture),
    probe("A6", "pagemap bit 61 tells private from file pages", capture::pagemap_bit),
    probe("A7", "read(2) into a private mapping works", memory::read_into_private),
    probe("A8", "MAP_FIXED_NOREPLACE is honoured", memory::fixed_noreplace),
    probe("A9", "pread, pwrite and MAP_SHARED are coherent", memory::coherent),
    probe("A10", "kill -9 keeps shared stores and pwrites", process::kill_keeps),
    probe("A11", "MADV_DONTNEED shows the file again", memory::dontneed),
    probe("A12", "fdatasync covers size and extents", space::fdatasync_covers),
    probe("A13", "512-byte sectors are written whole", space::sectors_whole),
    probe("A14", "futexes work across processes on a file page", process::futex_shared),
    probe("A15", "reserving 1 TiB is possible and cheap", memory::reserve),
    probe("A16", "a failed sync is reported once only", space::sync_reports_once),
    probe("A17", "a store racing a harvest is in it or in the next", capture::racing_stores),
    probe("A18", "shrinking a mapped file destroys private pages", memory::shrink_destroys),
    probe("A19", "a range turns shared and back in place", memory::share_and_back),
    probe("A20", "a forked child's private stores are its own", process::fork_private),
    probe("A21", "a file gets its name late, never another's place", space::late_name),
];
