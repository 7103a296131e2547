//! The quick paths: what a program allocates and frees all the time is at hand, without a lock.

use std::sync::atomic::Ordering::Relaxed;

use super::Ground;
use super::allocator::{Allocator, Freed};
use super::bits::{Bits, WORDS};
use super::lane::{CLASSES, Own, place};
use super::table::Slot;
use super::threads;
use crate::Result;
use crate::format::GRANULE_BYTES;

impl Allocator {
    /// Allocates; returns the offset. More than CELL_MAX_BYTES is a run of pages.
    #[inline]
    pub fn alloc(&self, g: &impl Ground, bytes: u64, align: u64) -> Result<u64> {
        match self.alloc_quick(g, bytes, align) {
            Some(cell) => Ok(cell),
            None => self.alloc_slow(g, bytes, align),
        }
    }

    /// A cell that is at hand, if there is one of that size.
    #[inline(always)]
    pub fn alloc_quick(&self, g: &impl Ground, bytes: u64, align: u64) -> Option<u64> {
        // No bytes at all wrap to a class that no stack has.
        let class = (bytes.wrapping_sub(1) / GRANULE_BYTES) as usize;
        if class >= CLASSES || align > GRANULE_BYTES || !align.is_power_of_two() {
            return None;
        }
        let lane = threads::current(self.id)?;
        // SAFETY: the lane is this thread's, and this borrow ends before anybody else's.
        let own = unsafe { &mut *(*lane).own.get() };
        let cell = own.stacks[class].pop()?;
        own.recent = (cell, class);
        self.mark_live(g, cell);
        Some(cell)
    }

    /// Says on file that a cell at hand is allocated now.
    #[inline]
    pub(super) fn mark_live(&self, g: &impl Ground, cell: u64) {
        let Some(slot) = self.table.slot(cell) else { return };
        let page = slot.bitmaps.load(Relaxed);
        let (_, at) = place(cell);
        // SAFETY: a cell at hand or just cut lies in a zone of ours; see `Zone::new`.
        let live = &unsafe { self.words.known_bitmaps(page) }[1][at / 64];
        live.store(live.load(Relaxed) | 1 << (at % 64), Relaxed);
        g.touch(page + ((WORDS + at / 64) * 8) as u64, 8);
    }

    /// Frees what `alloc` returned.
    #[inline]
    pub fn free(&self, g: &impl Ground, offset: u64) -> Result<Freed> {
        match self.free_quick(g, offset) {
            Some(freed) => Ok(freed),
            None => self.free_slow(g, offset),
        }
    }

    /// Frees a cell of a zone of this thread, if it is one and can be kept at hand.
    #[inline(always)]
    pub fn free_quick(&self, g: &impl Ground, offset: u64) -> Option<Freed> {
        let lane = threads::current(self.id)?;
        let slot = self.table.slot(offset)?;
        if slot.owner() != lane || offset % GRANULE_BYTES != 0 {
            return None;
        }
        // SAFETY: the lane is this thread's; this borrow ends before anybody else's.
        let own = unsafe { &mut *(*lane).own.get() };
        self.keep(g, own, slot, offset)
    }

    /// Frees a cell of our own whose size is kept at hand and has room there. The slot is that
    /// of a zone of ours.
    #[inline(always)]
    pub(super) fn keep(
        &self,
        g: &impl Ground,
        own: &mut Own,
        slot: &Slot,
        cell: u64,
    ) -> Option<Freed> {
        let page = slot.bitmaps.load(Relaxed);
        // SAFETY: the zone is ours; see `Zone::new`.
        let [starts, live] = unsafe { self.words.known_bitmaps(page) };
        let (_, at) = place(cell);
        let (index, bit) = (at / 64, at % 64);
        let live_word = live[index].load(Relaxed);
        // What is live starts there.
        if live_word >> bit & 1 == 0 {
            return None;
        }
        let class = own.class(cell, || class_in(starts, at));
        if !own.stacks.get_mut(class)?.push(cell) {
            return None;
        }
        live[index].store(live_word & !(1 << bit), Relaxed);
        g.touch(page + ((WORDS + index) * 8) as u64, 8);
        Some(Freed::cell(class + 1))
    }
}

/// The class of the live cell at a granule: one less than its granules, if these are few.
#[inline(always)]
fn class_in(starts: &Bits, at: usize) -> usize {
    let (index, bit) = (at / 64, at % 64);
    let rest = starts[index].load(Relaxed) >> bit >> 1;
    if rest != 0 {
        return rest.trailing_zeros() as usize;
    }
    let next = starts.get(index + 1).map_or(1, |word| word.load(Relaxed));
    63 - bit + next.trailing_zeros() as usize
}
