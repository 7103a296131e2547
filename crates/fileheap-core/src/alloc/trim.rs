//! Giving space back: the free tail, free runs, and free pages within zones.

use std::ops::Range;

use super::Ground;
use super::allocator::Allocator;
use super::bits::{self, Bits, END};
use super::pool::FreeRun;
use super::runs::Runs;
use super::threads::lock;
use crate::Result;
use crate::format::{GRANULE_BYTES, PAGE_BYTES, ZONE_PAGES};

const PAGE_GRANULES: usize = (PAGE_BYTES / GRANULE_BYTES) as usize;

/// What is marked as given back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holes {
    /// Pages whose disk space may go once this is committed and durable.
    pub pages: Vec<Range<u64>>,
    /// Zones were left alone: somebody may still read an older state of them.
    pub zones_kept: bool,
}

impl Allocator {
    /// Cuts the free pages at the end off the heap; returns its page count then. The file may be
    /// cut to it only after the commit, and after nobody reads an older state.
    pub fn shrink_tail(&self, g: &impl Ground) -> Result<u64> {
        lock(&self.runs).shrink_tail(g)
    }

    /// Marks what nobody wants as given back: free runs of at least `min_pages`, and, if nobody
    /// can see a state older than the one this transaction began with, whole free pages in zones.
    /// To be called first in a transaction, but for `shrink_tail`.
    ///
    /// # Safety
    /// No other thread uses this allocator meanwhile.
    pub unsafe fn punch(&self, g: &impl Ground, min_pages: u64) -> Result<Holes> {
        let mut holes = Holes { zones_kept: g.safe_txn() + 1 < g.txn(), ..Holes::default() };
        let mut runs = lock(&self.runs);
        runs.punch(g, min_pages, &mut holes.pages)?;
        if !holes.zones_kept {
            // Who goes on with a zone has to see the mark.
            self.forget_lanes();
            runs.punch_zones(g, &mut holes.pages)?;
        }
        Ok(holes)
    }
}

impl Runs {
    fn punch(&mut self, g: &impl Ground, least: u64, holes: &mut Vec<Range<u64>>) -> Result<()> {
        while self.explore(g, u64::MAX)? {}
        let safe_txn = g.safe_txn();
        for run in self.pool.by_page() {
            if run.pages < least.max(1) || run.freed_txn > safe_txn {
                continue;
            }
            holes.push(run.page..run.end());
            if run.punched {
                continue; // again: a copy of the file may have disk space here
            }
            self.pool.remove(run.page);
            self.give(g, FreeRun { punched: true, zero_txn: 0, ..run })?;
        }
        Ok(())
    }

    /// All zones are nobody's.
    fn punch_zones(&mut self, g: &impl Ground, holes: &mut Vec<Range<u64>>) -> Result<()> {
        self.zones.clear();
        self.cursor = 0;
        while self.explore(g, u64::MAX)? {}
        for index in 0..self.zones.len() {
            let number = self.zones[index];
            let Some((bitmap, _)) = self.zone_bitmap(number)? else { continue };
            let known = holes.len();
            free_pages(self.words.bitmaps(bitmap * PAGE_BYTES), |pages| {
                let first = number * ZONE_PAGES;
                holes.push(first + pages.start as u64..first + pages.end as u64);
            });
            if holes.len() > known {
                self.set_holed(g, number, true)?;
            }
        }
        Ok(())
    }
}

/// Calls for each stretch of whole pages in a zone in which nothing is live.
fn free_pages([starts, live]: &[Bits; 2], mut f: impl FnMut(Range<usize>)) {
    let mut from = 0;
    while from < END {
        let end = bits::next_set(live, from);
        let pages = from.div_ceil(PAGE_GRANULES)..end / PAGE_GRANULES;
        if !pages.is_empty() {
            f(pages);
        }
        from = bits::next_set(starts, end + 1);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    #[test]
    fn only_whole_pages_without_a_live_granule_are_free() {
        let bitmaps: [Bits; 2] =
            std::array::from_fn(|_| std::array::from_fn(|_| AtomicU64::new(0)));
        let cells = [0..1, 255..257, 600..1024, 1280..1290, 5 * 256 + 20..END - 1];
        for cell in &cells {
            bits::set(&bitmaps[0], cell.start);
            bits::set(&bitmaps[0], cell.end);
            bits::set(&bitmaps[1], cell.start);
        }
        let mut found = Vec::new();
        free_pages(&bitmaps, |pages| found.push(pages));
        assert_eq!(found, [4..5]);
        cells[1..].iter().for_each(|cell| bits::clear(&bitmaps[1], cell.start));
        found.clear();
        free_pages(&bitmaps, |pages| found.push(pages));
        assert_eq!(found, [1..64]);
    }
}
