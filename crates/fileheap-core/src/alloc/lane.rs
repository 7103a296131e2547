//! A lane: what one thread owns of the heap, so that it allocates and frees without locks.

use std::cell::UnsafeCell;
use std::hint::black_box;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::Ground;
use super::table::ZoneTable;
use super::tree::MaxTree;
use super::words::Words;
use super::zone::Zone;
use crate::format::{GRANULE_BYTES, PAGE_BYTES, ZONE_BYTES, ZONE_GRANULES};

/// Sizes up to so many granules are kept at hand.
pub(super) const CLASSES: usize = 64;
/// Cells of one size kept at hand: no more than this, and no more bytes than that.
const KEEP_CELLS: usize = 128;
const KEEP_BYTES: usize = 32 * 1024;
/// The same for sizes up to so many granules: programs take and drop these by the hundreds.
const SMALL: usize = 8;
const KEEP_SMALL: usize = 1024;
/// Cells cut for a stack at once.
pub(super) const REFILL: usize = 32;
/// Buffers for cells of other lanes.
pub(super) const OUTBOXES: usize = 8;
/// Cells that are handed over at once.
pub(super) const BATCH: usize = 128;

/// What a thread has for itself, and a door for the others, well apart in the caches.
#[repr(C)]
pub(super) struct Lane {
    /// Touched by the lane's thread only, or by whoever has the heap to himself.
    pub(super) own: UnsafeCell<Own>,
    pub(super) door: Door,
    pub(super) index: usize,
}

/// Where other threads leave what they freed.
#[repr(align(128))]
#[derive(Default)]
pub(super) struct Door {
    /// Cells of our zones, batch by batch.
    pub(super) inbox: Mutex<Vec<Vec<u64>>>,
    /// Batches in the inbox.
    pub(super) waiting: AtomicUsize,
}

// SAFETY: `own` is only reached by the one thread that holds the lane; all else is synchronised.
unsafe impl Send for Lane {}
// SAFETY: as above.
unsafe impl Sync for Lane {}

impl Lane {
    pub(super) fn new(index: usize) -> Self {
        Self { own: UnsafeCell::new(Own::new()), door: Door::default(), index }
    }
}

/// Free cells of one size, last in first out.
pub(super) struct Stack {
    count: usize,
    cells: Box<[u64]>,
}

impl Stack {
    fn new(granules: usize) -> Self {
        let bytes = granules * GRANULE_BYTES as usize;
        let few = (KEEP_BYTES / bytes).min(KEEP_CELLS);
        let room = if granules <= SMALL { KEEP_SMALL } else { few };
        Self { count: 0, cells: vec![0; room].into() }
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Option<u64> {
        let count = self.count.wrapping_sub(1);
        let cell = *self.cells.get(count)?;
        self.count = count;
        Some(cell)
    }

    /// Returns whether there was room.
    #[inline]
    pub(super) fn push(&mut self, cell: u64) -> bool {
        let Some(place) = self.cells.get_mut(self.count) else { return false };
        *place = cell;
        self.count += 1;
        true
    }

    pub(super) fn room(&self) -> usize {
        self.cells.len()
    }

    /// Takes the older half out, or everything if there is but one.
    pub(super) fn older_half(&mut self) -> Vec<u64> {
        let half = self.count.div_ceil(2);
        let cells = self.cells[..half].to_vec();
        self.cells.copy_within(half..self.count, 0);
        self.count -= half;
        cells
    }
}

/// Cells on their way to another lane.
pub(super) struct Outbox {
    pub(super) to: *mut Lane,
    pub(super) cells: Vec<u64>,
}

/// The part of a lane that only its thread touches.
pub(super) struct Own {
    /// The first is for cells of one granule.
    pub(super) stacks: [Stack; CLASSES],
    /// Upper bounds of the largest free range of each zone.
    pub(super) tree: MaxTree,
    /// The zone at each position.
    pub(super) zones: Vec<Option<Box<Zone>>>,
    vacant: Vec<usize>,
    /// Positions of zones with holes.
    pub(super) holed: Vec<usize>,
    /// The one wholly free zone that we keep.
    pub(super) spare: Option<usize>,
    pub(super) outboxes: [Outbox; OUTBOXES],
    /// The cell handed out last, and its class.
    pub(super) recent: (u64, usize),
}

/// The number of a zone and the granule within it that an offset names.
#[inline]
pub(super) fn place(offset: u64) -> (u64, usize) {
    (offset / ZONE_BYTES, (offset / GRANULE_BYTES % ZONE_GRANULES) as usize)
}

impl Own {
    fn new() -> Self {
        Self {
            stacks: std::array::from_fn(|class| Stack::new(class + 1)),
            tree: MaxTree::default(),
            zones: Vec::new(),
            vacant: Vec::new(),
            holed: Vec::new(),
            spare: None,
            recent: (0, 0),
            outboxes: std::array::from_fn(|_| Outbox {
                to: std::ptr::null_mut(),
                cells: Vec::new(),
            }),
        }
    }

