//! The absence of a host on systems that have none yet: every door says so.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Board, Capture, File, Host, Placement, View};
use crate::{Error, ErrorKind, Result};

/// A host that cannot be made.
#[derive(Debug)]
pub enum StubHost {}

fn unsupported(path: &Path) -> Error {
    Error::new(ErrorKind::Unsupported, "heaps in files need Linux so far")
        .at(path)
        .advice("use a heap in memory")
}

impl StubHost {
    /// Fails.
    pub fn create(path: &Path, _initial_bytes: u64, _mode: u32) -> Result<Self> {
        Err(unsupported(path))
    }

    /// Fails.
    pub fn open(path: &Path, _writable: bool) -> Result<Self> {
        Err(unsupported(path))
    }

    /// Never called.
    #[must_use]
    pub fn identity(&self) -> (u64, u64) {
        match *self {}
    }

    /// Never called.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        match *self {}
    }

    /// Never called.
    pub fn is_network(&self) -> io::Result<bool> {
        match *self {}
    }

    /// Never called.
    pub fn probe(&self, _capture: Capture) -> io::Result<()> {
        match *self {}
    }

    /// Never called.
    pub fn remove(&self) -> io::Result<()> {
        match *self {}
    }
}

impl Host for StubHost {
    fn data(&self) -> &Arc<dyn File> {
        match *self {}
    }

    fn log(&self, _which: usize, _create: bool) -> io::Result<Option<Arc<dyn File>>> {
        match *self {}
    }

    fn remove_log(&self, _which: usize) -> io::Result<()> {
        match *self {}
    }

    fn set_log_aside(&self, _which: usize) -> io::Result<()> {
        match *self {}
    }

    fn sync_folder(&self) -> io::Result<()> {
        match *self {}
    }

    fn map(&self, _placement: &Placement) -> io::Result<Box<dyn View>> {
        match *self {}
    }

    fn board(&self) -> &dyn Board {
        match *self {}
    }

    fn path(&self) -> &PathBuf {
        match *self {}
    }
}
