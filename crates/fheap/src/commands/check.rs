//! `fheap check`: walks everything there is and tells what contradicts the format.

use std::path::PathBuf;

use fileheap_core::Result;
use fileheap_core::heap::CheckReport;
use serde::Serialize;

use super::open_to_read;
use crate::output::{BAD, Ending, GOOD, Output, paint, table};
use crate::{progress, text};

/// Look for defects; changes nothing. Exit code 1 if there are any
#[derive(clap::Args)]
pub struct Check {
    /// The heap file
    heap: PathBuf,
}

/// What check found, also after a repair.
#[derive(Serialize)]
pub struct Report {
    clean: bool,
    findings: Vec<Finding>,
    live_count: u64,
    live_bytes: u64,
    catalog_count: u64,
}

#[derive(Serialize)]
struct Finding {
    part: &'static str,
    offset: u64,
    what: String,
}

impl Check {
    pub fn run(&self, output: Output) -> Result<Ending> {
        let bar = progress::steps(output, "checking", 0);
        let heap = open_to_read(&self.heap)?;
        let report = Report::from(&heap.check_with_progress(&mut progress::shown_on(&bar))?);
        bar.finish_and_clear();
        output.show(&report, Report::as_text)?;
        Ok(Ending::of(report.clean))
    }
}

impl From<&CheckReport> for Report {
    fn from(report: &CheckReport) -> Self {
        use fileheap_core::heap::FindingKind as K;
        let part = |kind| match kind {
            K::Superblock => "superblock",
            K::Log => "log",
            K::Space => "space",
            K::Catalog => "catalog",
            K::Dangling => "dangling",
        };
        let findings = report.findings.iter().map(|finding| Finding {
            part: part(finding.kind),
            offset: finding.offset,
            what: finding.what.clone(),
        });
        Self {
            clean: report.is_clean(),
            findings: findings.collect(),
            live_count: report.live_count,
            live_bytes: report.live_bytes,
            catalog_count: report.catalog_count,
        }
    }
}

impl Report {
    pub fn is_clean(&self) -> bool {
        self.clean
    }

    pub fn as_text(&self) -> String {
        let seen = format!(
            "{} live allocations of {}, {} of them the catalog's",
            text::count(self.live_count),
            text::bytes(self.live_bytes),
            text::count(self.catalog_count)
        );
        if self.clean {
            return format!("{}: {seen}\n", paint(GOOD, "no defects"));
        }
        let rows = self.findings.iter().map(|finding| {
            let (part, what) = (finding.part.to_owned(), finding.what.clone());
            vec![part, format!("{:#x}", finding.offset), what]
        });
        let count = self.findings.len();
        let defects = if count == 1 { "defect" } else { "defects" };
        let verdict = paint(BAD, format!("{count} {defects}"));
        format!("{}{verdict}; {seen}\n", table(&["part", "offset", "defect"], rows.collect(), &[1]))
    }
}
