//! Append: transactions go to the end of the log, C4 and C5; where that is, and how a log begins.

use std::ops::Range;
use std::sync::atomic::Ordering::SeqCst;

use super::book::Book;
use super::commit::Durability;
use super::engine::Engine;
use crate::format::{LOG_LIVE, LogHeader, PREAMBLE_BYTES};
use crate::log::{Cursor, FIRST_BYTES, LogFile, LogWriter, Payload};
use crate::{Error, ErrorKind, Result};

const PAYLOAD_MAX_BYTES: u64 = 4 * 1024 * 1024;

impl Engine {
    /// C4 and C5.
    pub(super) fn write_log(
        &self,
        book: &mut Book,
        logged: &[Range<u64>],
        homes: &[Range<u64>],
        taken: &[Range<u64>],
        (durability, more): (Durability, bool),
    ) -> Result<()> {
        self.open_writer(book)?;
        let mut payloads = Vec::with_capacity(logged.len() + homes.len() + taken.len());
        payloads.extend(homes.iter().map(|r| Payload::Home(r.start, r.end - r.start)));
        payloads.extend(taken.iter().map(|r| Payload::Taken(r.start, r.end - r.start)));
        for range in logged {
            let mut at = range.start.max(PREAMBLE_BYTES);
            while at < range.end {
                let end = range.end.min(at + PAYLOAD_MAX_BYTES);
                // SAFETY: dirty pages are mapped, ours, and at rest during commit.
                payloads.push(Payload::Bytes(at, unsafe { self.mapped(at..end) }));
                at = end;
            }
        }
        self.append(book, &payloads, durability == Durability::Power, more)
    }

    /// If `more` is to come for the sake of this transaction, there will be room.
    pub(super) fn append(
        &self,
        book: &mut Book,
        payloads: &[Payload<'_>],
        sync: bool,
        more: bool,
    ) -> Result<()> {
        let bulletin = self.bulletin();
        let Some(writer) = book.writer.as_mut() else { unreachable!("opened by the caller") };
        let mut spans = Vec::with_capacity(payloads.len());
        bulletin.log_unsettled.store(1, SeqCst);
        let durable = bulletin.durable_txn.load(SeqCst);
        if let Err(failed) = writer.append(payloads, (durable, sync, more), &mut spans) {
            if failed.wiped {
                bulletin.log_unsettled.store(0, SeqCst);
                return Err(self.os_error("cannot write the log", failed.error));
            }
            return Err(self.poison("writing the log", failed.error));
        }
        if sync {
            writer.file().sync().map_err(|error| self.poison("syncing the log", error))?;
        }
        let tail = writer.tail();
        book.cursor = Some(tail);
        book.index.add(&spans);
        self.set_seen(tail.txn);
        if sync {
            bulletin.durable_txn.store(tail.txn, SeqCst);
        }
        bulletin.published_txn.store(tail.txn, SeqCst);
        bulletin.log_unsettled.store(0, SeqCst);
        bulletin.commit_count.fetch_add(1, SeqCst);
        Ok(())
    }

    /// Makes `book.writer` stand behind the last published transaction.
    pub(super) fn open_writer(&self, book: &mut Book) -> Result<()> {
        let generation = self.bulletin().log_generation.load(SeqCst);
        let published = self.bulletin().published_txn.load(SeqCst);
        if self.live_tail(book).is_some() {
            return Ok(());
        }
        book.writer = None;
        let fail = |error| self.os_error("cannot open the log", error);
        self.refresh_superblock(book)?;
        if book.superblock.flags & LOG_LIVE == 0 {
            // P16: what lies there was left behind by a close that was cut off. P17 would not
            // hold for commits that went into it.
            for which in 0..2 {
                self.claim_log(which)?;
                self.host.remove_log(which).map_err(fail)?;
            }
            return self.begin_log(book, generation + 1);
        }
        let log = self.open_log(generation & 1)?;
        if let Some(log) = log.filter(|log| log.header.generation == generation) {
            let from = book.cursor.filter(|at| at.generation == generation).unwrap_or(log.start());
            let tail = self.read_tail(&log, from, published)?;
            book.writer = Some(LogWriter::resume(&log, tail).map_err(fail)?);
            book.cursor = Some(tail);
            book.logs[(generation & 1) as usize] = Some(log);
            return Ok(());
        }
        self.begin_log(book, generation + 1)
    }

    /// The end of the log, where our writer is the last that wrote: one from before others wrote
    /// knows neither the log that is live nor its end.
    pub(super) fn live_tail(&self, book: &Book) -> Option<Cursor> {
        let published = self.bulletin().published_txn.load(SeqCst);
        let generation = self.bulletin().log_generation.load(SeqCst);
        let tail = book.writer.as_ref().map(LogWriter::tail);
        tail.filter(|tail| tail.generation == generation && tail.txn == published)
    }

    fn read_tail(&self, log: &LogFile, from: Cursor, published: u64) -> Result<Cursor> {
        let mut ignored = Vec::new();
        let tail = self.read_frames(log, from, Some(published), &mut ignored)?;
        if tail.txn == published {
            return Ok(tail);
        }
        let text = format!("the log ends with transaction {} of {published}", tail.txn);
        Err(Error::new(ErrorKind::Corrupt, text)
            .at(self.host.path())
            .advice("close the heap in all processes and open it again"))
    }

    /// Begins a log generation behind the last published transaction. P17: the file exists and
    /// the superblock announces it before the first frame.
    pub(super) fn begin_log(&self, book: &mut Book, generation: u64) -> Result<()> {
        let fail = |error| self.os_error("cannot begin a log", error);
        let which = (generation & 1) as usize;
        self.claim_log(which)?;
        let file = self.host.log(which, true).map_err(fail)?;
        let Some(file) = file else { unreachable!("asked to create it") };
        if file.len().map_err(fail)? > self.log_bytes.saturating_mul(4) {
            // The header goes first: who still reads this log looks at it afterwards.
            let nothing = [0; size_of::<LogHeader>()];
            file.write_at(0, &[std::io::IoSlice::new(&nothing)]).map_err(fail)?;
            file.truncate(self.log_bytes.max(FIRST_BYTES)).map_err(fail)?;
        }
        LogWriter::prepare(&*file).map_err(fail)?;
        self.write_superblock(book, |superblock| {
            superblock.flags = LOG_LIVE;
            superblock.log_generation = generation;
        })?;
        let published = self.bulletin().published_txn.load(SeqCst);
        let salt = salt(generation);
        let begun = LogWriter::begin(file, self.identity().uuid, generation, published, salt);
        let (writer, log) = begun.map_err(fail)?;
        book.cursor = Some(writer.tail());
        book.writer = Some(writer);
        book.logs[which] = Some(log);
        self.bulletin().log_generation.store(generation, SeqCst);
        Ok(())
    }

    /// Spans waiting to go home, length of the log, what failed behind the last commit.
    pub fn log_load(&self) -> (usize, u64, Option<String>) {
        let book = self.book();
        let position = book.cursor.map_or(0, |cursor| cursor.position);
        (book.index.len(), position, book.trouble.clone())
    }
}

/// Differs between the lives of a log file.
fn salt(generation: u64) -> u64 {
    use std::hash::{BuildHasher, Hasher};
    let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
    hasher.write_u64(generation);
    hasher.finish()
}
