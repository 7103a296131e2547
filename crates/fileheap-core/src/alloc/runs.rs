//! Runs of pages: taken from and given back to the page map, which is the truth about them.

use super::Ground;
use super::grow::no_room;
use super::pool::{FreeRun, Pool, Want};
use super::words::{Words, bad_pointer, corrupt};
use crate::format::{Entry, PAGE_BYTES, RUN_DIRECT, RunKind, ZONE_BYTES, ZONE_PAGES};
use crate::{ErrorKind, Result};

/// Heads of the page map that one search for room looks at before the file grows.
const EXPLORE_HEADS: u64 = 16 * 1024;
/// Heads looked at between two tries.
const EXPLORE_STEP: u64 = 64;

/// Pages that were taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    pub(super) page: u64,
    pub(super) claimed: bool,
    pub(super) zero: bool,
}

/// The page map and what we know of it. Lives under the allocator's one lock.
pub(super) struct Runs {
    pub(super) words: Words,
    pub(super) pool: Pool,
    /// Heads before this page are known; it is a head itself, or the page count.
    pub(super) cursor: u64,
    /// The transaction whose state exploring finds.
    pub(super) found_txn: Option<u64>,
    /// Offsets of the map chunks that were looked up, or 0.
    pub(super) chunks: Vec<u64>,
    /// Zones that were explored and belong to nobody yet.
    pub(super) zones: Vec<u64>,
    /// Free neighbours were left apart because only one of them was safe.
    parted: bool,
}

impl Runs {
    pub(super) fn new(words: Words) -> Self {
        let (pool, chunks, zones) = (Pool::default(), Vec::new(), Vec::new());
        Self { words, pool, cursor: 0, found_txn: None, chunks, zones, parted: false }
    }

    /// Forgets everything: the map may have changed under us.
    pub(super) fn reset(&mut self, committed_txn: u64) {
        self.pool.clear();
        self.chunks.clear();
        self.zones.clear();
        self.parted = false;
        self.cursor = 0;
        self.found_txn = Some(committed_txn);
    }

    /// Looks at up to `heads` more heads; returns whether there were any.
    pub(super) fn explore(&mut self, g: &impl Ground, heads: u64) -> Result<bool> {
        let count = self.page_count()?;
        for step in 0..heads {
            let page = self.cursor;
            if page >= count {
                return Ok(step > 0);
            }
            let (entry, kind) = self.head(page)?;
            match kind {
                RunKind::Free => self.know(g, page, entry)?,
                RunKind::Zone if page % ZONE_PAGES != 0 => {
                    return Err(corrupt("a zone is not aligned", page * PAGE_BYTES, entry.0));
                }
                RunKind::Zone => self.zones.push(page / ZONE_PAGES),
                _ => {}
            }
            self.cursor = page + entry.pages();
        }
        Ok(true)
    }

    /// Puts a free run that the map shows into the pool.
    fn know(&mut self, g: &impl Ground, page: u64, entry: Entry) -> Result<()> {
        if self.pool.get(page).is_some_and(|run| run.pages == entry.pages()) {
            return Ok(());
        }
        if self.pool.overlaps(page, entry.pages()) {
            return Err(corrupt("free runs overlap", page * PAGE_BYTES, entry.0));
        }
        let found_txn = *self.found_txn.get_or_insert(g.txn().saturating_sub(1));
        let freed_txn = entry.freed_txn(found_txn);
        let (pages, punched) = (entry.pages(), entry.is_punched());
        // Who freed it may not have known its neighbours.
        let (before, after) = (self.pool.ending_at(page), self.pool.get(page + pages));
        self.parted |= before.or(after).is_some();
        self.pool.insert(FreeRun { page, pages, freed_txn, punched, zero_txn: 0 });
        Ok(())
    }

    /// The same with the free runs that lie side by side from a page on, up to `pages` of them.
    fn know_from(&mut self, g: &impl Ground, page: u64, pages: u64) -> Result<()> {
        let (mut at, end) = (page, self.page_count()?.min(page + pages));
        while at < end {
            let (entry, kind) = self.head(at)?;
            if kind != RunKind::Free {
                break;
            }
            self.know(g, at, entry)?;
            at += entry.pages();
        }
        Ok(())
    }

