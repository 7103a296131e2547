//! The longer paths of cells: refill and spill, claiming zones, what other threads freed.

use std::mem::take;
use std::sync::atomic::Ordering::Relaxed;

use super::Ground;
use super::allocator::{
    Allocator, Freed, Mapped, check_request, granules, is_run, live_cell, started_cell,
};
use super::lane::{BATCH, CLASSES, Door, Lane, OUTBOXES, Own, REFILL, place};
use super::runs::Runs;
use super::threads::lock;
use super::words::{bad_pointer, corrupt};
use super::zone::Zone;
use crate::format::{GRANULE_BYTES, PAGE_BYTES, ZONE_PAGES};
use crate::{Error, ErrorKind, Result};

/// Zones of unknown content that one search for room looks into before it takes a new one.
const EXAMINE: usize = 8;
const EXPLORE_STEP: u64 = 64;

impl Allocator {
    /// Allocates what is not at hand.
    #[cold]
    #[inline(never)]
    pub fn alloc_slow(&self, g: &impl Ground, bytes: u64, align: u64) -> Result<u64> {
        check_request(bytes, align)?;
        if is_run(bytes, align) {
            return self.alloc_run(g, bytes, align, Mapped::Private).map(|run| run.offset);
        }
        let lane = self.lane();
        // SAFETY: the lane is this thread's; nothing below reaches it but through `own`.
        let own = unsafe { &mut *(*lane).own.get() };
        self.drain(g, lane, own);
        let len = granules(bytes);
        let align = align.div_ceil(GRANULE_BYTES) as usize;
        if len > CLASSES || align > 1 {
            let mut cell = 0;
            while own.cut(g, &self.words, (len, align), 1, |at| cell = at) == 0 {
                self.provide(g, lane, own, len + align - 1)?;
            }
            self.mark_live(g, cell);
            return Ok(cell);
        }
        loop {
            if let Some(cell) = own.stacks[len - 1].pop() {
                self.mark_live(g, cell);
                return Ok(cell);
            }
            if self.refill(g, own, len) == 0 {
                self.provide(g, lane, own, len)?;
            }
        }
    }

    fn refill(&self, g: &impl Ground, own: &mut Own, len: usize) -> usize {
        let most = (own.stacks[len - 1].room() / 2).clamp(1, REFILL);
        let mut cells = [0; REFILL];
        let mut count = 0;
        own.cut(g, &self.words, (len, 1), most, |cell| {
            cells[count] = cell;
            count += 1;
        });
        // Lowest on top, so that neighbours are handed out in order.
        for &cell in cells[..count].iter().rev() {
            own.stacks[len - 1].push(cell);
        }
        count
    }

    /// Gets this lane a zone with a free range of `len` granules.
    #[cold]
    fn provide(&self, g: &impl Ground, lane: *mut Lane, own: &mut Own, len: usize) -> Result<()> {
        for _ in 0..EXAMINE {
            let mut runs = lock(&self.runs);
            if runs.zones.is_empty() {
                runs.explore(g, EXPLORE_STEP)?;
            }
            let Some(number) = runs.zones.pop() else { break };
            if self.claim(&mut runs, lane, own, number)? >= len {
                return Ok(());
            }
        }
        if self.absorb(g, lane, own) && own.tree.find(len as u16).is_some() {
            return Ok(());
        }
        if self.fill(g, own, len)? {
            return Ok(());
        }
        let mut runs = lock(&self.runs);
        let (number, bitmap) = runs.take_zone(g)?;
        own.adopt(&self.table, lane, Zone::new(&self.words, number, bitmap * PAGE_BYTES, false));
        Ok(())
    }

