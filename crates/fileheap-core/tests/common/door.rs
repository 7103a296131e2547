//! A host in memory without the right to write to the board, or watched when it unlocks the door
//! or opens a log, or slow between looking at a lock and what it does then.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use fileheap_core::format::Bulletin;
use fileheap_core::os::ram::{RamDisk, RamHost};
use fileheap_core::os::{Board, File, Host, Lock, Mode, Placement, View, Wait};

/// What such a process is like.
pub struct Manners {
    pub writable: bool,
    /// Called right after the door was unlocked.
    pub left_door: Box<dyn Fn() + Send + Sync>,
    /// While true it goes on as one that looked at Blind before anybody held it.
    pub looked_at_blind: Arc<AtomicBool>,
    /// Called right after a log was opened.
    pub opened_log: Box<dyn Fn() + Send + Sync>,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            writable: true,
            left_door: Box::new(|| ()),
            looked_at_blind: Arc::default(),
            opened_log: Box::new(|| ()),
        }
    }
}

pub struct DoorHost {
    host: RamHost,
    manners: Manners,
}

impl DoorHost {
    fn open(disk: &RamDisk, manners: Manners) -> Box<Self> {
        Box::new(Self { host: RamHost::open(disk).unwrap(), manners })
    }

    /// Without write permission.
    pub fn blind(disk: &RamDisk) -> Box<Self> {
        Self::open(disk, Manners { writable: false, ..Manners::default() })
    }

    pub fn watched(disk: &RamDisk, left_door: impl Fn() + Send + Sync + 'static) -> Box<Self> {
        Self::open(disk, Manners { left_door: Box::new(left_door), ..Manners::default() })
    }

    pub fn following(disk: &RamDisk, opened_log: impl Fn() + Send + Sync + 'static) -> Box<Self> {
        Self::open(disk, Manners { opened_log: Box::new(opened_log), ..Manners::default() })
    }

    pub fn slow(disk: &RamDisk, looked_at_blind: &Arc<AtomicBool>) -> Box<Self> {
        let looked_at_blind = looked_at_blind.clone();
        Self::open(disk, Manners { looked_at_blind, ..Manners::default() })
    }
}

impl Host for DoorHost {
    fn data(&self) -> &Arc<dyn File> {
        self.host.data()
    }
    fn log(&self, which: usize, create: bool) -> io::Result<Option<Arc<dyn File>>> {
        let log = self.host.log(which, create);
        (self.manners.opened_log)();
        log
    }
    fn set_log_aside(&self, which: usize) -> io::Result<()> {
        self.host.set_log_aside(which)
    }
    fn remove_log(&self, which: usize) -> io::Result<()> {
        self.host.remove_log(which)
    }
    fn sync_folder(&self) -> io::Result<()> {
        self.host.sync_folder()
    }
    fn map(&self, placement: &Placement) -> io::Result<Box<dyn View>> {
        self.host.map(placement)
    }
    fn board(&self) -> &dyn Board {
        self
    }
    fn path(&self) -> &PathBuf {
        self.host.path()
    }
}

impl Board for DoorHost {
    fn bulletin(&self) -> &Bulletin {
        self.host.board().bulletin()
    }
    fn lock(&self, lock: Lock, mode: Mode, wait: Wait) -> io::Result<bool> {
        assert!(self.manners.writable || mode == Mode::Shared, "it has no right to do that");
        self.host.board().lock(lock, mode, wait)
    }
    fn unlock(&self, lock: Lock) -> io::Result<()> {
        self.host.board().unlock(lock)?;
        if lock == Lock::Door {
            (self.manners.left_door)();
        }
        Ok(())
    }
    fn held_elsewhere(&self, lock: Lock) -> io::Result<bool> {
        if lock == Lock::Blind && self.manners.looked_at_blind.load(SeqCst) {
            return Ok(false);
        }
        self.host.board().held_elsewhere(lock)
    }
    fn sleep(&self, word: &AtomicU32, seen: u32, limit: Duration) {
        self.host.board().sleep(word, seen, limit);
    }
    fn wake(&self, word: &AtomicU32) {
        self.host.board().wake(word);
    }
    fn is_mine(&self) -> bool {
        self.host.board().is_mine()
    }
    fn is_writable(&self) -> bool {
        self.manners.writable
    }
}
