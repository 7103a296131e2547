//! Growing and shrinking at the file's end, with the map chunks that describe the new pages.

use super::Ground;
use super::pool::{FreeRun, Want};
use super::runs::Runs;
use super::words;
use crate::format::{CHUNK_MAP_PAGES, CHUNK_PAGES, Entry, PAGE_BYTES, RunKind};
use crate::{Error, ErrorKind, Result};

/// Growth is this part of the file, within the bounds below.
const STEP_PART: u64 = 256;
const STEP_LEAST: u64 = 256 * 1024 / PAGE_BYTES;
const STEP_MOST: u64 = 64 * 1024 * 1024 / PAGE_BYTES;

/// What the file becomes: our own pages first, then free ones.
#[derive(Clone, Copy)]
struct Plan {
    total: u64,
    /// Map chunks that the new pages need.
    chunks: u64,
    /// Pages of a larger directory, or 0.
    directory: u64,
}

impl Plan {
    fn own_pages(&self) -> u64 {
        self.chunks * CHUNK_MAP_PAGES + self.directory
    }
}

/// Whether the file can grow no further, or not that far.
pub(super) fn no_room(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::DiskFull | ErrorKind::LimitReached)
}

impl Runs {
    /// Makes the file longer; returns a free run in which the wanted pages have room.
    pub(super) fn grow(&mut self, g: &impl Ground, want: &Want) -> Result<FreeRun> {
        let count = self.page_count()?;
        let step = (count / STEP_PART).clamp(STEP_LEAST, STEP_MOST);
        let mut plan = self.plan(g, want, count, step);
        let zero = match self.extend(g, plan.total) {
            Err(error) if no_room(&error) => {
                plan = self.plan(g, want, count, 0);
                self.extend(g, plan.total)?
            }
            other => other?,
        };
        self.words.store(g, words::PAGE_COUNT, plan.total);
        self.lay_chunks(g, count, plan, zero)?;
        let page = count + plan.own_pages();
        let pages = plan.total - page;
        let zero_txn = if zero { g.txn() } else { 0 };
        self.give(g, FreeRun { page, pages, freed_txn: 0, punched: false, zero_txn })
    }

    fn extend(&self, g: &impl Ground, total: u64) -> Result<bool> {
        // The ground knows its limit, and says so.
        let zero = g.extend(total)?;
        assert!(total <= self.words.limit_pages(), "no ground reaches beyond its addresses");
        Ok(zero)
    }

    fn plan(&self, g: &impl Ground, want: &Want, count: u64, step: u64) -> Plan {
        let tail = self.pool.ending_at(count).filter(|run| {
            // Only with a safe one do the new pages join.
            !run.punched && run.freed_txn <= g.safe_txn()
        });
        let from = tail.map_or(count, |run| run.page);
        let mut plan = self.plan_total((want.start_in(from) + want.pages).max(count + step), count);
        while plan.own_pages() > 0 {
            let start = want.start_in(count + plan.own_pages());
            let wider = self.plan_total((start + want.pages).max(count + step), count);
            if wider.own_pages() == plan.own_pages() {
                return wider;
            }
            plan = wider;
        }
        plan
    }

    fn plan_total(&self, total: u64, count: u64) -> Plan {
        let chunks = total.div_ceil(CHUNK_PAGES) - count.div_ceil(CHUNK_PAGES);
        let capacity = self.words.load(words::CAPACITY);
        let needed = total.div_ceil(CHUNK_PAGES);
        let directory = if needed <= capacity {
            0
        } else {
            (needed.next_power_of_two() * 8).div_ceil(PAGE_BYTES)
        };
        Plan { total, chunks, directory }
    }

    /// Puts our own pages at the start of the new ones.
    fn lay_chunks(&mut self, g: &impl Ground, count: u64, plan: Plan, zero: bool) -> Result<()> {
        if plan.own_pages() == 0 {
            return Ok(());
        }
        let end = count + plan.own_pages();
        g.claimed(count..end);
        if !zero {
            self.words.clear_pages(g, count..end);
        }
        let directory_page = end - plan.directory;
        let old = if plan.directory > 0 { self.move_directory(g, directory_page, plan) } else { 0 };
        let directory = self.words.load(words::DIRECTORY);
        let first = count.div_ceil(CHUNK_PAGES);
        for index in 0..plan.chunks {
            let offset = (count + index * CHUNK_MAP_PAGES) * PAGE_BYTES;
            self.words.store(g, directory + (first + index) * 8, offset);
        }
        let head = Entry::run(RunKind::System, CHUNK_MAP_PAGES, 0);
        for index in 0..plan.chunks {
            self.set_head(g, count + index * CHUNK_MAP_PAGES, head)?;
        }
        if plan.directory > 0 {
            let head = Entry::run(RunKind::System, plan.directory, 0);
            self.set_head(g, directory_page, head)?;
            let (entry, _) = self.head(old / PAGE_BYTES)?;
            self.give_used(g, old / PAGE_BYTES, entry.pages(), false)?;
        }
        Ok(())
    }

    /// Copies the directory to its new, larger run; returns where it was.
    fn move_directory(&mut self, g: &impl Ground, page: u64, plan: Plan) -> u64 {
        let old = self.words.load(words::DIRECTORY);
        let capacity = self.words.load(words::CAPACITY);
        for index in 0..capacity {
            let value = self.words.load(old + index * 8);
            self.words.store(g, page * PAGE_BYTES + index * 8, value);
        }
        self.words.store(g, words::DIRECTORY, page * PAGE_BYTES);
        self.words.store(g, words::CAPACITY, plan.directory * PAGE_BYTES / 8);
        old
    }

    /// Cuts the free run at the end off, if nobody wants it; returns the page count then.
    pub(super) fn shrink_tail(&mut self, g: &impl Ground) -> Result<u64> {
        while self.explore(g, u64::MAX)? {}
        loop {
            let count = self.page_count()?;
            let Some(tail) = self.pool.ending_at(count) else { return Ok(count) };
            if tail.freed_txn > g.safe_txn() {
                return Ok(count);
            }
            let keep = tail.page.max(crate::format::INITIAL_BYTES / PAGE_BYTES);
            if keep >= count {
                return Ok(count);
            }
            self.cut(g, tail, keep, count)?;
        }
    }

    fn cut(&mut self, g: &impl Ground, tail: FreeRun, keep: u64, count: u64) -> Result<()> {
        self.pool.remove(tail.page);
        self.set_head(g, tail.page, Entry::INNER)?;
        if tail.page < keep {
            let pages = keep - tail.page;
            self.give(g, FreeRun { pages, ..tail })?;
        }
        let directory = self.words.load(words::DIRECTORY);
        for index in keep.div_ceil(CHUNK_PAGES)..count.div_ceil(CHUNK_PAGES) {
            let slot = directory + index * 8;
            let chunk = self.words.load(slot) / PAGE_BYTES;
            self.words.store(g, slot, 0);
            if let Some(known) = self.chunks.get_mut(index as usize) {
                *known = 0;
            }
            // A chunk that lies in pages that stay becomes free; the next commit may cut it off.
            if chunk < keep {
                self.give_used(g, chunk, CHUNK_MAP_PAGES, false)?;
            }
        }
        self.words.store(g, words::PAGE_COUNT, keep);
        self.cursor = self.cursor.min(keep);
        Ok(())
    }
}
