//! Peek: what can be told of a heap without opening it. It locks, pins and writes nothing.

use std::path::Path;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use super::{Attached, Heap, identity};
use crate::format::Superblock;
use crate::os::{Host, Lock, SystemHost};
use crate::txn::{Progress, list_attached, writer_pid};
use crate::{Error, Result};

/// A heap that is looked at from outside: even while it is recovered, or when its log is lost.
pub struct Peek {
    host: SystemHost,
    superblock: Superblock,
}

impl Heap {
    /// Looks at the heap at `path` from outside. Refuses what is no heap.
    pub fn peek(path: impl AsRef<Path>) -> Result<Peek> {
        let path = path.as_ref();
        let host = SystemHost::open(path, false)?;
        let (superblock, _) = identity::judge(&**host.data()).map_err(|error| error.at(path))?;
        Ok(Peek { host, superblock })
    }
}

impl Peek {
    /// The superblock that ruled when the heap was peeked at.
    #[must_use]
    pub fn superblock(&self) -> &Superblock {
        &self.superblock
    }

    /// Whether a process has the heap open. If none has, what the bulletin says is stale.
    pub fn is_open(&self) -> Result<bool> {
        let held = self.host.board().held_elsewhere(Lock::Presence);
        held.map_err(|error| self.fail("cannot look at the locks", error))
    }

    /// How far the attached processes have come; None if there are none.
    pub fn progress(&self) -> Result<Option<Progress>> {
        Ok(self.is_open()?.then(|| Progress::of(self.host.board().bulletin())))
    }

    /// The processes that have the heap open and may write to its bulletin.
    pub fn attached(&self) -> Result<Vec<Attached>> {
        let all = list_attached(self.host.board(), u32::MAX);
        let all = all.map_err(|error| self.fail("cannot read the slots", error))?;
        Ok(all.into_iter().map(Attached::from).collect())
    }

    /// The process that is writing now, if one is.
    pub fn writer(&self) -> Result<Option<u32>> {
        let pid = writer_pid(self.host.board().bulletin());
        Ok(pid.filter(|_| self.is_open().unwrap_or(false)))
    }

    /// Whether a sync failed, so that nobody may write until the heap is opened anew.
    pub fn is_poisoned(&self) -> Result<bool> {
        let poisoned = self.host.board().bulletin().poisoned.load(Relaxed) != 0;
        Ok(poisoned && self.is_open()?)
    }

    /// Whether a writer is changing the log at this instant.
    #[must_use]
    pub fn is_log_unsettled(&self) -> bool {
        self.host.board().bulletin().log_unsettled.load(SeqCst) != 0
    }

    /// Length of the heap file.
    pub fn file_bytes(&self) -> Result<u64> {
        self.host.data().len().map_err(|error| self.fail("cannot measure the file", error))
    }

    /// What it occupies on disk.
    pub fn disk_bytes(&self) -> Result<u64> {
        self.host.data().disk_bytes().map_err(|error| self.fail("cannot measure the file", error))
    }

    /// Length of log 0 or 1, if there is one.
    pub fn log_bytes(&self, which: usize) -> Result<Option<u64>> {
        let log = self.host.log(which, false);
        let log = log.map_err(|error| self.fail("cannot open a log", error))?;
        let length = log.map(|log| log.len()).transpose();
        length.map_err(|error| self.fail("cannot measure a log", error))
    }

    fn fail(&self, what: &str, error: std::io::Error) -> Error {
        Error::os(what, error).at(self.host.path())
    }
}
