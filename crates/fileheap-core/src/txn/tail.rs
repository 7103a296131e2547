//! The file's tail and holes: disk space goes back to the filesystem, never under a reader.

use std::ops::Range;
use std::sync::atomic::Ordering::SeqCst;

use super::engine::Engine;
use crate::Result;
use crate::os::{Lock, Mode, Wait};

impl Engine {
    /// Our private copies of free ranges, of which nothing is in the log, go.
    pub fn drop_private(&self, ranges: &[Range<u64>]) -> Result<()> {
        let dropped = self.view.discard_many(ranges);
        dropped.map_err(|error| self.os_error("cannot drop private pages", error))
    }

    /// Gives the disk space of free ranges back; returns how many bytes. A filesystem without
    /// holes keeps it. The writer word is held.
    pub fn punch(&self, ranges: &[Range<u64>], progress: &mut dyn FnMut(u64, u64)) -> Result<u64> {
        let total = ranges.iter().map(|range| range.end - range.start).sum();
        // What is stored there later is not to be compared with what lay there.
        self.book().shadows.clear();
        let mut bytes = 0;
        for range in ranges {
            match self.host.data().punch(range.clone()) {
                Err(error) if error.kind() == std::io::ErrorKind::Unsupported => return Ok(bytes),
                done => done.map_err(|error| self.os_error("cannot punch a hole", error))?,
            }
            bytes += range.end - range.start;
            progress(bytes, total);
        }
        if bytes > 0 {
            // A hole that a power cut undid would show what lay there instead of zeros.
            self.sync_data()?;
        }
        Ok(bytes)
    }

    /// P22: cuts the file to `bytes` if nobody else is attached and the log is home. Returns how
    /// many bytes went.
    pub fn cut_tail(&self, bytes: u64, wait: Wait) -> Result<u64> {
        let board = self.host.board();
        let fail = |error| self.os_error("cannot lock the heap", error);
        if !board.lock(Lock::Door, Mode::Exclusive, wait).map_err(fail)? {
            return Ok(0);
        }
        let alone = board.lock(Lock::Presence, Mode::Exclusive, Wait::Try).map_err(fail);
        let done = match alone {
            Ok(true) => self.cut_alone(bytes, wait),
            Ok(false) => Ok(0),
            Err(error) => Err(error),
        };
        board.lock(Lock::Presence, Mode::Shared, Wait::Forever).map_err(fail)?;
        board.unlock(Lock::Door).map_err(fail)?;
        done
    }

    fn cut_alone(&self, bytes: u64, wait: Wait) -> Result<u64> {
        self.begin_write(wait)?;
        let done = self.cut_held(bytes);
        self.end_write();
        done
    }

    fn cut_held(&self, bytes: u64) -> Result<u64> {
        let mut book = self.book();
        self.checkpoint_held(&mut book, true)?;
        self.refresh_superblock(&mut book)?;
        let bulletin = self.bulletin();
        let home = bulletin.checkpoint_txn.load(SeqCst) == bulletin.published_txn.load(SeqCst);
        // SAFETY: the header page is mapped and at rest while the writer word is held.
        let in_use = unsafe { self.used_bytes() };
        let len =
            self.host.data().len().map_err(|e| self.os_error("cannot measure the file", e))?;
        if !home || in_use > bytes || len <= bytes || book.superblock.file_bytes > bytes {
            return Ok(0);
        }
        let unmapped = self.view.retract(bytes);
        unmapped.map_err(|error| self.os_error("cannot unmap the tail", error))?;
        self.set_mapped(bytes);
        book.shadows.clear();
        let cut = self.host.data().truncate(bytes);
        cut.map_err(|error| self.os_error("cannot cut the heap file", error))?;
        Ok(len - bytes)
    }
}
