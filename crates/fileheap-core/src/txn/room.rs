//! Room in the logs: kept ahead of need, so that on a full disk a heap can be emptied from within.

use std::sync::atomic::Ordering::SeqCst;

use super::book::Book;
use super::engine::Engine;
use crate::Result;
use crate::format::LogHeader;
use crate::log::{AHEAD_BYTES, Cursor, FIRST_BYTES, Head, LogWriter};

/// From here on a log gets company.
const ALONE_BYTES: u64 = FIRST_BYTES / 2;

impl Engine {
    /// B6: behind this a small commit finds room, in this log or in the other one. On a full disk
    /// that may fail; the commit will tell.
    pub(super) fn keep_log_room(&self, book: &mut Book) -> Result<()> {
        let Some((at, room)) = self.log_room(book) else { return Ok(()) };
        if at.position > ALONE_BYTES && !book.has_both_logs {
            book.has_both_logs = true;
            self.make_successor(at.generation + 1);
        }
        if room < AHEAD_BYTES {
            if let Err(error) = self.find_room(book) {
                book.trouble = Some(error.to_string());
            }
        }
        self.may_write()
    }

    /// The end of the log that is live, and how much more its file holds.
    fn log_room(&self, book: &Book) -> Option<(Cursor, u64)> {
        if let Some(tail) = self.live_tail(book) {
            return book.writer.as_ref().map(|writer| (tail, writer.room()));
        }
        let generation = self.bulletin().log_generation.load(SeqCst);
        let at = book.cursor.filter(|at| at.generation == generation)?;
        let bytes = book.log_of(generation)?.file.len().ok()?;
        Some((at, bytes.saturating_sub(at.position)))
    }

    /// Before the first log takes the last space. Nothing depends on it yet: who begins the
    /// second one finds out.
    fn make_successor(&self, generation: u64) {
        let which = (generation & 1) as usize;
        if self.claim_log(which).is_err() {
            return;
        }
        if let Ok(Some(file)) = self.host.log(which, true) {
            let _ = LogWriter::prepare(&*file);
        }
    }

    /// The log becomes longer, or gives way to the other one (P34).
    fn find_room(&self, book: &mut Book) -> Result<()> {
        self.open_writer(book)?;
        let Some(writer) = book.writer.as_mut() else { return Ok(()) };
        let position = writer.tail().position;
        if writer.room() >= AHEAD_BYTES || writer.grow(position).is_ok() {
            return Ok(());
        }
        self.checkpoint_held(book, true)
    }

    /// K6: whether little is left of the log, and the other one has more.
    pub(super) fn should_leave(&self, book: &Book, tail: Cursor) -> Result<bool> {
        let room = book.writer.as_ref().map_or(u64::MAX, LogWriter::room);
        if room >= AHEAD_BYTES {
            return Ok(false);
        }
        let fail = |error| self.os_error("cannot look at the other log", error);
        let which = ((tail.generation + 1) & 1) as usize;
        let Some(other) = self.host.log(which, false).map_err(fail)? else { return Ok(false) };
        Ok(other.len().map_err(fail)?.saturating_sub(LogHeader::FIRST_FRAME) > room)
    }

    /// Makes sure that what lies where a log belongs may be written over or removed. The log of
    /// another heap, which was there under this name before, is all that one lacks.
    pub(super) fn claim_log(&self, which: usize) -> Result<()> {
        if self.is_foreign_log(which)? {
            let fail = |error| self.os_error("cannot set aside the log of another heap", error);
            if !self.host.is_current().map_err(fail)? {
                return Err(self.moved());
            }
            self.host.set_log_aside(which).map_err(fail)?;
        }
        Ok(())
    }

    /// Whether there is something that no heap of this identity can have written.
    pub(super) fn is_foreign_log(&self, which: usize) -> Result<bool> {
        let fail = |error| self.os_error("cannot look at a log", error);
        let Some(file) = self.host.log(which, false).map_err(fail)? else { return Ok(false) };
        Ok(match Head::read(&*file).map_err(fail)? {
            Head::Blank | Head::Torn(_) => false, // P9: it was only being begun
            Head::Whole(header) => header.uuid != self.identity().uuid,
            Head::Strange => true,
        })
    }

    fn moved(&self) -> crate::Error {
        let text = "the heap was moved while it was open, and another one has its name";
        crate::Error::new(crate::ErrorKind::Replaced, text)
            .at(self.host.path())
            .advice("close it in all processes and open it under its new name")
    }
}