    /// Takes pages; `head` makes the entry of the first. An error changes nothing.
    pub(super) fn take(&mut self, g: &impl Ground, want: &Want, head: Entry) -> Result<Taken> {
        let run = self.find(g, want)?;
        match self.carve(g, run, want.start_in(run.page), want.pages, head) {
            // No space for what was punched: there may be free pages that never were.
            Err(error) if run.punched && error.kind() == ErrorKind::DiskFull => {
                let want = Want { filled: true, ..*want };
                let run = self.find(g, &want)?;
                self.carve(g, run, want.start_in(run.page), want.pages, head)
            }
            done => done,
        }
    }

    /// Takes `pages` pages from `page` on out of the free run `run`.
    pub(super) fn carve(
        &mut self,
        g: &impl Ground,
        run: FreeRun,
        page: u64,
        pages: u64,
        head: Entry,
    ) -> Result<Taken> {
        let end = page + pages;
        if run.punched {
            g.reserve(page..end)?;
        }
        self.pool.remove(run.page);
        if run.page < page {
            self.set_free(g, FreeRun { pages: page - run.page, ..run })?;
        }
        if end < run.end() {
            self.set_free(g, FreeRun { page: end, pages: run.end() - end, ..run })?;
        }
        self.set_head(g, page, head)?;
        let claimed = run.freed_txn <= g.safe_txn();
        if claimed {
            g.claimed(page..end);
        } else {
            g.taken(page..end);
        }
        Ok(Taken { page, claimed, zero: run.zero_txn == g.txn() })
    }

    fn find(&mut self, g: &impl Ground, want: &Want) -> Result<FreeRun> {
        let mut left = EXPLORE_HEADS;
        let mut may_secure = want.safe;
        loop {
            if let Some(run) = self.pool.fit(want, g.safe_txn()) {
                return Ok(run);
            }
            if left > 0 && self.explore(g, EXPLORE_STEP)? {
                left -= EXPLORE_STEP;
            } else if self.parted {
                self.join(g, want.safe)?;
            } else if may_secure && self.has_unsafe(g, want) {
                may_secure = false;
                self.parted |= g.secure()?;
            } else {
                match self.grow(g, want) {
                    // What is free is found, however far away, before there is no room.
                    Err(error) if no_room(&error) && self.cursor < self.page_count()? => {
                        left = u64::MAX;
                    }
                    done => return done,
                }
            }
        }
    }

    /// Whether there is room, were it safe.
    fn has_unsafe(&self, g: &impl Ground, want: &Want) -> bool {
        self.pool.fit(&Want { safe: false, ..*want }, g.safe_txn()).is_some()
    }

    /// Joins free neighbours that were left apart; unless `only_safe` the unsafe ones, too.
    #[cold]
    fn join(&mut self, g: &impl Ground, only_safe: bool) -> Result<()> {
        let mut last: Option<FreeRun> = None;
        for run in self.pool.by_page() {
            let both = last.is_some_and(|last| last.end() == run.page);
            let safe = |run: &FreeRun| run.freed_txn <= g.safe_txn();
            if both && (!only_safe || safe(&run) && last.as_ref().is_some_and(safe)) {
                self.pool.remove(run.page);
                last = Some(self.merge(g, run, |other, it| {
                    other.page < it.page && it.punched == other.punched
                })?);
            } else {
                last = Some(run);
            }
        }
        self.parted = false;
        Ok(())
    }

    fn set_free(&mut self, g: &impl Ground, run: FreeRun) -> Result<()> {
        self.pool.insert(run);
        self.set_head(g, run.page, Entry::free(run.pages, run.punched, run.freed_txn))
    }

    /// Makes pages free whose head, if they had one, may be overwritten; joins free neighbours,
    /// but not what is safe with what is not.
    pub(super) fn give(&mut self, g: &impl Ground, given: FreeRun) -> Result<FreeRun> {
        let safe_txn = g.safe_txn();
        let mut parted = false;
        let run = self.merge(g, given, |it, other| {
            let alike = (it.freed_txn <= safe_txn) == (other.freed_txn <= safe_txn);
            parted |= !alike;
            alike && it.punched == other.punched
        })?;
        self.parted |= parted;
        Ok(run)
    }

