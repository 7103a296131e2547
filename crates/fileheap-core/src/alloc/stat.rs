//! Figures about a heap, counted from the truth on file.

use super::allocator::Allocator;
use super::view::View;
use crate::format::{Entry, GRANULE_BYTES, PAGE_BYTES, RunKind};

/// Live allocations of sizes above half of `up_to_bytes` and up to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClassStat {
    /// A power of two, in bytes.
    pub up_to_bytes: u64,
    /// How many.
    pub count: u64,
    /// Their usable bytes together.
    pub bytes: u64,
}

/// What is in the heap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllocStat {
    /// Bytes of the heap in the file.
    pub heap_bytes: u64,
    /// Usable bytes of all live allocations.
    pub live_bytes: u64,
    /// Live cells.
    pub cell_count: u64,
    /// Live runs of pages, direct extents not among them.
    pub run_count: u64,
    /// Direct extents.
    pub direct_count: u64,
    /// Zones of cells.
    pub zone_count: u64,
    /// Bytes in free runs.
    pub free_run_bytes: u64,
    /// Free runs.
    pub free_run_count: u64,
    /// Of these bytes, those whose disk space was given back.
    pub punched_bytes: u64,
    /// The largest free run.
    pub largest_free_bytes: u64,
    /// Free bytes within zones.
    pub free_cell_bytes: u64,
    /// Largest free range within a zone.
    pub largest_free_cell_bytes: u64,
    /// The heap's own: preamble, header, page map, bitmaps.
    pub own_bytes: u64,
    /// By size, smallest first; empty classes left out.
    pub classes: Vec<ClassStat>,
}

/// A run of pages and what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// Where it begins.
    pub offset: u64,
    /// Its length.
    pub bytes: u64,
    /// What it is; never `Inner`.
    pub kind: RunKind,
    /// A run: a direct extent.
    pub direct: bool,
    /// Its disk space, or some of it, was given back.
    pub punched: bool,
    /// Live allocations in it.
    pub live_count: u64,
    /// Their usable bytes.
    pub live_bytes: u64,
}

impl AllocStat {
    /// The part of the free bytes outside the largest free run: 0 is all in one piece.
    #[must_use]
    pub fn fragmentation(&self) -> f64 {
        let free = self.free_run_bytes + self.free_cell_bytes;
        if free == 0 { 0.0 } else { 1.0 - self.largest_free_bytes as f64 / free as f64 }
    }

    fn live(&mut self, bytes: u64) {
        self.live_bytes += bytes;
        let up_to_bytes = bytes.next_power_of_two();
        let at = self.classes.partition_point(|class| class.up_to_bytes < up_to_bytes);
        if self.classes.get(at).is_none_or(|class| class.up_to_bytes != up_to_bytes) {
            self.classes.insert(at, ClassStat { up_to_bytes, count: 0, bytes: 0 });
        }
        self.classes[at].count += 1;
        self.classes[at].bytes += bytes;
    }

    fn run(&mut self, view: &View, page: u64, entry: Entry, kind: RunKind) {
        let bytes = entry.pages() * PAGE_BYTES;
        match kind {
            RunKind::Free => {
                self.free_run_bytes += bytes;
                self.free_run_count += 1;
                self.punched_bytes += if entry.is_punched() { bytes } else { 0 };
                self.largest_free_bytes = self.largest_free_bytes.max(bytes);
            }
            RunKind::Run => {
                self.live(bytes);
                let count =
                    if entry.is_direct() { &mut self.direct_count } else { &mut self.run_count };
                *count += 1;
            }
            RunKind::Zone => {
                self.zone_count += 1;
                let (largest, free) = view.zone_room(entry.bitmap_page());
                self.free_cell_bytes += free * GRANULE_BYTES;
                let largest = largest * GRANULE_BYTES;
                self.largest_free_cell_bytes = self.largest_free_cell_bytes.max(largest);
                view.each_cell(page, entry.bitmap_page(), &mut |_, bytes| {
                    self.cell_count += 1;
                    self.live(bytes);
                });
            }
            RunKind::System | RunKind::Inner => self.own_bytes += bytes,
        }
    }
}

impl Allocator {
    /// Counts what is in the heap. Exact when nobody changes it meanwhile.
    #[must_use]
    pub fn stat(&self) -> AllocStat {
        let view = self.view();
        let mut stat =
            AllocStat { heap_bytes: view.page_count() * PAGE_BYTES, ..AllocStat::default() };
        view.each_run(&mut |page, entry, kind| stat.run(&view, page, entry, kind));
        stat
    }

    /// What lies where, in the order of offsets. Exact when nobody changes it meanwhile.
    #[must_use]
    pub fn regions(&self) -> Vec<Region> {
        let (view, mut all) = (self.view(), Vec::new());
        view.each_run(&mut |page, entry, kind| {
            let bytes = entry.pages() * PAGE_BYTES;
            let (mut live_count, mut live_bytes) = (0, 0);
            match kind {
                RunKind::Run => (live_count, live_bytes) = (1, bytes),
                RunKind::Zone => view.each_cell(page, entry.bitmap_page(), &mut |_, bytes| {
                    live_count += 1;
                    live_bytes += bytes;
                }),
                _ => {}
            }
            let (direct, punched) = (kind == RunKind::Run && entry.is_direct(), entry.is_punched());
            let offset = page * PAGE_BYTES;
            all.push(Region { offset, bytes, kind, direct, punched, live_count, live_bytes });
        });
        all
    }

    /// Calls for each live allocation: offset, usable bytes, and whether it is a cell (of a Zone)
    /// or a Run.
    pub fn each_live(&self, f: &mut dyn FnMut(u64, u64, RunKind)) {
        let view = self.view();
        view.each_run(&mut |page, entry, kind| match kind {
            RunKind::Run => f(page * PAGE_BYTES, entry.pages() * PAGE_BYTES, kind),
            RunKind::Zone => {
                view.each_cell(page, entry.bitmap_page(), &mut |at, bytes| f(at, bytes, kind));
            }
            _ => {}
        });
    }

    fn view(&self) -> View {
        // The header's page is mapped in any case; it says what else is.
        let bytes = self.words.load(super::words::PAGE_COUNT).saturating_mul(PAGE_BYTES);
        let bytes = bytes.min(self.words.limit_pages() * PAGE_BYTES);
        // SAFETY: `new` was promised that everything below the page count is mapped.
        unsafe { View::new(self.words.base(), bytes) }
    }
}
