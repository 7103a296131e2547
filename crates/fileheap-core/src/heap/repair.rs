//! Repair: mends what can be derived from what is left, and says what was given up.

use std::io::IoSlice;
use std::path::Path;

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
    /// the part of its log that is missing or damaged: the commits in it are lost. Log files that
    /// are given up are renamed, not removed. Nobody may have the heap open.
    pub fn repair(path: impl AsRef<Path>, give_up_log: bool) -> Result<RepairReport> {
        let path = path.as_ref();
        let mut report = RepairReport::default();
        mend_files(path, give_up_log, &mut report)?;
        let heap = Self::open(path, &Options::new())?;
        report.check = heap.check()?;
        heap.close()?;
        Ok(report)
    }
}

fn mend_files(path: &Path, give_up_log: bool, report: &mut RepairReport) -> Result<()> {
    let host = seize(path)?;
    let (good, copy) = identity::judge(&**host.data()).map_err(|error| error.at(path))?;
    mend_superblock(&**host.data(), &good, copy ^ 1, report)?;
    drop(host);
    if !give_up_log || good.flags & LOG_LIVE == 0 || log_is_whole(path)? {
        return Ok(());
    }
    give_log_up(path, report)
}

/// Nobody but us may open the heap meanwhile, and we cannot ourselves.
fn seize(path: &Path) -> Result<SystemHost> {
    let host = SystemHost::open(path, true)?;
    let fail = |error| Error::os("cannot repair the heap", error).at(path);
    for lock in [Lock::Door, Lock::Presence] {
        if !host.board().lock(lock, Mode::Exclusive, Wait::Try).map_err(fail)? {
            let text = "a heap that is open elsewhere cannot be repaired";
            return Err(Error::new(ErrorKind::Busy, text).at(path).advice("close it there"));
        }
    }
    Ok(host)
}

fn give_log_up(path: &Path, report: &mut RepairReport) -> Result<()> {
    let host = seize(path)?;
    let fail = |error| Error::os("cannot repair the heap", error).at(path);
    let (mut good, copy) = identity::judge(&**host.data()).map_err(|error| error.at(path))?;
    for which in 0..2 {
        let mut from = path.as_os_str().to_owned();
        from.push(format!("-log{which}"));
        let mut to = from.clone();
        to.push(".lost");
        if Path::new(&from).exists() {
            std::fs::rename(&from, &to).map_err(fail)?;
            report.lost.push(format!("log {which}: kept as {}", Path::new(&to).display()));
        }
    }
    good.flags &= !LOG_LIVE;
    good.sequence += 1;
    write(&**host.data(), &good.sealed(), copy ^ 1)?;
    let what = format!("every commit after transaction {}", good.checkpoint_txn);
    report.lost.push(what);
    Ok(())
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
        Err(error) if matches!(error.kind(), ErrorKind::LogMissing | ErrorKind::Corrupt) => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}
