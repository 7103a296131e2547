//! Check: walks everything there is and tells what contradicts the format. Changes nothing.

use std::collections::HashMap;

use super::{Heap, ReadTxn};
use crate::alloc;
use crate::catalog::Inspector;
use crate::format::{HEADER_OFFSET, PAGE_BYTES, RunKind, Superblock};
use crate::{Error, Result};

/// Which part of the heap a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingKind {
    /// One of the two superblock copies; the other one rules.
    Superblock,
    /// The logs do not lead to the state that this process sees.
    Log,
    /// Header, page map, bitmaps.
    Space,
    /// Names, records, their trees.
    Catalog,
    /// A root or record points at what is not allocated.
    Dangling,
}

/// One defect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is about.
    pub kind: FindingKind,
    /// Where in the heap file; 0 for a log.
    pub offset: u64,
    /// Found versus expected.
    pub what: String,
}

/// What check saw.
#[derive(Debug, Clone, Default)]
pub struct CheckReport {
    /// Defects, none if all is well.
    pub findings: Vec<Finding>,
    /// Live allocations.
    pub live_count: u64,
    /// Their bytes.
    pub live_bytes: u64,
    /// Of these, the catalog's own cells.
    pub catalog_count: u64,
}

/// More than this many findings say nothing new.
const FINDINGS_MAX: usize = 1000;

impl CheckReport {
    /// Whether nothing was found.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    fn add(&mut self, kind: FindingKind, offset: u64, what: String) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding { kind, offset, what });
        }
    }
}

impl Heap {
    /// Walks superblocks, logs, page map, bitmaps, catalog, in a snapshot.
    pub fn check(&self) -> Result<CheckReport> {
        self.check_with_progress(&mut |_, _| ())
    }

    /// The same; `progress` is told how many steps are done, and how many there are.
    pub fn check_with_progress(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<CheckReport> {
        let read = self.begin_read()?;
        let mut report = CheckReport::default();
        self.check_superblocks(&mut report)?;
        if let Some(what) = self.shared.engine.check_logs(read.number())? {
            report.add(FindingKind::Log, 0, what);
        }
        let mapped = self.shared.engine.mapped_bytes();
        let mut found = |f: alloc::Finding| {
            let what = format!("expected {}, found {:#x}", f.expected, f.found);
            report.add(FindingKind::Space, f.offset, what);
        };
        // SAFETY: so many bytes are mapped, and the guard keeps writers of this process away.
        unsafe { alloc::check(self.base(), mapped, &mut found) };
        if report.findings.iter().any(|finding| finding.kind == FindingKind::Space) {
            return Ok(report); // what follows would trust what was found wanting
        }
        let mut steps = Steps::new(&read, mapped / PAGE_BYTES, progress);
        let mut live = HashMap::new();
        self.shared.allocator.each_live(&mut |offset, bytes, kind: RunKind| {
            steps.reach(offset / PAGE_BYTES);
            live.insert(offset, (bytes, kind));
            report.live_count += 1;
            report.live_bytes += bytes;
        });
        let mut catalog = InCatalog { live, report, steps };
        read.catalog().check(&mut catalog);
        catalog.report.catalog_count = catalog.report.live_count - catalog.live.len() as u64;
        catalog.payloads(&read)?;
        catalog.steps.reach(u64::MAX);
        Ok(catalog.report)
    }

    fn check_superblocks(&self, report: &mut CheckReport) -> Result<()> {
        let mut bytes = vec![0; (2 * PAGE_BYTES) as usize];
        let got = self.shared.engine.host().data().read_at(0, &mut bytes);
        got.map_err(|error| self.shared.engine.os_error("cannot read the superblocks", error))?;
        let ours = self.shared.engine.identity();
        for copy in 0..2 {
            let at = Superblock::offset(copy);
            let Some((found, _)) = super::identity::superblock_at(&bytes, copy) else { continue };
            match super::identity::sound(&found, copy) {
                Err(error) => report.add(FindingKind::Superblock, at, error.to_string()),
                Ok(()) if (found.uuid, found.base) != (ours.uuid, ours.base) => {
                    let what = "this superblock copy belongs to another heap (I7)".to_owned();
                    report.add(FindingKind::Superblock, at, what);
                }
                Ok(()) => {}
            }
        }
        Ok(())
    }
}

/// How far a check has come: a step for each page, and two for each name and record, one when its
/// cell is looked at and one when what it points at is.
struct Steps<'a> {
    done: u64,
    total: u64,
    tell: &'a mut dyn FnMut(u64, u64),
}