    /// The class of a cell, which `find` finds. A processor that sees a cell freed just after it
    /// was handed out takes the class of then and goes on, without waiting for what `find` reads.
    #[inline(always)]
    pub(super) fn class(&self, cell: u64, find: impl FnOnce() -> usize) -> usize {
        // First: of two equal values the compiler uses the older.
        let (recent, class) = self.recent;
        let found = find();
        if cell != recent {
            return found;
        }
        if found == class { class } else { black_box(found) }
    }

    /// Forgets all zones and cells.
    pub(super) fn reset(&mut self) {
        self.stacks.iter_mut().for_each(|stack| stack.count = 0);
        self.tree.clear();
        self.zones.clear();
        self.vacant.clear();
        self.holed.clear();
        self.spare = None;
        self.outboxes.iter_mut().for_each(|outbox| outbox.cells.clear());
    }

    /// Adds a zone that is `lane`'s now; `own` is the lane's own part.
    pub(super) fn adopt(&mut self, table: &ZoneTable, lane: *mut Lane, zone: Box<Zone>) {
        let position = self.vacant.pop().unwrap_or(self.zones.len());
        if position == self.zones.len() {
            self.zones.push(None);
        }
        self.tree.set(position, zone.largest() as u16);
        if let Some(slot) = table.of(zone.number) {
            slot.install(zone.bitmap_page() * PAGE_BYTES, position, lane);
        }
        if zone.holes {
            self.holed.push(position);
        }
        self.zones[position] = Some(zone);
    }

    /// Removes the zone at a position.
    pub(super) fn abandon(&mut self, position: usize) -> Option<Box<Zone>> {
        let zone = self.zones.get_mut(position)?.take()?;
        self.tree.set(position, 0);
        self.vacant.push(position);
        if zone.holes {
            self.holed.retain(|holed| *holed != position);
        }
        if self.spare == Some(position) {
            self.spare = None;
        }
        Some(zone)
    }

    /// The zone around an offset, which is of this lane, and its position.
    pub(super) fn zone(&mut self, table: &ZoneTable, offset: u64) -> Option<(usize, &mut Zone)> {
        let position = table.slot(offset)?.position.load(Relaxed);
        let zone = self.zones.get_mut(position)?.as_deref_mut()?;
        (zone.number == place(offset).0).then_some((position, zone))
    }

    /// Cuts cells out of the first zone with room; see `Zone::cut`.
    pub(super) fn cut(
        &mut self,
        g: &impl Ground,
        words: &Words,
        (len, align): (usize, usize),
        most: usize,
        mut out: impl FnMut(u64),
    ) -> usize {
        while let Some(position) = self.tree.find((len + align - 1) as u16) {
            let Some(zone) = self.zones.get_mut(position).and_then(Option::as_deref_mut) else {
                self.tree.set(position, 0);
                continue;
            };
            let cells = zone.cut(g, words, (len, align), most, &mut out);
            self.tree.set(position, zone.largest() as u16);
            if cells > 0 {
                if self.spare == Some(position) {
                    self.spare = None;
                }
                return cells;
            }
        }
        0
    }

    /// Lets go of busy cells that are not live, all of one zone. Returns the position of the zone
    /// if that is wholly free now and not needed as spare.
    pub(super) fn release(
        &mut self,
        table: &ZoneTable,
        words: &Words,
        cells: &[u64],
    ) -> Option<usize> {
        let (position, zone) = self.zone(table, *cells.first()?)?;
        let mut free = 0;
        for &cell in cells {
            free = zone.release(words, place(cell).1);
        }
        let (largest, holes) = (zone.largest(), zone.holes);
        self.tree.set(position, largest as u16);
        if free < ZONE_GRANULES as usize || self.spare == Some(position) {
            return None;
        }
        if self.spare.is_none() && !holes {
            self.spare = Some(position);
            return None;
        }
        Some(position)
    }
}