    fn merge(
        &mut self,
        g: &impl Ground,
        given: FreeRun,
        mut alike: impl FnMut(&FreeRun, &FreeRun) -> bool,
    ) -> Result<FreeRun> {
        let mut run = given;
        let before = self.pool.ending_at(run.page).filter(|it| alike(it, &given));
        let after = self.pool.get(run.end()).filter(|it| alike(it, &given));
        for other in [before, after].into_iter().flatten() {
            self.pool.remove(other.page);
            run.page = run.page.min(other.page);
            run.pages += other.pages;
            run.freed_txn = run.freed_txn.max(other.freed_txn);
            if run.zero_txn != other.zero_txn {
                run.zero_txn = 0;
            }
        }
        if before.is_some() {
            self.clear_head(g, given.page)?;
        }
        if after.is_some() {
            self.clear_head(g, given.end())?;
        }
        self.set_free(g, run)?;
        Ok(run)
    }

    /// Makes the pages of a run free that this transaction stops using.
    pub(super) fn give_used(
        &mut self,
        g: &impl Ground,
        page: u64,
        pages: u64,
        punched: bool,
    ) -> Result<()> {
        // What was claimed was free in every state that anybody sees, and is free again.
        let claimed = g.is_claimed(page..page + pages);
        let freed_txn = if claimed { g.safe_txn() } else { g.txn() };
        let run = FreeRun { page, pages, freed_txn, punched, zero_txn: 0 };
        self.give(g, run).map(drop)
    }

    /// The allocated run that begins at an offset, or None if that lies in a zone.
    pub(super) fn run_at(&mut self, offset: u64) -> Result<Option<Entry>> {
        let entry = self.entry(offset / PAGE_BYTES)?;
        let is_run = offset % PAGE_BYTES == 0 && entry.kind() == Some(RunKind::Run);
        if !is_run && self.zone_bitmap(offset / ZONE_BYTES)?.is_some() {
            return Ok(None);
        }
        self.allocated(offset).map(Some)
    }

    /// The allocated run that begins at an offset.
    pub(super) fn allocated(&mut self, offset: u64) -> Result<Entry> {
        if offset % PAGE_BYTES != 0 {
            return Err(bad_pointer(offset, "no cell that begins there"));
        }
        let page = offset / PAGE_BYTES;
        let entry = self.entry(page)?;
        match entry.kind() {
            Some(RunKind::Run) => self.checked(page, entry).map(|(entry, _)| entry),
            Some(RunKind::Free) => Err(bad_pointer(offset, "a free run")),
            Some(RunKind::System) => Err(bad_pointer(offset, "the heap's own pages")),
            _ => Err(bad_pointer(offset, "a page that begins nothing")),
        }
    }

    /// Makes an allocated run longer or shorter where it lies; returns its pages then.
    pub(super) fn resize(&mut self, g: &impl Ground, page: u64, pages: u64) -> Result<u64> {
        let entry = self.allocated(page * PAGE_BYTES)?;
        let (old, flags) = (entry.pages(), entry.0 & RUN_DIRECT);
        if pages < old {
            self.set_head(g, page, Entry::run(RunKind::Run, pages, flags))?;
            self.give_used(g, page + pages, old - pages, false)?;
            return Ok(pages);
        }
        let (more, next) = (pages - old, page + old);
        if more == 0 || next >= self.page_count()? {
            return Ok(old);
        }
        self.know_from(g, next, more)?;
        if self.parted && self.pool.get(next).is_some_and(|run| run.pages < more) {
            self.join(g, flags != 0)?;
        }
        let safe = |run: &FreeRun| flags == 0 || run.freed_txn <= g.safe_txn();
        let Some(run) = self.pool.get(next).filter(|run| run.pages >= more && safe(run)) else {
            return Ok(old);
        };
        match self.carve(g, run, next, more, Entry::INNER) {
            Err(error) if error.kind() == ErrorKind::DiskFull => return Ok(old),
            done => done?,
        };
        self.set_head(g, page, Entry::run(RunKind::Run, pages, flags))?;
        Ok(pages)
    }
}