    /// Reserves disk space for a zone of ours that has holes, and room if these are filled.
    /// Returns whether there is one and the disk has space.
    fn fill(&self, g: &impl Ground, own: &mut Own, len: usize) -> Result<bool> {
        let mut tries = EXAMINE;
        for at in (0..own.holed.len()).rev() {
            let position = own.holed[at];
            let Some(zone) = own.zones[position].as_deref_mut() else { continue };
            if zone.largest_filled() < len {
                continue;
            }
            let page = zone.number * ZONE_PAGES;
            match g.reserve(page..page + ZONE_PAGES) {
                Err(error) if error.kind() == ErrorKind::DiskFull && tries > 0 => tries -= 1,
                Err(error) if error.kind() == ErrorKind::DiskFull => return Ok(false),
                Err(error) => return Err(error),
                Ok(()) => {
                    lock(&self.runs).set_holed(g, zone.number, false)?;
                    zone.holes = false;
                    let largest = zone.largest();
                    own.tree.set(position, largest as u16);
                    own.holed.swap_remove(at);
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Makes a zone on file this lane's, if it is one and nobody's; returns its largest free range.
    fn claim(&self, runs: &mut Runs, lane: *mut Lane, own: &mut Own, number: u64) -> Result<usize> {
        if self.table.is_owned(number) {
            return Ok(0);
        }
        let Some((bitmap, holes)) = runs.zone_bitmap(number)? else { return Ok(0) };
        let page = bitmap * PAGE_BYTES;
        if !Runs::valid_zone(self.words.bitmaps(page)) {
            return Err(corrupt("the bitmaps of a zone contradict each other", page, number));
        }
        let zone = Zone::new(&self.words, number, page, holes);
        let largest = zone.largest();
        own.adopt(&self.table, lane, zone);
        Ok(largest)
    }

    /// Frees what is not kept at hand.
    #[cold]
    #[inline(never)]
    pub fn free_slow(&self, g: &impl Ground, offset: u64) -> Result<Freed> {
        let Some(slot) = self.table.slot(offset) else {
            return Err(bad_pointer(offset, "an offset beyond the heap"));
        };
        let lane = self.lane();
        // SAFETY: the lane is this thread's; nothing below reaches it but through `own`.
        let own = unsafe { &mut *(*lane).own.get() };
        if slot.owner().is_null() {
            let mut runs = lock(&self.runs);
            if let Some(entry) = runs.run_at(offset)? {
                let (pages, direct) = (entry.pages(), entry.is_direct());
                runs.give_used(g, offset / PAGE_BYTES, pages, false)?;
                return Ok(Freed { bytes: pages * PAGE_BYTES, run: true, direct });
            }
            self.claim(&mut runs, lane, own, place(offset).0)?;
        }
        let owner = slot.owner();
        if owner == lane {
            return self.free_own(g, own, offset);
        }
        // Whether it is live the owner finds: the words that say so are the ones it stores to most.
        let len = started_cell(&self.words.bitmaps(slot.bitmaps.load(Relaxed))[0], offset)?;
        self.send(own, owner, offset);
        Ok(Freed::cell(len))
    }

    /// Frees a cell of a zone of `own`.
    pub(super) fn free_own(&self, g: &impl Ground, own: &mut Own, offset: u64) -> Result<Freed> {
        let Some((_, zone)) = own.zone(&self.table, offset) else {
            return Err(bad_pointer(offset, "a page that belongs to nothing"));
        };
        let len = live_cell(self.words.bitmaps(zone.bitmap_page() * PAGE_BYTES), offset)?;
        zone.mark_free(g, &self.words, place(offset).1);
        if len > CLASSES {
            self.release(g, own, &[offset])?;
        } else if !own.stacks[len - 1].push(offset) {
            let older = own.stacks[len - 1].older_half();
            own.stacks[len - 1].push(offset);
            self.release(g, own, &older)?;
        }
        Ok(Freed::cell(len))
    }

    /// Lets go of cells, and of zones in which nothing else is.
    fn release(&self, g: &impl Ground, own: &mut Own, cells: &[u64]) -> Result<()> {
        for cells in cells.chunk_by(|one, other| place(*one).0 == place(*other).0) {
            if let Some(position) = own.release(&self.table, &self.words, cells) {
                self.give_zone(g, own, position)?;
            }
        }
        Ok(())
    }

    fn give_zone(&self, g: &impl Ground, own: &mut Own, position: usize) -> Result<()> {
        let mut runs = lock(&self.runs);
        let Some(zone) = own.abandon(position) else { return Ok(()) };
        if let Some(slot) = self.table.of(zone.number) {
            slot.remove();
        }
        runs.give_zone(g, zone.number, zone.bitmap_page())
    }

    pub(super) fn resize_cell(&self, g: &impl Ground, offset: u64, len: usize) -> Result<bool> {
        let lane = self.lane();
        // SAFETY: the lane is this thread's; nothing below reaches it but through `own`.
        let own = unsafe { &mut *(*lane).own.get() };
        let (number, at) = place(offset);
        let Some(slot) = self.table.slot(offset) else { return Ok(false) };
        if slot.owner().is_null() {
            self.claim(&mut lock(&self.runs), lane, own, number)?;
        }
        if slot.owner() != lane {
            return Ok(false);
        }
        let Some((position, zone)) = own.zone(&self.table, offset) else { return Ok(false) };
        let done = zone.resize(g, &self.words, at, len);
        let largest = zone.largest();
        own.tree.set(position, largest as u16);
        Ok(done)
    }

    /// Puts a cell on its way to the lane that owns its zone.
    fn send(&self, own: &mut Own, owner: *mut Lane, cell: u64) {
        // By its address alone: the lane itself is in another processor's cache.
        let outbox = &mut own.outboxes[owner.addr() / size_of::<Lane>() % OUTBOXES];
        if outbox.to != owner {
            deliver(outbox.to, &mut outbox.cells);
            outbox.to = owner;
        }
        outbox.cells.push(cell);
        if outbox.cells.len() >= BATCH {
            deliver(owner, &mut outbox.cells);
        }
    }

    /// Frees one batch of what other threads have sent to this lane: no more, so that what comes
    /// is used up as it comes, and does not run over.
    #[inline]
    fn drain(&self, g: &impl Ground, lane: *mut Lane, own: &mut Own) {
        // SAFETY: lanes live as long as the heap; these fields are shared.
        let Door { inbox, waiting } = unsafe { &(*lane).door };
        if waiting.load(Relaxed) != 0 {
            let mut inbox = lock(inbox);
            let batch = inbox.pop().unwrap_or_default();
            waiting.store(inbox.len(), Relaxed);
            drop(inbox);
            self.free_all(g, lane, own, &batch);
        }
    }

    fn free_all(&self, g: &impl Ground, lane: *mut Lane, own: &mut Own, cells: &[u64]) {
        for &cell in cells {
            let Some(slot) = self.table.slot(cell) else { continue };
            let owner = slot.owner();
            if owner == lane {
                if self.keep(g, own, slot, cell).is_none() {
                    self.note(self.free_own(g, own, cell).map(drop));
                }
            } else if owner.is_null() {
                self.note(Err(bad_pointer(cell, "a cell that was freed before")));
            } else {
                self.send(own, owner, cell);
            }
        }
    }

    /// Remembers the first error until settle.
    pub(super) fn note(&self, outcome: Result<()>) {
        if let Err(error) = outcome {
            lock(&self.fault).get_or_insert(error);
        }
    }

    /// Takes over all zones of lanes whose threads have ended; returns whether there were any.
    fn absorb(&self, g: &impl Ground, lane: *mut Lane, own: &mut Own) -> bool {
        let mut any = false;
        for idle in self.lanes.take_all_idle() {
            // SAFETY: its thread has ended and we took it out of the list: it is ours alone.
            let (other, index) = unsafe { (&mut *(*idle).own.get(), (*idle).index) };
            let cells = self.empty(g, idle, other);
            for position in 0..other.zones.len() {
                let Some(zone) = other.abandon(position) else { continue };
                own.adopt(&self.table, lane, zone);
                any = true;
            }
            self.lanes.give_idle(index);
            self.free_all(g, lane, own, &cells);
        }
        any
    }

    /// Lets go of all cells that a lane keeps at hand; returns those on their way to or from it.
    pub(super) fn empty(&self, g: &impl Ground, lane: *mut Lane, own: &mut Own) -> Vec<u64> {
        for len in 1..=CLASSES {
            while let Some(cell) = own.stacks[len - 1].pop() {
                self.note(self.release(g, own, &[cell]));
            }
        }
        let mut cells = receive(lane);
        for outbox in &mut own.outboxes {
            cells.append(&mut outbox.cells);
        }
        cells
    }

    /// Gives all wholly free zones of a lane back.
    pub(super) fn give_zones(&self, g: &impl Ground, own: &mut Own) -> Result<()> {
        for position in 0..own.zones.len() {
            if own.zones[position].as_deref().is_some_and(Zone::is_free) {
                self.give_zone(g, own, position)?;
            }
        }
        Ok(())
    }
}

fn deliver(to: *mut Lane, cells: &mut Vec<u64>) {
    if cells.is_empty() {
        return;
    }
    // SAFETY: lanes live as long as the heap; these fields are shared.
    let to = unsafe { &(*to).door };
    let mut inbox = lock(&to.inbox);
    inbox.push(std::mem::replace(cells, Vec::with_capacity(BATCH)));
    to.waiting.store(inbox.len(), Relaxed);
}

/// Takes what was sent to a lane.
pub(super) fn receive(lane: *mut Lane) -> Vec<u64> {
    // SAFETY: lanes live as long as the heap; these fields are shared.
    let door = unsafe { &(*lane).door };
    let mut inbox = lock(&door.inbox);
    door.waiting.store(0, Relaxed);
    take(&mut *inbox).concat()
}

/// The error of a free that somebody else did, if there was one.
pub(super) fn outcome(fault: Option<Error>) -> Result<()> {
    fault.map_or(Ok(()), Err)
}
