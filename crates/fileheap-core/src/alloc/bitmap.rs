//! Bitmap pages: each zone needs one, taken from runs of the heap's own and returned to a stack.

use super::Ground;
use super::bits::{self, Bits};
use super::pool::Want;
use super::runs::Runs;
use super::words::{self, corrupt};
use crate::Result;
use crate::format::{Entry, HEADER_OFFSET, PAGE_BYTES, RunKind, ZONE_PAGES};

const RUN_LEAST: u64 = 4;
const RUN_MOST: u64 = 64;

impl Runs {
    /// Takes pages for a new zone with all of it free; returns its number and bitmap page.
    pub(super) fn take_zone(&mut self, g: &impl Ground) -> Result<(u64, u64)> {
        self.provide_bitmap(g)?;
        let want = Want::any(ZONE_PAGES, ZONE_PAGES);
        let bitmap = self.next_bitmap()?;
        let taken = self.take(g, &want, Entry::zone(bitmap))?;
        self.take_bitmap(g, bitmap);
        Ok((taken.page / ZONE_PAGES, bitmap))
    }

    /// Gives the pages of a wholly free zone back.
    pub(super) fn give_zone(&mut self, g: &impl Ground, number: u64, bitmap: u64) -> Result<()> {
        let top = self.words.load(words::BITMAP_FREE);
        self.words.store(g, bitmap * PAGE_BYTES, top);
        self.words.store(g, words::BITMAP_FREE, bitmap);
        let page = number * ZONE_PAGES;
        let punched = self.entry(page)?.is_punched();
        self.give_used(g, page, ZONE_PAGES, punched)
    }

    /// The bitmap page of a zone and whether it has holes, or None if the number names no zone.
    pub(super) fn zone_bitmap(&mut self, number: u64) -> Result<Option<(u64, bool)>> {
        let page = number * ZONE_PAGES;
        let entry = self.entry(page)?;
        if entry.kind() != Some(RunKind::Zone) {
            return Ok(None);
        }
        self.head(page)?;
        let bitmap = self.valid_bitmap(entry.bitmap_page(), page * PAGE_BYTES)?;
        Ok(Some((bitmap, entry.is_punched())))
    }

    /// Notes whether a zone has holes.
    pub(super) fn set_holed(&mut self, g: &impl Ground, number: u64, holes: bool) -> Result<()> {
        let entry = self.entry(number * ZONE_PAGES)?;
        self.set_head(g, number * ZONE_PAGES, entry.holed(holes))
    }

    fn valid_bitmap(&mut self, bitmap: u64, offset: u64) -> Result<u64> {
        let own = bitmap > HEADER_OFFSET / PAGE_BYTES && bitmap < self.page_count()?;
        let kind = if own { self.entry(bitmap)?.kind() } else { None };
        match kind {
            Some(RunKind::Inner | RunKind::System) => Ok(bitmap),
            _ => Err(corrupt("a bitmap page is none of the heap's own", offset, bitmap)),
        }
    }

    /// Sees to it that there is a bitmap page to take.
    fn provide_bitmap(&mut self, g: &impl Ground) -> Result<()> {
        if self.words.load(words::BITMAP_FREE) != 0 {
            return Ok(());
        }
        let run = self.words.load(words::BITMAP_RUN);
        let used = self.words.load(words::BITMAP_USED);
        let mut pages = RUN_LEAST;
        if run != 0 {
            let (entry, kind) = self.head(run)?;
            if kind != RunKind::System {
                return Err(corrupt("no bitmap run", words::BITMAP_RUN, run));
            }
            if used < entry.pages() {
                return Ok(());
            }
            pages = (entry.pages() * 2).clamp(RUN_LEAST, RUN_MOST);
        }
        let want = Want::any(pages, 1);
        let taken = self.take(g, &want, Entry::run(RunKind::System, pages, 0))?;
        self.words.store(g, words::BITMAP_RUN, taken.page);
        self.words.store(g, words::BITMAP_USED, 0);
        Ok(())
    }

    fn next_bitmap(&mut self) -> Result<u64> {
        let top = self.words.load(words::BITMAP_FREE);
        if top != 0 {
            return self.valid_bitmap(top, words::BITMAP_FREE);
        }
        Ok(self.words.load(words::BITMAP_RUN) + self.words.load(words::BITMAP_USED))
    }

    fn take_bitmap(&mut self, g: &impl Ground, bitmap: u64) {
        if self.words.load(words::BITMAP_FREE) == bitmap {
            let link = self.words.load(bitmap * PAGE_BYTES);
            self.words.store(g, words::BITMAP_FREE, link);
        } else {
            let used = self.words.load(words::BITMAP_USED);
            self.words.store(g, words::BITMAP_USED, used + 1);
        }
        self.words.clear_pages(g, bitmap..bitmap + 1);
        bits::set(&self.words.bitmaps(bitmap * PAGE_BYTES)[0], 0);
    }

    /// Whether the bitmaps of a zone obey the format: a range starts at granule 0, and what is
    /// live starts somewhere.
    pub(super) fn valid_zone(bitmaps: &[Bits; 2]) -> bool {
        let [starts, live] = bitmaps;
        bits::get(starts, 0)
            && (0..bits::WORDS).all(|at| bits::word(live, at) & !bits::word(starts, at) == 0)
    }
}
