//! What happens around transactions: format, settle, reset, and giving space back.

use std::mem::take;
use std::ptr::null_mut;

use super::Ground;
use super::allocator::Allocator;
use super::bits;
use super::cells::{outcome, receive};
use super::runs::Runs;
use super::threads::lock;
use super::words::bad_pointer;
use crate::Result;
use crate::format::{
    CHUNK_MAP_PAGES, Entry, HEADER_OFFSET, Header, INITIAL_BYTES, PAGE_BYTES, RunKind,
};

/// Where a new heap has its directory and its first map chunk.
const DIRECTORY_OFFSET: u64 = HEADER_OFFSET + PAGE_BYTES;
const CHUNK_OFFSET: u64 = DIRECTORY_OFFSET + PAGE_BYTES;

impl Allocator {
    /// Writes header, directory and page map of an empty heap into INITIAL_BYTES of zeros.
    pub fn format(&self, g: &impl Ground) -> Result<()> {
        let words = &self.words;
        let page_count = INITIAL_BYTES / PAGE_BYTES;
        words.store(g, HEADER_OFFSET, u64::from_le_bytes(Header::MAGIC));
        words.store(g, super::words::PAGE_COUNT, page_count);
        words.store(g, super::words::DIRECTORY, DIRECTORY_OFFSET);
        words.store(g, super::words::CAPACITY, PAGE_BYTES / 8);
        words.store(g, DIRECTORY_OFFSET, CHUNK_OFFSET);
        let mut page = 0;
        let header_page = HEADER_OFFSET / PAGE_BYTES;
        for pages in [header_page, 1, 1, CHUNK_MAP_PAGES] {
            let head = Entry::run(RunKind::System, pages, 0);
            words.store(g, CHUNK_OFFSET + page * 8, head.0);
            page += pages;
        }
        words.store(g, CHUNK_OFFSET + page * 8, Entry::free(page_count - page, false, 0).0);
        Ok(())
    }

    /// Brings every free onto the file. Returns the error of a bad free that was found late.
    ///
    /// # Safety
    /// No other thread uses this allocator meanwhile.
    pub unsafe fn settle(&self, g: &impl Ground) -> Result<()> {
        for lane in self.lanes.all() {
            let mut cells = receive(lane);
            // SAFETY: our caller keeps all others away; the borrow ends here.
            for outbox in unsafe { &mut (*(*lane).own.get()).outboxes } {
                cells.append(&mut outbox.cells);
            }
            self.free_exclusively(g, &cells);
        }
        outcome(lock(&self.fault).take())
    }

    /// Frees cells of any lane; for those who have the allocator to themselves.
    fn free_exclusively(&self, g: &impl Ground, cells: &[u64]) {
        for &cell in cells {
            let owner = self.table.slot(cell).map_or(null_mut(), |slot| slot.owner());
            if owner.is_null() {
                self.note(Err(bad_pointer(cell, "a cell that was freed before")));
                continue;
            }
            // SAFETY: nobody else uses the allocator; no other borrow of a lane is alive.
            let own = unsafe { &mut *(*owner).own.get() };
            self.note(self.free_own(g, own, cell).map(drop));
        }
    }

    /// Forgets everything but what is in the mapped heap, which holds the state of
    /// `committed_txn`.
    ///
    /// # Safety
    /// No other thread uses this allocator meanwhile.
    pub unsafe fn reset(&self, committed_txn: u64) {
        lock(&self.runs).reset(committed_txn);
        self.forget_lanes();
        *lock(&self.fault) = None;
    }

    pub(super) fn forget_lanes(&self) {
        for lane in self.lanes.all() {
            drop(receive(lane));
            // SAFETY: callers have the allocator to themselves; no other borrow is alive.
            let own = unsafe { &mut *(*lane).own.get() };
            for zone in own.zones.iter().flatten() {
                if let Some(slot) = self.table.of(zone.number) {
                    slot.remove();
                }
            }
            own.reset();
        }
    }

    /// Gives what lanes keep at hand back: free cells to their zones, free zones to the pool.
    ///
    /// # Safety
    /// No other thread uses this allocator meanwhile.
    pub unsafe fn return_spare(&self, g: &impl Ground) -> Result<()> {
        for lane in self.lanes.all() {
            // SAFETY: our caller keeps all others away; the borrow ends before the next one.
            let cells = self.empty(g, lane, unsafe { &mut *(*lane).own.get() });
            self.free_exclusively(g, &cells);
        }
        for lane in self.lanes.all() {
            // SAFETY: as above.
            let own = unsafe { &mut *(*lane).own.get() };
            drop(self.empty(g, lane, own));
            self.give_zones(g, own)?;
        }
        lock(&self.runs).give_unowned(g, |number| self.table.is_owned(number))
    }
}

impl Drop for Allocator {
    fn drop(&mut self) {
        self.forget_lanes();
    }
}

impl Runs {
    /// Gives the zones back that belong to nobody and are wholly free.
    fn give_unowned(&mut self, g: &impl Ground, is_owned: impl Fn(u64) -> bool) -> Result<()> {
        while self.explore(g, u64::MAX)? {}
        for number in take(&mut self.zones) {
            if is_owned(number) {
                continue;
            }
            let Some((bitmap, _)) = self.zone_bitmap(number)? else { continue };
            if bits::next_set(&self.words.bitmaps(bitmap * PAGE_BYTES)[1], 0) == bits::END {
                self.give_zone(g, number, bitmap)?;
            } else {
                self.zones.push(number);
            }
        }
        Ok(())
    }
}
