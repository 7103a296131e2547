//! A zone in its owner's hands: 256 KiB of cells, cut and let go.

use std::ops::Range;

use super::Ground;
use super::bits::{self, Bits, END, WORDS};
use super::room::Room;
use super::words::Words;
use crate::format::{GRANULE_BYTES, PAGE_BYTES, ZONE_BYTES};

/// What a lane knows of a zone beside its bitmaps on file.
pub(super) struct Zone {
    pub(super) number: u64,
    /// Offset of the bitmap page.
    page: u64,
    /// As the live bitmap, and also set where the lane keeps a free cell at hand.
    busy: Bits,
    room: Room,
    /// Free pages of it have no disk space: nothing may be cut out of it.
    pub(super) holes: bool,
}

impl Zone {
    /// A zone on file whose bitmaps lie at the offset `page`; all that is not live is free.
    pub(super) fn new(words: &Words, number: u64, page: u64, holes: bool) -> Box<Self> {
        let [starts, live] = words.bitmaps(page);
        let busy: Bits = std::array::from_fn(|at| bits::word(live, at).into());
        let mut room = Room::new();
        let mut start = bits::next_free(starts, &busy, 0);
        while start < END {
            let end = bits::next_set(&busy, start + 1);
            room.raise(start / 64, end - start);
            start = bits::next_free(starts, &busy, end);
        }
        Box::new(Self { number, page, busy, room, holes })
    }

    pub(super) fn bitmap_page(&self) -> u64 {
        self.page / PAGE_BYTES
    }

    /// Granules of the largest range that may be cut, or more.
    #[inline]
    pub(super) fn largest(&self) -> usize {
        if self.holes { 0 } else { self.room.largest() }
    }

    /// The same, were its holes filled.
    pub(super) fn largest_filled(&self) -> usize {
        self.room.largest()
    }

    /// Whether no cell is live or at hand.
    pub(super) fn is_free(&self) -> bool {
        bits::next_set(&self.busy, 0) == END
    }

    fn touch_starts(&self, g: &impl Ground, from: usize, end: usize) {
        let (first, last) = (from / 64, end.min(END - 1) / 64);
        g.touch(self.page + first as u64 * 8, (last + 1 - first) as u64 * 8);
    }

    /// Cuts up to `most` cells of `len` granules out of the lowest free ranges with room. They
    /// are busy then, not yet live; `out` gets their offsets. Returns how many.
    pub(super) fn cut(
        &mut self,
        g: &impl Ground,
        words: &Words,
        (len, align): (usize, usize),
        most: usize,
        out: &mut impl FnMut(u64),
    ) -> usize {
        // A range this long has room whatever its alignment.
        let sure = len + align - 1;
        let starts = &words.bitmaps(self.page)[0];
        let mut cells = 0;
        while cells < most {
            let Some(word) = self.room.find(sure) else { break };
            let Some(free) = self.search(starts, word, sure) else { continue };
            let from = free.start.next_multiple_of(align);
            if free.start < from {
                self.room.raise(word, from - free.start);
            }
            let count = ((free.end - from) / len).min(most - cells);
            self.mark(g, starts, from, len, count, free.end);
            for index in 0..count {
                let granule = (from + index * len) as u64;
                out(self.number * ZONE_BYTES + granule * GRANULE_BYTES);
            }
            cells += count;
        }
        cells
    }

    /// The first range of `len` free granules that starts in a word. If there is none, or it is
    /// the last one there, notes what else there is.
    #[inline]
    fn search(&mut self, starts: &Bits, word: usize, len: usize) -> Option<Range<usize>> {
        let mut largest = 0;
        let mut start = bits::next_free(starts, &self.busy, word * 64);
        while start / 64 == word {
            let end = bits::next_set(&self.busy, start + 1);
            if end - start >= len {
                if end / 64 > word {
                    self.room.set(word, largest);
                }
                return Some(start..end);
            }
            largest = largest.max(end - start);
            start = bits::next_free(starts, &self.busy, end);
        }
        self.room.set(word, largest);
        None
    }

    fn mark(
        &mut self,
        g: &impl Ground,
        starts: &Bits,
        from: usize,
        len: usize,
        count: usize,
        end: usize,
    ) {
        let stop = from + len * count;
        bits::clear_range(starts, from + 1, stop);
        for index in 0..count {
            bits::set(starts, from + index * len);
            bits::set(&self.busy, from + index * len);
        }
        if stop < end {
            bits::set(starts, stop);
            self.room.raise(stop / 64, end - stop);
        }
        self.touch_starts(g, from, stop);
    }

    /// Says on file that the cell at `at` is no longer allocated. It stays busy.
    pub(super) fn mark_free(&self, g: &impl Ground, words: &Words, at: usize) {
        bits::clear(&words.bitmaps(self.page)[1], at);
        g.touch(self.page + ((WORDS + at / 64) * 8) as u64, 8);
    }

    /// Lets go of a busy cell that is not live; returns the granules of the free range around it.
    pub(super) fn release(&mut self, words: &Words, at: usize) -> usize {
        let starts = &words.bitmaps(self.page)[0];
        bits::clear(&self.busy, at);
        let before = bits::last_set(&self.busy, at);
        let start = before.map_or(0, |before| bits::next_set(starts, before + 1)).min(at);
        let len = bits::next_set(&self.busy, at + 1) - start;
        self.room.raise(start / 64, len);
        len
    }

    /// Makes the live cell at `at` `len` granules long; returns whether it had room.
    pub(super) fn resize(&mut self, g: &impl Ground, words: &Words, at: usize, len: usize) -> bool {
        let starts = &words.bitmaps(self.page)[0];
        let stop = at + len;
        let end = bits::next_set(&self.busy, at + 1);
        let old_end = bits::next_set(starts, at + 1);
        if stop > end || stop == old_end || self.holes && stop > old_end {
            return stop == old_end;
        }
        bits::clear_range(starts, at + 1, stop);
        if stop < end {
            bits::set(starts, stop);
            self.room.raise(stop / 64, end - stop);
        }
        self.touch_starts(g, at, stop.max(old_end));
        true
    }
}
