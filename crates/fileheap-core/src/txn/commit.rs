//! Commit: from dirty pages to a durable, published transaction. Steps C1-C8 of PROTOCOL.md.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::book::Book;
use super::engine::Engine;
use super::renewal::Moment;
use super::write_set::{Areas, WriteSet, merged, split};
use crate::format::{LOG_LIVE, PAGE_BYTES, PREAMBLE_BYTES};
use crate::log::{Cursor, LogWriter, Payload};
use crate::{Error, ErrorKind, Result};

/// What a commit survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// A power cut: commit returns when the disk has it.
    #[default]
    Power,
    /// A power cut a moment later: a thread syncs behind. What is lost is whole transactions,
    /// the last ones.
    Background,
    /// The death of the process. A power cut may take all commits since the last sync or
    /// checkpoint, whole transactions again.
    Process,
}

/// Fresh pages go home without log from this many bytes on; below it one sync is cheaper.
const HOME_MIN_BYTES: u64 = 1024 * 1024;
/// Opening after a crash copies in a page in 2 to 4 us.
const WAITING_PAGES_MAX: u64 = 2048;
/// Each commit has waited for the disk: it can bear the way home of so many pages.
const PAGES_PER_COMMIT: u64 = 4;
const PAYLOAD_MAX_BYTES: u64 = 4 * 1024 * 1024;

/// An extent that is mapped shared because this transaction made it.
#[derive(Debug, Clone)]
pub struct FreshExtent {
    /// Its bytes in the file.
    pub range: Range<u64>,
    /// Whether it stays shared after the commit.
    pub direct: bool,
}

/// What an open transaction knows of its own changes.
#[derive(Debug, Default)]
pub struct Changes {
    /// Whether the caller names every store by `touch`.
    pub tracked: bool,
    /// Ranges so named.
    pub touched: Mutex<WriteSet>,
    /// Space taken while it was free and safe.
    pub claimed: Mutex<Areas>,
    /// Extents made by this transaction.
    pub extents: Mutex<Vec<FreshExtent>>,
    /// Direct extents whose stores are to be atomic in this transaction.
    pub enlisted: Mutex<Vec<Range<u64>>>,
    /// Windows that this transaction closed by freeing their extents.
    pub freed: Mutex<Vec<Range<u64>>>,
    /// What freed space is safe to be written home, once somebody asked.
    pub safe: OnceLock<u64>,
    /// Bytes that only the page cache may have were stored to space that is free, or will be.
    pub unsynced: AtomicBool,
    /// Harvested by a commit that failed, or by the one under way.
    pub(super) carried: Vec<Range<u64>>,
}

