//! A host in memory without the right to write to the board, or watched when it unlocks the door.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use fileheap_core::format::Bulletin;
use fileheap_core::os::ram::{RamDisk, RamHost};
use fileheap_core::os::{Board, File, Host, Lock, Mode, Placement, View, Wait};

/// What such a process is like.
pub struct Manners {
    pub writable: bool,
    /// Called right after the door was unlocked.
    pub left_door: Box<dyn Fn() + Send + Sync>,
}

pub struct DoorHost {
    host: RamHost,
    manners: Manners,
}

impl DoorHost {
    /// Without write permission.
    pub fn blind(disk: &RamDisk) -> Box<Self> {
        let manners = Manners { writable: false, left_door: Box::new(|| ()) };
        Box::new(Self { host: RamHost::open(disk).unwrap(), manners })
    }

    pub fn watched(disk: &RamDisk, left_door: impl Fn() + Send + Sync + 'static) -> Box<Self> {
        let manners = Manners { writable: true, left_door: Box::new(left_door) };
        Box::new(Self { host: RamHost::open(disk).unwrap(), manners })
    }
}

impl Host for DoorHost {
    fn data(&self) -> &Arc<dyn File> {
        self.host.data()
    }
    fn log(&self, which: usize, create: bool) -> io::Result<Option<Arc<dyn File>>> {
        self.host.log(which, create)
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
