//! The engine of one heap in one process: mapping, log, pins, and who may touch them when.

use std::io;
use std::ops::Range;
use std::sync::atomic::{
    AtomicBool, AtomicU32, AtomicU64,
    Ordering::{Acquire, SeqCst},
};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::book::Book;
use super::gate::Gate;
use super::windows::ExtentAt;
use super::{pins, writer};
use crate::format::{Bulletin, HEAP_MAX_BYTES, Superblock};
use crate::os::{Host, Lock, Mode, View, Wait};
use crate::{Error, ErrorKind, Result};

/// What an engine is made of.
pub struct Parts {
    /// Files, locks, bulletin.
    pub host: Box<dyn Host>,
    /// The mapping.
    pub view: Box<dyn View>,
    /// The ruling superblock and which copy it was.
    pub superblock: (Superblock, u64),
    /// Our reader slot; None for a process without write permission.
    pub slot: Option<u32>,
    /// Whether this handle may write.
    pub writable: bool,
    /// Length of the log at which a checkpoint is due.
    pub log_bytes: u64,
    /// Private pages that may be kept over a checkpoint.
    pub private_bytes: u64,
    /// Whether to go on without what a damaged log lost.
    pub accept_loss: bool,
    /// How to know a direct extent.
    pub extent_at: ExtentAt,
}

/// One heap file, open in this process. Threads share it.
pub struct Engine {
    pub(super) host: Box<dyn Host>,
    pub(super) view: Box<dyn View>,
    pub(super) gate: Gate,
    pub(super) slot: Option<u32>,
    pub(super) log_bytes: u64,
    pub(super) private_bytes: u64,
    pub(super) accept_loss: bool,
    pub(super) extent_at: ExtentAt,
    pub(super) poisoned: AtomicBool,
    /// The heap grew: the file's length must be durable before a commit that relies on it.
    pub(super) grown: AtomicBool,
    pub(super) book: Mutex<Book>,
    identity: Superblock,
    writable: bool,
    seen: AtomicU64,
    mapped: AtomicU64,
    pub(super) keepers: Mutex<u64>,
    freezers: AtomicU32,
    refreshes: AtomicU32,
    /// Threads that change what the mapping shows: a child is born with no state then.
    pub(super) changing: AtomicU32,
}

