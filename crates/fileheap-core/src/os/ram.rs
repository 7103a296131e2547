//! A heap in plain memory, without a system call: for tests, Miri and crash simulation.
//!
//! A [`RamDisk`] is the machine: it holds the files and what processes share. Every [`RamHost`]
//! made from it counts as a process of its own.

mod block;
mod board;
mod disk;
mod view;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

pub use board::RamBoard;
pub use disk::{Event, EventKind, FILE_COUNT, Images, Observer, RamDisk, RamFile};
pub use view::RamView;

use super::{Board, File, Host, Placement, View};
use crate::{Error, ErrorKind, Result};

/// The index of the heap file; logs follow it.
pub const DATA: usize = 0;

/// One simulated process with the heap of a [`RamDisk`] open.
pub struct RamHost {
    disk: RamDisk,
    process: u32,
    data: Arc<dyn File>,
    board: RamBoard,
    path: PathBuf,
}

impl RamHost {
    /// Makes a new heap file of `initial_bytes` zeros.
    pub fn create(disk: &RamDisk, initial_bytes: u64) -> Result<Self> {
        let host = Self::new(disk);
        let made = disk.create_file(host.process, DATA);
        let made = made.and_then(|()| host.data.reserve(0..initial_bytes));
        made.map_err(|error| Error::os("cannot create the heap file", error).at(&host.path))?;
        Ok(host)
    }

    /// Opens the existing heap file.
    pub fn open(disk: &RamDisk) -> Result<Self> {
        let host = Self::new(disk);
        if disk.has_file(DATA) {
            return Ok(host);
        }
        Err(Error::new(ErrorKind::NotFound, "the disk holds no heap file").at(&host.path))
    }

    fn new(disk: &RamDisk) -> Self {
        let process = disk.new_process();
        let data = Arc::new(RamFile::new(disk.clone(), process, DATA));
        let board = RamBoard::new(disk.clone(), process);
        Self { disk: disk.clone(), process, data, board, path: PathBuf::from("ram-heap") }
    }

    /// The number of this simulated process.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.process
    }

    fn log_index(which: usize) -> usize {
        DATA + 1 + which
    }
}

impl Drop for RamHost {
    fn drop(&mut self) {
        self.disk.release_locks(self.process);
    }
}

impl Host for RamHost {
    fn data(&self) -> &Arc<dyn File> {
        &self.data
    }

    fn log(&self, which: usize, create: bool) -> io::Result<Option<Arc<dyn File>>> {
        let index = Self::log_index(which);
        if !self.disk.has_file(index) {
            if !create {
                return Ok(None);
            }
            self.disk.create_file(self.process, index)?;
        }
        let log = RamFile::new(self.disk.clone(), self.process, index);
        // P17: empty, it was made just now, or by somebody who died before its name was safe.
        if create && log.len()? == 0 {
            self.sync_folder()?;
        }
        Ok(Some(Arc::new(log)))
    }

    fn remove_log(&self, which: usize) -> io::Result<()> {
        self.disk.remove_file(self.process, Self::log_index(which))
    }

    fn set_log_aside(&self, which: usize) -> io::Result<()> {
        self.remove_log(which) // this machine has no other names
    }

    fn sync_folder(&self) -> io::Result<()> {
        self.disk.sync_folder(self.process)
    }

    fn map(&self, placement: &Placement) -> io::Result<Box<dyn View>> {
        Ok(Box::new(RamView::new(self.disk.clone(), self.process, placement)?))
    }

    fn board(&self) -> &dyn Board {
        &self.board
    }

    fn path(&self) -> &PathBuf {
        &self.path
    }
}

#[cfg(test)]
mod tests;