/// Telling costs more than a step.
const STEPS_UNTOLD: u64 = 4096;

impl<'a> Steps<'a> {
    fn new(read: &ReadTxn, pages: u64, tell: &'a mut dyn FnMut(u64, u64)) -> Self {
        let catalog = read.catalog();
        let entries = [catalog.names().count(), catalog.records().count()];
        // Counts that are wrong are a finding of the check itself.
        let entries = entries.into_iter().flatten().fold(0, u64::saturating_add);
        Self { done: 0, total: pages.saturating_add(entries.saturating_mul(2)), tell }
    }

    fn reach(&mut self, done: u64) {
        let told = self.done / STEPS_UNTOLD;
        self.done = done.clamp(self.done, self.total);
        if self.done / STEPS_UNTOLD != told || self.done == self.total {
            (self.tell)(self.done, self.total);
        }
    }

    fn next(&mut self) {
        self.reach(self.done.saturating_add(1));
    }
}

struct InCatalog<'a> {
    /// Live allocations that nothing in the catalog was found to own.
    live: HashMap<u64, (u64, RunKind)>,
    report: CheckReport,
    steps: Steps<'a>,
}

impl Inspector for InCatalog<'_> {
    fn cell(&mut self, offset: u64, bytes: u64) {
        self.steps.next();
        match self.live.remove(&offset) {
            Some((usable, _)) if usable >= bytes => {}
            Some((usable, _)) => {
                let what = format!("a catalog cell of {bytes} bytes in an allocation of {usable}");
                self.report.add(FindingKind::Catalog, offset, what);
            }
            None => {
                let what = "a catalog cell that is not allocated, or used twice (I5)".to_owned();
                self.report.add(FindingKind::Catalog, offset, what);
            }
        }
    }

    fn finding(&mut self, offset: u64, what: String) {
        self.report.add(FindingKind::Catalog, offset, what);
    }
}

impl InCatalog<'_> {
    /// What names and records point at must be allocated.
    fn payloads(&mut self, read: &ReadTxn) -> Result<()> {
        let mut after: Option<String> = None;
        loop {
            let page = read.catalog().names().list(after.as_deref(), 1000).unwrap_or_default();
            for (name, root) in &page {
                self.points(root.offset, root.bytes, &format!("root {name:?}"));
            }
            let Some((last, _)) = page.into_iter().next_back() else { break };
            after = Some(last);
        }
        let mut after = 0;
        loop {
            let page = read.catalog().records().list(after, 1000).unwrap_or_default();
            for record in &page {
                let what = format!("record {}", record.id);
                self.points(record.payload_offset, record.payload_bytes, &what);
            }
            let Some(last) = page.last() else { break };
            after = last.id;
        }
        Ok(())
    }

    fn points(&mut self, offset: u64, bytes: u64, who: &str) {
        self.steps.next();
        if bytes == 0
            || offset == 0
            || (HEADER_OFFSET..).contains(&offset) && self.holds(offset, bytes)
        {
            return;
        }
        let what = format!("{who} points at {bytes} bytes there, which are not one allocation");
        self.report.add(FindingKind::Dangling, offset, what);
    }

    fn holds(&self, offset: u64, bytes: u64) -> bool {
        self.live.get(&offset).is_some_and(|&(usable, _)| usable >= bytes)
    }
}

/// An error for who wants a sound heap or none.
impl From<&CheckReport> for Error {
    fn from(report: &CheckReport) -> Self {
        let first = report.findings.first().map_or("nothing", |finding| finding.what.as_str());
        let count = report.findings.len();
        Self::new(crate::ErrorKind::Corrupt, format!("{count} findings; the first: {first}"))
    }
}