fn taken<T: Default>(list: &Mutex<T>) -> T {
    std::mem::take(&mut *list.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Engine {
    /// Makes the harvest name this transaction's stores only, and those that came too late for the
    /// last one.
    pub fn begin_changes(&self, tracked: bool) -> Result<Changes> {
        self.changes_from(&mut self.book(), Moment::Rest, tracked)
    }

    /// The same for who goes on after a commit. That is done: whatever fails now is trouble for the
    /// next one, which finds the engine poisoned.
    pub fn next_changes(&self, tracked: bool) -> Changes {
        let mut book = self.book();
        self.changes_from(&mut book, Moment::Commit, tracked).unwrap_or_else(|error| {
            self.poisoned.store(true, SeqCst);
            book.trouble = Some(error.to_string());
            Changes { tracked, ..Changes::default() }
        })
    }

    fn changes_from(&self, book: &mut Book, at: Moment, tracked: bool) -> Result<Changes> {
        self.renew_if_due(book, tracked, at)?;
        if !tracked && book.baseline_stale {
            let mut ignored = Vec::new();
            let done = self.view.harvest(&mut ignored);
            done.map_err(|error| self.os_error("cannot find dirty pages", error))?;
            book.baseline_stale = false;
        }
        let carried = std::mem::take(&mut book.late);
        Ok(Changes { tracked, carried, ..Changes::default() })
    }

    /// Commits. On an error other than `Poisoned` the transaction is as open as it was.
    pub fn commit(&self, changes: &mut Changes, durability: Durability) -> Result<()> {
        self.may_write()?;
        let mut book = self.book();
        if durability == Durability::Power {
            self.check_length()?;
        }
        self.collect(&mut book, changes)?;
        let (mut logged, homes) = self.send_home(&mut book, changes, durability)?;
        book.shadows.forget(&homes);
        if !changes.tracked {
            logged = self.refine(&mut book, &logged);
        }
        if changes.unsynced.load(SeqCst) {
            self.sync_data()?;
        }
        if !logged.is_empty() || !homes.is_empty() {
            self.write_log(&mut book, &logged, &homes, durability)?;
        } else if durability == Durability::Power {
            self.sync_log()?; // what it builds on was maybe committed without waiting
        }
        self.keep_shadows(&mut book);
        book.last_tracked = changes.tracked;
        // From here on the transaction is committed: what fails now is trouble for later ones.
        let mut after = self.settle_extents(&mut book, changes);
        if after.is_err() {
            self.poisoned.store(true, SeqCst);
        }
        if self.checkpoint_is_due(&book, durability) {
            after = after.and_then(|()| self.checkpoint_held(&mut book, true));
        }
        book.trouble = after.err().map(|error| error.to_string());
        Ok(())
    }

    /// C7: the log is long, or so many pages wait in it that opening after a crash would take long.
    fn checkpoint_is_due(&self, book: &Book, durability: Durability) -> bool {
        let Some(tail) = self.live_tail(book) else { return false };
        let commits = tail.txn - self.bulletin().checkpoint_txn.load(SeqCst);
        let pages = book.index.page_count();
        let scattered = pages > WAITING_PAGES_MAX && pages <= commits * PAGES_PER_COMMIT;
        tail.position > self.log_bytes || (scattered && durability == Durability::Power)
    }

    /// C2: everything stored to so far, into `changes.carried`.
    pub(super) fn collect(&self, book: &mut Book, changes: &mut Changes) -> Result<()> {
        let mut dirty = std::mem::take(&mut changes.carried);
        if changes.tracked {
            let mut touched = changes.touched.lock().unwrap_or_else(PoisonError::into_inner);
            dirty.extend(touched.take());
            dirty.iter().for_each(|range| self.view.note_stores(range.clone()));
            book.baseline_stale = true;
            book.shadows.clear();
        } else {
            let done = self.view.harvest(&mut dirty);
            if let Err(error) = done {
                changes.carried = dirty;
                return Err(self.os_error("cannot find dirty pages", error));
            }
        }
        changes.carried = merged(dirty, 0);
        Ok(())
    }

    /// C3: splits what is dirty into what goes through the log and what is home. Space claimed is
    /// home in any case: processes may have seen different contents of it while it was free, and
    /// what is logged of it from now on builds on those in the file.
    fn send_home(
        &self,
        book: &mut Book,
        changes: &Changes,
        durability: Durability,
    ) -> Result<(Vec<Range<u64>>, Vec<Range<u64>>)> {
        let extents = changes.extents.lock().unwrap_or_else(PoisonError::into_inner);
        let mut homes: Vec<_> = extents.iter().map(|extent| extent.range.clone()).collect();
        let claimed = changes.claimed.lock().unwrap_or_else(PoisonError::into_inner).ranges();
        // Stores to shared pages are in the file already, whatever a caller touched.
        let shared = merged(homes.iter().chain(&book.windows).cloned().collect(), 0);
        let private = split(&changes.carried, &shared).1;
        let (fresh, mut logged) = split(&private, &claimed);
        let fresh = whole_pages(fresh);
        let fresh_bytes: u64 = fresh.iter().map(|range| range.end - range.start).sum();
        let private_home = fresh_bytes >= HOME_MIN_BYTES;
        if !private_home {
            logged = private;
        }
        let direct = durability == Durability::Power && !book.windows.is_empty();
        let grown = self.grown.load(SeqCst);
        if homes.is_empty() && !private_home && !direct && !grown {
            return Ok((logged, claimed));
        }
        let fail = |error| self.os_error("cannot write the heap file", error);
        for range in homes.iter().chain(&book.windows) {
            self.view.settle(range.clone()).map_err(fail)?;
        }
        if private_home {
            changes.unsynced.store(true, SeqCst);
            for range in &fresh {
                // SAFETY: fresh pages are mapped, ours, and at rest during commit.
                let bytes = unsafe { self.mapped(range.clone()) };
                let part = std::io::IoSlice::new(bytes);
                self.host.data().write_at(range.start, &[part]).map_err(fail)?;
            }
        }
        homes.extend(claimed);
        self.sync_data()?;
        changes.unsynced.store(false, SeqCst);
        if private_home {
            self.view.discard_many(&fresh).map_err(fail)?;
        }
        Ok((logged, merged(homes, 0)))
    }

    /// Bytes of the mapping.
    ///
    /// # Safety
    /// The range is mapped and nobody stores to it while the slice lives.
    unsafe fn mapped(&self, range: Range<u64>) -> &[u8] {
        let bytes = (range.end - range.start) as usize;
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts(self.view.base().add(range.start as usize), bytes) }
    }

    /// C4 and C5.
    fn write_log(
        &self,
        book: &mut Book,
        logged: &[Range<u64>],
        homes: &[Range<u64>],
        durability: Durability,
    ) -> Result<()> {
        self.open_writer(book)?;
        let mut payloads = Vec::with_capacity(logged.len() + homes.len());
        payloads.extend(homes.iter().map(|r| Payload::Home(r.start, r.end - r.start)));
        for range in logged {
            let mut at = range.start.max(PREAMBLE_BYTES);
            while at < range.end {
                let end = range.end.min(at + PAYLOAD_MAX_BYTES);
                // SAFETY: dirty pages are mapped, ours, and at rest during commit.
                payloads.push(Payload::Bytes(at, unsafe { self.mapped(at..end) }));
                at = end;
            }
        }
        self.append(book, &payloads, durability == Durability::Power)
    }

    fn append(&self, book: &mut Book, payloads: &[Payload<'_>], sync: bool) -> Result<()> {
        let bulletin = self.bulletin();
        let Some(writer) = book.writer.as_mut() else { unreachable!("opened by the caller") };
        let mut spans = Vec::with_capacity(payloads.len());
        bulletin.log_unsettled.store(1, SeqCst);
        let durable = bulletin.durable_txn.load(SeqCst);
        if let Err(failed) = writer.append(payloads, durable, sync, &mut spans) {
            if failed.wiped {
                bulletin.log_unsettled.store(0, SeqCst);
                return Err(self.os_error("cannot write the log", failed.error));
            }
            return Err(self.poison("writing the log", failed.error));
        }
        if sync {
            writer.file().sync().map_err(|error| self.poison("syncing the log", error))?;
        }
        let tail = writer.tail();
        book.cursor = Some(tail);
        book.index.add(&spans);
        self.set_seen(tail.txn);
        if sync {
            bulletin.durable_txn.store(tail.txn, SeqCst);
        }
        bulletin.published_txn.store(tail.txn, SeqCst);
        bulletin.log_unsettled.store(0, SeqCst);
        bulletin.commit_count.fetch_add(1, SeqCst);
        Ok(())
    }

    /// Makes `book.writer` stand behind the last published transaction.
    pub(super) fn open_writer(&self, book: &mut Book) -> Result<()> {
        let generation = self.bulletin().log_generation.load(SeqCst);
        let published = self.bulletin().published_txn.load(SeqCst);
        if self.live_tail(book).is_some() {
            return Ok(());
        }
        book.writer = None;
        let fail = |error| self.os_error("cannot open the log", error);
        self.refresh_superblock(book)?;
        if book.superblock.flags & LOG_LIVE == 0 {
            // P16: what lies there was left behind by a close that was cut off. P17 would not
            // hold for commits that went into it.
            for which in 0..2 {
                self.host.remove_log(which).map_err(fail)?;
            }
            return self.begin_log(book, generation + 1);
        }
        let log = self.open_log(generation & 1)?;
        if let Some(log) = log.filter(|log| log.header.generation == generation) {
            let from = book.cursor.filter(|at| at.generation == generation).unwrap_or(log.start());
            let tail = self.read_tail(&log, from, published)?;
            book.writer = Some(LogWriter::resume(&log, tail).map_err(fail)?);
            book.cursor = Some(tail);
            book.logs[(generation & 1) as usize] = Some(log);
            return Ok(());
        }
        self.begin_log(book, generation + 1)
    }

    /// The end of the log, where our writer is the last that wrote: one from before others wrote
    /// knows neither the log that is live nor its end.
    pub(super) fn live_tail(&self, book: &Book) -> Option<Cursor> {
        let published = self.bulletin().published_txn.load(SeqCst);
        let generation = self.bulletin().log_generation.load(SeqCst);
        let tail = book.writer.as_ref().map(LogWriter::tail);
        tail.filter(|tail| tail.generation == generation && tail.txn == published)
    }

    fn read_tail(&self, log: &crate::log::LogFile, from: Cursor, published: u64) -> Result<Cursor> {
        let mut ignored = Vec::new();
        let tail = self.read_frames(log, from, Some(published), &mut ignored)?;
        if tail.txn == published {
            return Ok(tail);
        }
        let text = format!("the log ends with transaction {} of {published}", tail.txn);
        Err(Error::new(ErrorKind::Corrupt, text)
            .at(self.host.path())
            .advice("close the heap in all processes and open it again"))
    }

    /// Begins a log generation behind the last published transaction. P17: the file exists and
    /// the superblock announces it before the first frame.
    pub(super) fn begin_log(&self, book: &mut Book, generation: u64) -> Result<()> {
        let fail = |error| self.os_error("cannot begin a log", error);
        let which = (generation & 1) as usize;
        let file = self.host.log(which, true).map_err(fail)?;
        let Some(file) = file else { unreachable!("asked to create it") };
        if file.len().map_err(fail)? > self.log_bytes.saturating_mul(4) {
            // The header goes first: who still reads this log looks at it afterwards.
            let nothing = [0; size_of::<crate::format::LogHeader>()];
            file.write_at(0, &[std::io::IoSlice::new(&nothing)]).map_err(fail)?;
            file.truncate(self.log_bytes).map_err(fail)?;
        }
        self.write_superblock(book, |superblock| {
            superblock.flags = LOG_LIVE;
            superblock.log_generation = generation;
        })?;
        let published = self.bulletin().published_txn.load(SeqCst);
        let salt = salt(generation);
        let begun = LogWriter::begin(file, self.identity().uuid, generation, published, salt);
        let (writer, log) = begun.map_err(fail)?;
        book.cursor = Some(writer.tail());
        book.writer = Some(writer);
        book.logs[which] = Some(log);
        self.bulletin().log_generation.store(generation, SeqCst);
        Ok(())
    }

    /// C6: what this transaction made or freed gets the mapping it is to have from now on.
    fn settle_extents(&self, book: &mut Book, changes: &mut Changes) -> Result<()> {
        let fail = |error| self.os_error("cannot map an extent", error);
        let dirty = whole_pages(std::mem::take(&mut changes.carried));
        let extents = taken(&changes.extents);
        let made = merged(extents.iter().map(|extent| extent.range.clone()).collect(), 0);
        // Of space claimed but not stored to we show what the others show: the file.
        let unused = split(&split(&taken(&changes.claimed).ranges(), &dirty).1, &made).1;
        self.view.discard_many(&unused).map_err(fail)?;
        for extent in extents {
            if extent.direct {
                book.windows.push(extent.range);
            } else {
                self.view.unshare(extent.range).map_err(fail)?;
            }
        }
        let enlisted = taken(&changes.enlisted);
        if !enlisted.is_empty() {
            self.bring_enlisted_home(book, &enlisted)?;
        }
        taken(&changes.freed);
        Ok(())
    }

    /// P23: direct extents leave the log again before the next store goes straight to them.
    fn bring_enlisted_home(&self, book: &mut Book, enlisted: &[Range<u64>]) -> Result<()> {
        let areas = merged(enlisted.to_vec(), 0);
        book.shadows.forget(&areas);
        let pieces = book.index.plan(0, u64::MAX, Some(&areas));
        self.write_pieces(book, &pieces)?;
        self.sync_data()?;
        let homes: Vec<_> =
            areas.iter().map(|range| Payload::Home(range.start, range.end - range.start)).collect();
        self.open_writer(book)?;
        self.append(book, &homes, true)?;
        // Extents that lie side by side stay windows of their own.
        for range in enlisted {
            let shared = self.view.share(range.clone());
            shared.map_err(|error| self.os_error("cannot map an extent", error))?;
            if !book.windows.contains(range) {
                book.windows.push(range.clone());
            }
        }
        Ok(())
    }

    /// Syncs the heap file, its length included.
    pub(super) fn sync_data(&self) -> Result<()> {
        self.grown.store(false, SeqCst);
        self.host.data().sync().map_err(|error| self.poison("syncing the heap file", error))
    }

    /// Makes everything published so far survive a power cut.
    pub fn sync_log(&self) -> Result<()> {
        let bulletin = self.bulletin();
        let published = bulletin.published_txn.load(SeqCst);
        if bulletin.durable_txn.load(SeqCst) >= published {
            return Ok(());
        }
        // Not the logs this process has read so far: others may have written to a newer one.
        for which in 0..2 {
            if let Some(log) = self.open_log(which)? {
                log.file.sync().map_err(|error| self.poison("syncing the log", error))?;
            }
        }
        bulletin.durable_txn.fetch_max(published, SeqCst);
        Ok(())
    }

    /// The same from a thread of its own: commits go on meanwhile.
    pub fn sync_behind(&self) -> Result<()> {
        self.may_write()?;
        let (logs, published) = {
            let book = self.book();
            let Some(cursor) = book.cursor else { return Ok(()) };
            let logs: Vec<_> = book.logs.iter().flatten().map(|log| log.file.clone()).collect();
            (logs, cursor.txn)
        };
        for log in logs {
            log.sync().map_err(|error| self.poison("syncing the log", error))?;
        }
        self.bulletin().durable_txn.fetch_max(published, SeqCst);
        Ok(())
    }

    /// Syncs what is published, and the direct extents this process stores to.
    pub fn sync(&self) -> Result<()> {
        self.may_write()?;
        let book = self.book();
        self.sync_log()?;
        if book.windows.is_empty() {
            return Ok(());
        }
        for window in &book.windows {
            let settled = self.view.settle(window.clone());
            settled.map_err(|error| self.os_error("cannot write the heap file", error))?;
        }
        self.sync_data()
    }

    /// Spans waiting to go home, length of the log, what failed behind the last commit.
    pub fn log_load(&self) -> (usize, u64, Option<String>) {
        let book = self.book();
        let position = book.cursor.map_or(0, |cursor| cursor.position);
        (book.index.len(), position, book.trouble.clone())
    }
}

/// Rounds ranges out to whole pages.
pub(super) fn whole_pages(ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    let page = PAGE_BYTES - 1;
    let out = ranges.into_iter().map(|r| r.start & !page..(r.end + page) & !page).collect();
    merged(out, 0)
}

/// Differs between the lives of a log file.
fn salt(generation: u64) -> u64 {
    use std::hash::{BuildHasher, Hasher};
    let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
    hasher.write_u64(generation);
    hasher.finish()
}
