//! What this process tells the others about the states it still needs, and what they need.

use std::io;
use std::sync::atomic::Ordering::{Acquire, Relaxed, SeqCst};

use crate::format::{AtomicU64, Bulletin, SLOT_COUNT, Slot};
use crate::os::{Board, Lock, Mode, Wait};
use crate::{Error, ErrorKind, Result};

/// Takes a slot for this process. The caller holds Door.
pub fn take_slot(board: &dyn Board) -> Result<u32> {
    let bulletin = board.bulletin();
    for index in 0..SLOT_COUNT as u32 {
        let got = board.lock(Lock::Slot(index), Mode::Exclusive, Wait::Try);
        if !got.map_err(|error| Error::os("cannot lock a reader slot", error))? {
            continue;
        }
        let slot = &bulletin.slots[index as usize];
        slot.snapshot.store(0, SeqCst);
        slot.keep.store(0, SeqCst);
        slot.pid.store(std::process::id(), Relaxed);
        bulletin.slot_high.fetch_max(index + 1, SeqCst);
        forget_dead_writer(bulletin, index);
        return Ok(index);
    }
    Err(Error::new(ErrorKind::Busy, format!("all {SLOT_COUNT} process slots are taken"))
        .advice("close the heap in some processes"))
}

/// Whether another process has a slot. The caller holds Door, so none takes one meanwhile.
pub fn anybody_has_slot(board: &dyn Board) -> Result<bool> {
    for index in 0..SLOT_COUNT as u32 {
        let held = board.held_elsewhere(Lock::Slot(index));
        if held.map_err(|error| Error::os("cannot look at the reader slots", error))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The process that had this slot died as the writer: its word must not name us.
fn forget_dead_writer(bulletin: &Bulletin, index: u32) {
    let mut word = bulletin.writer.load(Acquire);
    // Again if a waiter just marked it: our lock makes the dead owner look alive to it.
    while word & super::writer::OWNER == index + 1 {
        bulletin.log_unsettled.store(1, SeqCst);
        match bulletin.writer.compare_exchange(word, word & super::writer::TURN, SeqCst, Acquire) {
            Ok(_) => return,
            Err(now) => word = now,
        }
    }
}

/// Pins the newest state in `word` of our slot and returns it.
pub fn pin_newest(bulletin: &Bulletin, word: &AtomicU64) -> u64 {
    loop {
        let newest = bulletin.published_txn.load(SeqCst);
        word.store(newest + 1, SeqCst);
        if bulletin.floor_txn.load(SeqCst) <= newest {
            return newest;
        }
    }
}

/// Raises the floor to `candidate` and returns the lowest state, at most that, which a living
/// process still needs. `own` is our slot: within a process the gate decides.
pub fn limit(board: &dyn Board, own: u32, candidate: u64) -> io::Result<u64> {
    let bulletin = board.bulletin();
    if board.held_elsewhere(Lock::Blind)? {
        return Ok(0);
    }
    bulletin.floor_txn.fetch_max(candidate, SeqCst);
    let mut lowest = candidate;
    let high = (bulletin.slot_high.load(SeqCst) as usize).min(SLOT_COUNT);
    for (index, slot) in bulletin.slots[..high].iter().enumerate() {
        if index as u32 == own {
            continue;
        }
        let pin = lowest_pin(slot).unwrap_or(u64::MAX);
        if pin < lowest && board.held_elsewhere(Lock::Slot(index as u32))? {
            lowest = pin;
        }
    }
    Ok(lowest)
}

/// Living processes and their pins: process id, snapshot, keep.
pub fn list(board: &dyn Board, own: u32) -> io::Result<Vec<(u32, Option<u64>, Option<u64>)>> {
    let bulletin = board.bulletin();
    let high = (bulletin.slot_high.load(SeqCst) as usize).min(SLOT_COUNT);
    let mut seen = Vec::new();
    for (index, slot) in bulletin.slots[..high].iter().enumerate() {
        if index as u32 == own || board.held_elsewhere(Lock::Slot(index as u32))? {
            let pin = |word: &AtomicU64| word.load(SeqCst).checked_sub(1);
            seen.push((slot.pid.load(Relaxed), pin(&slot.snapshot), pin(&slot.keep)));
        }
    }
    Ok(seen)
}

/// The process that is writing, as its slot names it.
#[must_use]
pub fn writer_pid(bulletin: &Bulletin) -> Option<u32> {
    let owner = bulletin.writer.load(SeqCst) & super::writer::OWNER;
    let slot = bulletin.slots.get((owner as usize).checked_sub(1)?)?;
    Some(slot.pid.load(Relaxed))
}

fn lowest_pin(slot: &Slot) -> Option<u64> {
    let snapshot = slot.snapshot.load(SeqCst);
    let keep = slot.keep.load(SeqCst);
    [snapshot, keep].into_iter().filter(|&pin| pin != 0).min().map(|pin| pin - 1)
}
