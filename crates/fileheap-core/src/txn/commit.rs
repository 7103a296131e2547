//! Commit: from dirty pages to a durable, published transaction. Steps C1-C8 of PROTOCOL.md.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};

use super::book::Book;
use super::engine::Engine;
use super::renewal::Moment;
use super::write_set::{Areas, WriteSet, merged, split};
use crate::Result;
use crate::format::PAGE_BYTES;

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
    /// Space taken while it was free, but maybe not safe.
    pub taken: Mutex<Areas>,
    /// Extents made by this transaction.
    pub extents: Mutex<Vec<FreshExtent>>,
    /// Direct extents whose stores are to be atomic in this transaction.
    pub enlisted: Mutex<Vec<Range<u64>>>,
    /// Windows that this transaction closed: an abort opens them again.
    pub closed: Mutex<Vec<Range<u64>>>,
    /// What freed space is safe to be written home, plus one; 0: nobody asked yet.
    pub safe: AtomicU64,
    /// Bytes that only the page cache may have were stored to space that is free, or will be.
    pub unsynced: AtomicBool,
    /// Harvested by a commit that failed, or by the one under way.
    pub(super) carried: Vec<Range<u64>>,
}

impl Changes {
    fn claimed_ranges(&self) -> Vec<Range<u64>> {
        self.claimed.lock().unwrap_or_else(PoisonError::into_inner).ranges()
    }

    /// Whether this transaction made that extent, in safe space.
    pub(super) fn has_made(&self, range: &Range<u64>) -> bool {
        let extents = self.extents.lock().unwrap_or_else(PoisonError::into_inner);
        extents.iter().any(|extent| extent.range == *range)
    }

    /// Whether its log is followed by the record of P23.
    fn has_enlisted(&self) -> bool {
        !self.enlisted.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn taken_ranges(&self) -> Vec<Range<u64>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).ranges()
    }
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
        self.keep_log_room(book)?;
        self.renew_if_due(book, at)?;
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
        let taken = changes.taken_ranges();
        if !taken.is_empty() {
            // P32: a checkpoint for an older state may still change those pages of the file.
            let mut dirty = std::mem::take(&mut changes.carried);
            dirty.extend(book.index.pages_in(&taken));
            changes.carried = merged(dirty, 0);
        }
        let (dirty, homes) = self.send_home(&mut book, changes, durability)?;
        let from_file = merged([&homes[..], &taken].concat(), 0);
        book.shadows.forget(&from_file);
        let logged = match changes.tracked {
            true => self.complete(&mut book, dirty, &from_file),
            false => self.refine(&mut book, &dirty),
        };
        if changes.unsynced.load(SeqCst) {
            self.sync_data()?;
        }
        if !logged.is_empty() || !homes.is_empty() {
            let more = changes.has_enlisted();
            self.write_log(&mut book, &logged, &homes, &taken, (durability, more))?;
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
            drop(touched);
            if let Err(error) = self.search_enlisted(book, changes, &mut dirty) {
                changes.carried = dirty;
                return Err(self.os_error("cannot find dirty pages", error));
            }
            dirty.iter().for_each(|range| self.view.note_stores(range.clone()));
            book.baseline_stale = true;
            book.shadows.clear();
        } else {
            // P26: the log's word about space taken ends with this commit, so what it told must
            // be told again, even where the same bytes were stored over it.
            self.view.doubt(&changes.claimed_ranges());
            self.view.doubt(&changes.taken_ranges());
            let done = self.view.harvest(&mut dirty);
            if let Err(error) = done {
                changes.carried = dirty;
                return Err(self.os_error("cannot find dirty pages", error));
            }
        }
        changes.carried = merged(dirty, 0);
        Ok(())
    }

    /// What a tracked transaction stored to extents that it enlisted: nobody names those stores.
    /// What else the search finds is none of its own.
    fn search_enlisted(
        &self,
        book: &mut Book,
        changes: &Changes,
        dirty: &mut Vec<Range<u64>>,
    ) -> std::io::Result<()> {
        let enlisted = changes.enlisted.lock().unwrap_or_else(PoisonError::into_inner);
        let enlisted = merged(enlisted.clone(), 0);
        if enlisted.is_empty() {
            return Ok(());
        }
        let mut found = Vec::new();
        let done = self.view.harvest(&mut found);
        let found = split(&merged(found, 0), &enlisted).0;
        book.shadows.clear();
        dirty.extend(self.refine(book, &found));
        done
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
        let claimed = changes.claimed_ranges();
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

    /// P31: of space in which others start from the file all that differs there is logged, named or
    /// not: what this process sees is what they will see.
    fn complete(
        &self,
        book: &mut Book,
        named: Vec<Range<u64>>,
        from_file: &[Range<u64>],
    ) -> Vec<Range<u64>> {
        if from_file.is_empty() {
            return named;
        }
        let (fresh, mut logged) = split(&named, from_file);
        logged.extend(self.refine(book, &whole_pages(fresh)));
        logged
    }

    /// Bytes of the mapping.
    ///
    /// # Safety
    /// The range is mapped and nobody stores to it while the slice lives.
    pub(super) unsafe fn mapped(&self, range: Range<u64>) -> &[u8] {
        let bytes = (range.end - range.start) as usize;
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts(self.view.base().add(range.start as usize), bytes) }
    }
}

/// Rounds ranges out to whole pages.
pub(super) fn whole_pages(ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    let page = PAGE_BYTES - 1;
    let out = ranges.into_iter().map(|r| r.start & !page..(r.end + page) & !page).collect();
    merged(out, 0)
}
