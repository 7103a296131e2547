//! Repair: mends what can be derived from what is left, and says what was given up.

use std::io::IoSlice;
use std::path::{Path, PathBuf};

use super::{CheckReport, Heap, Options, identity};
use crate::format::{LOG_LIVE, PAGE_BYTES, Plain, Superblock};
use crate::os::{File, Host, Lock, Mode, SystemHost, Wait};
use crate::{Error, ErrorKind, Result};

/// What repair did.
#[derive(Debug, Clone, Default)]
pub struct RepairReport {
    /// What was mended.
    pub mended: Vec<String>,
    /// What was given up.
    pub lost: Vec<String>,
    /// What check says now.
    pub check: CheckReport,
}

impl Heap {
    /// Mends superblock copies from each other, and - with `give_up_log` - opens a heap without
    /// the part of its log that is missing or damaged: the commits from there on are lost. Log
    /// files stay as they were, under another name. Space that lost commits freed may have been
    /// used again: the report's check says whether what is left fits together; bytes of yours in
    /// such space it cannot judge. Nobody may have the heap open.
    pub fn repair(path: impl AsRef<Path>, give_up_log: bool) -> Result<RepairReport> {
        let path = path.as_ref();
        let mut report = RepairReport::default();
        let whole = mend_files(path, give_up_log, &mut report)?;
        let heap = match whole {
            true => Self::open(path, &Options::new()),
            false => salvage(path, &mut report),
        }?;
        report.check = heap.check()?;
        heap.close()?;
        Ok(report)
    }
}

/// Whether there is no log to give up.
fn mend_files(path: &Path, give_up_log: bool, report: &mut RepairReport) -> Result<bool> {
    let host = seize(path, "repaired")?;
    let (good, copy) = identity::judge(&**host.data()).map_err(|error| error.at(path))?;
    mend_superblock(&**host.data(), &good, copy ^ 1, report)?;
    drop(host);
    Ok(!give_up_log || good.flags & LOG_LIVE == 0 || log_is_whole(path)?)
}

/// P24: what the logs hold before the damage; if they are no logs at all, what the heap file holds.
fn salvage(path: &Path, report: &mut RepairReport) -> Result<Heap> {
    keep_logs(path, report)?;
    let options = Options { accept_loss: true, ..Options::new() };
    let opened = Heap::open(path, &options);
    let heap = match opened {
        Err(error) if is_of_logs(&error) => {
            give_logs_up(path)?;
            Heap::open(path, &Options::new())
        }
        opened => opened,
    }?;
    let last = heap.begin_read()?.number();
    report.lost.push(format!("every commit after transaction {last}"));
    Ok(heap)
}

fn is_of_logs(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::LogMissing | ErrorKind::Corrupt)
}

fn log_name(path: &Path, which: usize, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!("-log{which}{end}"));
    name.into()
}

/// Copies of both logs as they are.
fn keep_logs(path: &Path, report: &mut RepairReport) -> Result<()> {
    for which in 0..2 {
        let (from, to) = (log_name(path, which, ""), log_name(path, which, ".lost"));
        if from.exists() {
            let copied = std::fs::copy(&from, &to);
            copied.map_err(|error| Error::os("cannot keep a log", error).at(&to))?;
            report.lost.push(format!("log {which}: kept as {}", to.display()));
        }
    }
    Ok(())
}

/// Nobody but us may open the heap meanwhile, and we cannot ourselves. `deed`: what is to be done.
pub(super) fn seize(path: &Path, deed: &str) -> Result<SystemHost> {
    let host = SystemHost::open(path, true)?;
    let fail = |error| Error::os("cannot lock the heap", error).at(path);
    for lock in [Lock::Door, Lock::Presence] {
        if !host.board().lock(lock, Mode::Exclusive, Wait::Try).map_err(fail)? {
            let text = format!("a heap that is open elsewhere cannot be {deed}");
            return Err(Error::new(ErrorKind::Busy, text).at(path).advice("close it there"));
        }
    }
    Ok(host)
}

fn give_logs_up(path: &Path) -> Result<()> {
    let host = seize(path, "repaired")?;
    let fail = |error| Error::os("cannot repair the heap", error).at(path);
    let (mut good, copy) = identity::judge(&**host.data()).map_err(|error| error.at(path))?;
    for which in 0..2 {
        host.remove_log(which).map_err(fail)?;
    }
    good.flags &= !LOG_LIVE;
    good.sequence += 1;
    write(&**host.data(), &good.sealed(), copy ^ 1)
}

fn mend_superblock(
    file: &dyn File,
    good: &Superblock,
    copy: u64,
    report: &mut RepairReport,
) -> Result<()> {
    let mut bytes = vec![0; (2 * PAGE_BYTES) as usize];
    file.read_at(0, &mut bytes).map_err(|e| Error::os("cannot read the superblock", e))?;
    let other = identity::superblock_at(&bytes, copy);
    let sound = other
        .is_some_and(|(other, _)| identity::sound(&other, copy).is_ok() && other.uuid == good.uuid);
    if !sound {
        write(file, good, copy)?;
        report.mended.push(format!("superblock copy {copy}, from the other one"));
    }
    Ok(())
}

fn write(file: &dyn File, superblock: &Superblock, copy: u64) -> Result<()> {
    let part = IoSlice::new(superblock.as_bytes());
    let written = file.write_at(Superblock::offset(copy), &[part]).and_then(|()| file.sync());
    written.map_err(|error| Error::os("cannot write the superblock", error))
}

/// Whether the heap opens with the logs it has.
fn log_is_whole(path: &Path) -> Result<bool> {
    let opened = Heap::open(path, &Options::new().read_only());
    match opened {
        Ok(heap) => Ok(heap.begin_read().is_ok()),
        Err(error) if is_of_logs(&error) => Ok(false),
        Err(error) => Err(error),
    }
}