impl Engine {
    /// An engine that has seen nothing yet.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let (superblock, copy) = parts.superblock;
        Self {
            host: parts.host,
            view: parts.view,
            gate: Gate::default(),
            slot: parts.slot,
            log_bytes: parts.log_bytes,
            private_bytes: parts.private_bytes,
            accept_loss: parts.accept_loss,
            extent_at: parts.extent_at,
            poisoned: AtomicBool::new(false),
            grown: AtomicBool::new(false),
            book: Mutex::new(Book::new(superblock, copy)),
            identity: superblock,
            writable: parts.writable,
            seen: AtomicU64::new(u64::MAX),
            mapped: AtomicU64::new(0),
            keepers: Mutex::new(0),
            freezers: AtomicU32::new(0),
            refreshes: AtomicU32::new(0),
            changing: AtomicU32::new(0),
        }
    }

    /// The host.
    #[must_use]
    pub fn host(&self) -> &dyn Host {
        &*self.host
    }

    /// The mapping.
    #[must_use]
    pub fn view(&self) -> &dyn View {
        &*self.view
    }

    /// What never changes: uuid, base, creation.
    #[must_use]
    pub fn identity(&self) -> &Superblock {
        &self.identity
    }

    /// Whether this handle was opened for writing.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.writable
    }

    /// Our slot, if we have one.
    #[must_use]
    pub fn slot(&self) -> Option<u32> {
        self.slot
    }

    /// The transaction whose state the mapping shows.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.seen.load(Acquire)
    }

    pub(super) fn set_seen(&self, txn: u64) {
        self.seen.store(txn, SeqCst);
    }

    /// How much of the file is mapped.
    #[must_use]
    pub fn mapped_bytes(&self) -> u64 {
        self.mapped.load(Acquire)
    }

    pub(super) fn set_mapped(&self, bytes: u64) {
        self.mapped.store(bytes, SeqCst);
    }

    /// Grows whenever another process's commits were copied in: volatile indexes are stale then.
    #[must_use]
    pub fn refreshes(&self) -> u32 {
        self.refreshes.load(Acquire)
    }

    pub(super) fn count_refresh(&self) {
        self.refreshes.fetch_add(1, SeqCst);
    }

    pub(super) fn bulletin(&self) -> &Bulletin {
        self.host.board().bulletin()
    }

    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An error of the operating system, with this heap's path.
    pub fn os_error(&self, what: &str, error: io::Error) -> Error {
        Error::os(what, error).at(self.host.path())
    }

    /// Enters as the writer; returns the number its transaction will have.
    pub fn begin_write(&self, wait: Wait) -> Result<u64> {
        self.may_write()?;
        self.gate.enter_write(wait).map_err(|error| error.at(self.host.path()))?;
        self.changing.fetch_add(1, SeqCst);
        let done = self.write_entered(wait);
        if done.is_err() {
            self.leave_write();
        }
        done
    }

    fn write_entered(&self, wait: Wait) -> Result<u64> {
        let slot = self.slot.ok_or_else(|| self.read_only())?;
        let board = self.host.board();
        writer::acquire(board, slot, wait).map_err(|error| error.at(self.host.path()))?;
        let done = self.prepare_write();
        if done.is_err() {
            writer::release(board);
        }
        done
    }

    fn prepare_write(&self) -> Result<u64> {
        self.may_write()?;
        let mut book = self.book();
        if self.bulletin().log_unsettled.load(Acquire) != 0 {
            self.adopt_tail(&mut book)?;
        }
        let published = self.bulletin().published_txn.load(SeqCst);
        self.catch_up(&mut book, Some(published))?;
        // What is home may have lost its log: an abort must not look for it there.
        book.index.forget(self.bulletin().checkpoint_txn.load(SeqCst));
        self.check_length()?;
        self.pay_owed(&mut book)?;
        Ok(self.seen() + 1)
    }

    pub(super) fn check_length(&self) -> Result<()> {
        let expected = self.mapped_bytes();
        let len =
            self.host.data().len().map_err(|e| self.os_error("cannot measure the file", e))?;
        if len >= expected {
            return Ok(());
        }
        self.poisoned.store(true, SeqCst);
        let text = format!("somebody cut the heap file to {len} bytes; {expected} were in use");
        Err(Error::new(ErrorKind::Truncated, text)
            .at(self.host.path())
            .advice("close it and restore the file from a backup"))
    }

    /// Leaves as the writer.
    pub fn end_write(&self) {
        writer::release(self.host.board());
        self.leave_write();
    }

    fn leave_write(&self) {
        self.changing.fetch_sub(1, SeqCst);
        self.gate.leave_write();
    }

    /// Why this process may not write, if so.
    pub fn may_write(&self) -> Result<()> {
        if !self.writable {
            return Err(self.read_only());
        }
        self.not_a_child()?;
        let shared = self.bulletin().poisoned.load(Acquire) != 0;
        if shared || self.poisoned.load(Acquire) {
            let text = "an earlier sync of this heap failed: what the disk holds is not known";
            return Err(Error::new(ErrorKind::Poisoned, text)
                .at(self.host.path())
                .advice("close it in all processes, look after the disk, open it again"));
        }
        Ok(())
    }

    /// A forked child holds no locks: it may go on reading what it was born with, nothing else.
    pub(super) fn not_a_child(&self) -> Result<()> {
        if self.host.board().is_mine() {
            return Ok(());
        }
        let text = "this process is a forked child: it may read the heap, not write to it";
        Err(Error::new(ErrorKind::ForkedChild, text)
            .at(self.host.path())
            .advice("open the heap in the child, or write in the parent"))
    }

    fn read_only(&self) -> Error {
        Error::new(ErrorKind::ReadOnly, "the heap is open for reading only")
            .at(self.host.path())
            .advice("open it for writing")
    }

    /// A failed sync: nobody writes any more, here or elsewhere.
    pub(super) fn poison(&self, what: &str, error: io::Error) -> Error {
        self.poisoned.store(true, SeqCst);
        self.bulletin().poisoned.store(1, SeqCst);
        let text = format!("{what} failed: {error}; what the disk holds is not known");
        Error::new(ErrorKind::Poisoned, text)
            .at(self.host.path())
            .advice("close the heap in all processes, look after the disk, open it again")
    }

    /// From now on nothing goes home and no space is reused, here or elsewhere, until `thaw`.
    /// Commits go on: the log grows.
    pub fn freeze(&self) -> Result<()> {
        if self.freezers.fetch_add(1, SeqCst) == 0 && self.slot.is_some() {
            let locked = self.host.board().lock(Lock::Blind, Mode::Shared, Wait::Forever);
            locked.map_err(|error| self.os_error("cannot lock the heap", error))?;
        }
        Ok(())
    }

    /// Ends one `freeze`.
    pub fn thaw(&self) -> Result<()> {
        if self.freezers.fetch_sub(1, SeqCst) == 1 && self.slot.is_some() {
            let unlocked = self.host.board().unlock(Lock::Blind);
            unlocked.map_err(|error| self.os_error("cannot unlock the heap", error))?;
        }
        Ok(())
    }

    pub(super) fn is_frozen(&self) -> bool {
        self.freezers.load(SeqCst) != 0
    }

    /// Whether a thread of this process reads or writes.
    pub fn is_busy(&self) -> bool {
        self.gate.is_busy()
    }

    /// The process that is writing now, if one is.
    #[must_use]
    pub fn writer(&self) -> Option<u32> {
        pins::writer_pid(self.bulletin())
    }

    /// The file never grows beyond this.
    pub fn limit_bytes(&self) -> u64 {
        self.book().superblock.limit_bytes
    }

    /// O4: the limit that opening asks for. The caller is alone and has recovered.
    pub fn set_limit(&self, limit: u64) -> Result<()> {
        let mut book = self.book();
        // Both copies: the file may soon be longer than the old limit allows.
        for _ in 0..2 {
            self.write_superblock(&mut book, |superblock| superblock.limit_bytes = limit)?;
        }
        Ok(())
    }

    fn too_long(&self, total: u64, limit: u64) -> Error {
        let reserved = self.view.reserved_bytes();
        let (text, advice) = if reserved < limit {
            let text = format!(
                "the heap cannot grow to {total} bytes: this process got only {reserved} bytes of \
                 addresses for it, its limit is {limit}"
            );
            (
                text,
                "free something, or lift the limit on address space (ulimit -v) and open it again",
            )
        } else {
            let text = format!("the heap cannot grow to {total} bytes: its limit is {limit}");
            let advice = match limit {
                HEAP_MAX_BYTES => "free something: no heap can be longer",
                _ => "free something, or close it everywhere and reopen with a larger limit_bytes",
            };
            (text, advice)
        };
        Error::new(ErrorKind::LimitReached, text).at(self.host.path()).advice(advice)
    }

    /// Makes the file at least `total` bytes long, reserves its disk space and maps it. Returns
    /// whether what was added reads as zeros.
    pub fn extend(&self, total: u64) -> Result<bool> {
        let book = self.book();
        let limit = book.superblock.limit_bytes;
        if total > limit.min(self.view.reserved_bytes()) {
            return Err(self.too_long(total, limit));
        }
        let data = self.host.data();
        let len = data.len().map_err(|e| self.os_error("cannot measure the file", e))?;
        let before = self.mapped_bytes();
        // Even where the file is long enough: who made it so may have died before a sync.
        self.grown.store(true, SeqCst);
        if total <= before {
            return Ok(false);
        }
        data.reserve(before..total).map_err(|e| self.os_error("cannot grow the heap", e))?;
        self.view.extend(total).map_err(|e| self.os_error("cannot map the grown heap", e))?;
        self.set_mapped(total);
        // What lay behind the pages in use may stem from a transaction that never committed, or
        // from before a trim.
        // SAFETY: the header page is mapped, and only our caller's transaction stores to it.
        Ok(len <= unsafe { self.used_bytes() })
    }

    /// Reserves disk space for a range whose space was given back.
    pub fn reserve(&self, range: Range<u64>) -> Result<()> {
        let done = self.host.data().reserve(range);
        done.map_err(|error| self.os_error("cannot reserve disk space", error))
    }

    /// The newest transaction whose freed space nobody wants any more.
    pub fn safe_txn(&self) -> u64 {
        let candidate = self.bulletin().durable_txn.load(SeqCst);
        match self.slot.filter(|_| !self.is_frozen()) {
            Some(slot) => pins::limit(self.host.board(), slot, candidate).unwrap_or(0),
            None => 0,
        }
    }

    /// The same, once what was freed and committed is durable.
    pub fn secure(&self) -> Result<u64> {
        self.sync_log()?;
        Ok(self.safe_txn())
    }

    /// Commits so far and the latest, durable and checkpointed transactions.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress::of(self.bulletin())
    }

    /// Living processes: process id, snapshot, keep.
    pub fn attached(&self) -> Result<Vec<(u32, Option<u64>, Option<u64>)>> {
        let own = self.slot.unwrap_or(u32::MAX);
        pins::list(self.host.board(), own).map_err(|e| self.os_error("cannot read the slots", e))
    }
}

/// How far the heap has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Last committed transaction.
    pub published: u64,
    /// Last one that survives a power cut.
    pub durable: u64,
    /// Last one that is wholly in the heap file.
    pub checkpoint: u64,
    /// Commits since the first process attached.
    pub commits: u64,
    /// Generation of the log.
    pub log_generation: u64,
}

impl Progress {
    /// What a bulletin says.
    #[must_use]
    pub fn of(bulletin: &Bulletin) -> Self {
        Self {
            published: bulletin.published_txn.load(SeqCst),
            durable: bulletin.durable_txn.load(SeqCst),
            checkpoint: bulletin.checkpoint_txn.load(SeqCst),
            commits: bulletin.commit_count.load(SeqCst),
            log_generation: bulletin.log_generation.load(SeqCst),
        }
    }
}
