//! Locks and bulletin of the simulated machine.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::disk::RamDisk;
use crate::format::Bulletin;
use crate::os::{Board, Lock, Mode, Wait};

const BULLETIN: Layout = Layout::new::<Bulletin>();

#[derive(Debug, Default)]
struct Held {
    exclusive: Option<u32>,
    shared: BTreeSet<u32>,
}

impl Held {
    fn elsewhere(&self, process: u32) -> bool {
        self.exclusive.is_some_and(|owner| owner != process)
            || self.shared.iter().any(|&owner| owner != process)
    }

    fn take(&mut self, process: u32, mode: Mode) -> bool {
        let free = match mode {
            Mode::Exclusive => !self.elsewhere(process),
            Mode::Shared => self.exclusive.is_none_or(|owner| owner == process),
        };
        if free {
            self.release(process);
            match mode {
                Mode::Exclusive => self.exclusive = Some(process),
                Mode::Shared => drop(self.shared.insert(process)),
            }
        }
        free
    }

    fn release(&mut self, process: u32) {
        self.shared.remove(&process);
        self.exclusive = self.exclusive.filter(|&owner| owner != process);
    }
}

/// What the processes of a machine share beside files.
pub(super) struct Shared {
    bulletin: NonNull<Bulletin>,
    locks: Mutex<HashMap<u64, Held>>,
    freed: Condvar,
    sleepers: Mutex<()>,
    woken: Condvar,
}

// SAFETY: the bulletin consists of atomics, and is freed with the last owner only.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    pub(super) fn new() -> Self {
        // SAFETY: the layout is not empty.
        let bulletin = NonNull::new(unsafe { alloc_zeroed(BULLETIN) }.cast::<Bulletin>());
        let bulletin = bulletin.unwrap_or_else(|| handle_alloc_error(BULLETIN));
        let (locks, freed) = (Mutex::default(), Condvar::new());
        Self { bulletin, locks, freed, sleepers: Mutex::new(()), woken: Condvar::new() }
    }

    fn locks(&self) -> MutexGuard<'_, HashMap<u64, Held>> {
        self.locks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn release(&self, process: u32) {
        self.locks().values_mut().for_each(|held| held.release(process));
        self.freed.notify_all();
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout, and nobody is left to use it.
        unsafe { dealloc(self.bulletin.as_ptr().cast(), BULLETIN) };
    }
}

/// The board as one simulated process sees it.
pub struct RamBoard {
    disk: RamDisk,
    process: u32,
}

impl RamBoard {
    pub(super) fn new(disk: RamDisk, process: u32) -> Self {
        Self { disk, process }
    }

    fn alive(&self) -> io::Result<()> {
        if self.disk.is_dead(self.process) {
            return Err(io::Error::new(io::ErrorKind::BrokenPipe, "this process was killed"));
        }
        Ok(())
    }
}

fn key(lock: Lock) -> u64 {
    match lock {
        Lock::Door => 0,
        Lock::Presence => 1,
        Lock::Blind => 2,
        Lock::Slot(index) => 16 + u64::from(index),
    }
}

impl Board for RamBoard {
    fn bulletin(&self) -> &Bulletin {
        // SAFETY: allocated zeroed, which is a value of it; lives as long as the disk does.
        unsafe { self.disk.shared.bulletin.as_ref() }
    }

    fn lock(&self, lock: Lock, mode: Mode, wait: Wait) -> io::Result<bool> {
        /// A bound for each sleep, so that a killed process notices.
        const PATIENCE: Duration = Duration::from_millis(20);
        loop {
            self.alive()?;
            let mut locks = self.disk.shared.locks();
            if locks.entry(key(lock)).or_default().take(self.process, mode) {
                drop(locks);
                // A lock made weaker may let others in.
                self.disk.shared.freed.notify_all();
                return Ok(true);
            }
            let left = match wait {
                Wait::Try => return Ok(false),
                Wait::Forever => PATIENCE,
                Wait::Until(deadline) => deadline.saturating_duration_since(Instant::now()),
            };
            if left.is_zero() {
                return Ok(false);
            }
            drop(self.disk.shared.freed.wait_timeout(locks, left.min(PATIENCE)));
        }
    }

    fn unlock(&self, lock: Lock) -> io::Result<()> {
        self.alive()?;
        self.disk.shared.locks().entry(key(lock)).or_default().release(self.process);
        self.disk.shared.freed.notify_all();
        Ok(())
    }

    fn held_elsewhere(&self, lock: Lock) -> io::Result<bool> {
        let locks = self.disk.shared.locks();
        Ok(locks.get(&key(lock)).is_some_and(|held| held.elsewhere(self.process)))
    }

    fn sleep(&self, word: &AtomicU32, seen: u32, limit: Duration) {
        let sleepers = &self.disk.shared.sleepers;
        let guard = sleepers.lock().unwrap_or_else(PoisonError::into_inner);
        if word.load(Ordering::Acquire) == seen {
            drop(self.disk.shared.woken.wait_timeout(guard, limit));
        }
    }

    fn wake(&self, _word: &AtomicU32) {
        let sleepers = &self.disk.shared.sleepers;
        // The lock keeps a sleeper from missing us between its look at the word and its sleep.
        drop(sleepers.lock().unwrap_or_else(PoisonError::into_inner));
        self.disk.shared.woken.notify_all();
    }

    /// A killed process owns nothing: what it drops must not touch what the living share.
    fn is_mine(&self) -> bool {
        !self.disk.is_dead(self.process)
    }

    fn is_writable(&self) -> bool {
        true
    }
}
