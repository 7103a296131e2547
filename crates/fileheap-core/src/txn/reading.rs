//! Reading: pinning a state, keeping space, and what a forked child may go on with.

use std::sync::PoisonError;
use std::sync::atomic::{
    AtomicU32,
    Ordering::{Relaxed, SeqCst},
};

use super::engine::Engine;
use super::pins;
use crate::os::Wait;
use crate::{Error, ErrorKind, Result};

impl Engine {
    /// Enters as a reader: pins the newest state, or joins the one other threads are reading.
    pub fn begin_read(&self, wait: Wait) -> Result<u64> {
        if !self.host.board().is_mine() {
            return self.read_as_child();
        }
        self.gate.enter_read(wait).map_err(|error| error.at(self.host.path()))?;
        let done = self.read_entered();
        if done.is_err() {
            self.end_read();
        }
        done
    }

    fn read_entered(&self) -> Result<u64> {
        let mut book = self.book();
        let _changing = Changing::begin(&self.changing);
        let Some(slot) = self.slot else {
            // A reader without write permission.
            if self.gate.reader_count() == 1 {
                self.catch_up(&mut book, None)?;
            }
            return Ok(self.seen());
        };
        let word = &self.bulletin().slots[slot as usize].snapshot;
        if word.load(Relaxed) != 0 {
            return Ok(self.seen());
        }
        let target = pins::pin_newest(self.bulletin(), word);
        if let Err(error) = self.catch_up(&mut book, Some(target)) {
            word.store(0, SeqCst);
            return Err(error);
        }
        Ok(target)
    }

    /// A forked child goes on with the state it was born with, and asks for no lock: it has no
    /// thread that would give it back.
    fn read_as_child(&self) -> Result<u64> {
        let seen = self.seen();
        let text = match self.changing.load(SeqCst) {
            0 if seen != u64::MAX => return Ok(seen),
            0 => "the parent of this forked child had not read the heap yet",
            _ => "a thread of the parent was changing the heap when this child was forked",
        };
        Err(Error::new(ErrorKind::ForkedChild, text)
            .at(self.host.path())
            .advice("open the heap in the child"))
    }

    /// Leaves as a reader; the last one lets the pin go.
    pub fn end_read(&self) {
        if !self.host.board().is_mine() {
            return;
        }
        self.gate.leave_read(|| {
            if let Some(slot) = self.slot {
                self.bulletin().slots[slot as usize].snapshot.store(0, SeqCst);
            }
        });
    }

    /// Keeps what is allocated now from being reused by other processes until `unkeep`.
    pub fn keep(&self) {
        let mut keepers = self.keepers.lock().unwrap_or_else(PoisonError::into_inner);
        *keepers += 1;
        if let Some(slot) = self.slot.filter(|_| *keepers == 1 && self.host.board().is_mine()) {
            let slot = &self.bulletin().slots[slot as usize];
            match slot.snapshot.load(SeqCst) {
                0 => drop(pins::pin_newest(self.bulletin(), &slot.keep)),
                // What this process reads is pinned already; what it keeps is just that.
                snapshot => slot.keep.store(snapshot, SeqCst),
            }
        }
    }

    /// Ends one `keep`.
    pub fn unkeep(&self) {
        let mut keepers = self.keepers.lock().unwrap_or_else(PoisonError::into_inner);
        *keepers -= 1;
        if let Some(slot) = self.slot.filter(|_| *keepers == 0 && self.host.board().is_mine()) {
            self.bulletin().slots[slot as usize].keep.store(0, SeqCst);
        }
    }
}

/// While it lives the mapping is being changed.
struct Changing<'c>(&'c AtomicU32);

impl<'c> Changing<'c> {
    fn begin(count: &'c AtomicU32) -> Self {
        count.fetch_add(1, SeqCst);
        Self(count)
    }
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}
