//! The free runs we know of, by address and by size. Volatile.

use std::collections::{BTreeMap, BTreeSet};

/// A free run of pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FreeRun {
    pub(super) page: u64,
    pub(super) pages: u64,
    /// The last transaction that freed a page of it.
    pub(super) freed_txn: u64,
    /// Its disk space was given back.
    pub(super) punched: bool,
    /// The transaction in which it is known to read as zeros, or 0. Not longer: another process
    /// may store to free pages and then abort.
    pub(super) zero_txn: u64,
}

impl FreeRun {
    pub(super) fn end(&self) -> u64 {
        self.page + self.pages
    }
}

/// What is asked of the pool.
#[derive(Debug, Clone, Copy)]
pub(super) struct Want {
    pub(super) pages: u64,
    /// In pages; a power of two.
    pub(super) align: u64,
    /// Only pages that nobody wants any more will do.
    pub(super) safe: bool,
}

impl Want {
    /// Where the wanted pages would begin in a free range that begins at `page`.
    pub(super) fn start_in(&self, page: u64) -> u64 {
        page.next_multiple_of(self.align)
    }
}

/// How many runs a search looks at beyond the first that would do.
const PATIENCE: usize = 8;
/// How many when only a safe run will do.
const PATIENCE_SAFE: usize = 256;

#[derive(Default)]
pub(super) struct Pool {
    by_page: BTreeMap<u64, FreeRun>,
    by_size: BTreeSet<(u64, u64)>,
}

impl Pool {
    pub(super) fn clear(&mut self) {
        self.by_page.clear();
        self.by_size.clear();
    }

    pub(super) fn get(&self, page: u64) -> Option<FreeRun> {
        self.by_page.get(&page).copied()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &FreeRun> {
        self.by_page.values()
    }

    /// The last free run that begins before `page`.
    pub(super) fn before(&self, page: u64) -> Option<FreeRun> {
        self.by_page.range(..page).next_back().map(|(_, run)| *run)
    }

    /// Whether a run over these pages would overlap one that is known.
    pub(super) fn overlaps(&self, page: u64, pages: u64) -> bool {
        self.before(page + pages).is_some_and(|run| run.end() > page)
    }

    pub(super) fn insert(&mut self, run: FreeRun) {
        self.by_page.insert(run.page, run);
        self.by_size.insert((run.pages, run.page));
    }

    pub(super) fn remove(&mut self, page: u64) -> Option<FreeRun> {
        let run = self.by_page.remove(&page)?;
        self.by_size.remove(&(run.pages, run.page));
        Some(run)
    }

    /// The smallest run that will do, a safe one if one is near.
    pub(super) fn fit(&self, want: &Want, safe_txn: u64) -> Option<FreeRun> {
        let patience = if want.safe { PATIENCE_SAFE } else { PATIENCE };
        let near = self.fit_from(want, want.pages, safe_txn, patience);
        if near.is_some() || want.align == 1 {
            return near;
        }
        self.fit_from(want, want.pages + want.align - 1, safe_txn, patience)
    }

    fn fit_from(&self, want: &Want, least: u64, safe_txn: u64, patience: usize) -> Option<FreeRun> {
        let mut second_best = None;
        for &(pages, page) in self.by_size.range((least, 0)..).take(patience) {
            if want.start_in(page) + want.pages > page + pages {
                continue;
            }
            let run = self.by_page[&page];
            if run.freed_txn <= safe_txn {
                return Some(run);
            }
            if !want.safe {
                second_best.get_or_insert(run);
            }
        }
        second_best
    }
}
