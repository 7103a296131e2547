//! Attaching alone and leaving last: recovery from the logs, and their removal.

use std::sync::atomic::Ordering::SeqCst;

use super::book::Book;
use super::engine::Engine;
use crate::format::{Bulletin, FrameHeader, LOG_LIVE, LogHeader, Plain};
use crate::log::{Head, synced_bytes};
use crate::os::{File, Lock, Mode, Wait};
use crate::{Error, ErrorKind, Result};

/// What recovery found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recovery {
    /// Transactions that were in the logs only.
    pub transactions: u64,
    /// Bytes of log read.
    pub log_bytes: u64,
}

impl Engine {
    /// O3 and O4. The caller holds Door and has Presence exclusively.
    pub fn recover(&self) -> Result<Recovery> {
        let mut book = self.book();
        let superblock = book.superblock;
        let bulletin = self.bulletin();
        let synced = bulletin.durable_txn.load(SeqCst);
        reset(bulletin, superblock.checkpoint_txn, superblock.log_generation, self.slot);
        let live = superblock.flags & LOG_LIVE != 0;
        // A damaged copy may have been the newer one, and spoken of a log.
        if !live && self.superblock_is_sound(book.superblock_copy ^ 1)? {
            book.recovered = Some(superblock.checkpoint_txn);
            return Ok(Recovery::default());
        }
        self.demand_log(&book)?;
        // Whoever died may have left more than a log: the first writer makes sure (B4).
        bulletin.log_unsettled.store(1, SeqCst);
        let (logs, cursor, spans) = self.read_logs(&book, None)?;
        if let Some(accepted) = cursor.filter(|_| self.accept_loss) {
            self.cut_logs(&mut book, &logs, accepted)?;
        } else if let Some(damage) = self.damage(&book, &logs, cursor)? {
            return Err(damage);
        }
        let Some(last) = cursor else { return Ok(Recovery::default()) };
        let mut found = Recovery {
            transactions: last.txn - superblock.checkpoint_txn,
            log_bytes: last.position,
        };
        if found.transactions > 0 {
            for log in &logs {
                if log.header.generation == last.generation && self.is_writable() {
                    let synced = synced_bytes(spans.iter(), last.generation, synced);
                    self.rewrite(log, synced, last)?;
                } else if last.generation == log.header.generation + 1 {
                    // The successor began only after this log was synced to its end.
                    found.log_bytes += log.file.len().unwrap_or(0);
                }
            }
        }
        if found.transactions > 0 && !live && self.is_writable() {
            self.write_superblock(&mut book, |superblock| {
                superblock.flags = LOG_LIVE;
                superblock.log_generation = last.generation;
            })?;
        }
        bulletin.published_txn.store(last.txn, SeqCst);
        if self.is_writable() {
            bulletin.durable_txn.store(last.txn, SeqCst);
        }
        bulletin.log_generation.store(last.generation, SeqCst);
        book.index.add(&spans);
        book.keep_logs(logs);
        book.cursor = Some(last);
        book.recovered = Some(last.txn);
        Ok(found)
    }

    /// The log that the superblock speaks of must be there, if only as an empty file.
    pub(super) fn demand_log(&self, book: &Book) -> Result<()> {
        if book.superblock.flags & LOG_LIVE == 0 {
            return Ok(());
        }
        let which = (book.superblock.log_generation & 1) as usize;
        let file = self.host.log(which, false);
        if let Some(file) = file.map_err(|error| self.os_error("cannot open the log", error))? {
            let flaw = header_flaw(&*file, &self.identity().uuid);
            let flaw = flaw.map_err(|error| self.os_error("cannot read the log", error))?;
            return flaw.map_or(Ok(()), |flaw| {
                let text = format!("{}-log{which} {flaw}", self.host.path().display());
                Err(Error::new(ErrorKind::Corrupt, text)
                    .at(self.host.path())
                    .advice("put the right log back; repair can give its contents up"))
            });
        }
        let text = format!(
            "the heap was not closed cleanly and its log {}-log{which} is missing",
            self.host.path().display()
        );
        Err(Error::new(ErrorKind::LogMissing, text).at(self.host.path()).advice(
            "put the log files back beside the heap, or, if this is a copy made while it was \
                 open, copy them as well (backup makes whole copies); repair can give their \
                 contents up",
        ))
    }

    /// O5: lets the next process in.
    pub fn open_door(&self) -> Result<()> {
        let board = self.host.board();
        let fail = |error| self.os_error("cannot lock the heap", error);
        board.lock(Lock::Presence, Mode::Shared, Wait::Forever).map_err(fail)?;
        board.unlock(Lock::Door).map_err(fail)
    }

    /// Makes sure that nobody else is attached nor can attach, until this process leaves.
    pub fn seize(&self) -> Result<bool> {
        let board = self.host.board();
        let fail = |error| self.os_error("cannot lock the heap", error);
        if !board.is_writable()
            || !board.lock(Lock::Door, Mode::Exclusive, Wait::Try).map_err(fail)?
        {
            return Ok(false);
        }
        let alone = board.lock(Lock::Presence, Mode::Exclusive, Wait::Try).map_err(fail)?;
        if !alone {
            board.unlock(Lock::Door).map_err(fail)?;
        }
        Ok(alone)
    }

    /// Leaves the heap: syncs what is published, and, as the last one, brings everything home
    /// and removes the logs. `last` runs before anybody else can attach.
    pub fn leave_then(&self, last: &dyn Fn() -> std::io::Result<()>) -> Result<()> {
        let board = self.host.board();
        let Some(slot) = self.slot.filter(|_| board.is_mine()) else { return Ok(()) };
        let fail = |error| self.os_error("cannot lock the heap", error);
        board.lock(Lock::Door, Mode::Exclusive, Wait::Forever).map_err(fail)?;
        let done = self.leave_behind_door();
        let done = done.and_then(|()| last().map_err(|e| self.os_error("cannot end", e)));
        self.bulletin().slots[slot as usize].snapshot.store(0, SeqCst);
        self.bulletin().slots[slot as usize].keep.store(0, SeqCst);
        for lock in [Lock::Slot(slot), Lock::Presence, Lock::Door] {
            board.unlock(lock).map_err(fail)?;
        }
        done
    }

    fn leave_behind_door(&self) -> Result<()> {
        if self.may_write().is_err() {
            return Ok(());
        }
        let board = self.host.board();
        let alone = board.lock(Lock::Presence, Mode::Exclusive, Wait::Try);
        if !alone.map_err(|error| self.os_error("cannot lock the heap", error))? {
            return self.sync_log();
        }
        if self.begin_write(Wait::Try).is_err() {
            return Ok(()); // a guard leaked: the logs stay, and the next opening reads them
        }
        let done = self.close_logs(&mut self.book());
        self.end_write();
        done
    }

    fn close_logs(&self, book: &mut Book) -> Result<()> {
        self.refresh_superblock(book)?;
        if book.superblock.flags & LOG_LIVE != 0 {
            self.checkpoint_held(book, false)?;
            let bulletin = self.bulletin();
            if bulletin.checkpoint_txn.load(SeqCst) < bulletin.published_txn.load(SeqCst) {
                return Ok(()); // a reader without slot holds it back
            }
            let generation = bulletin.log_generation.load(SeqCst);
            self.write_superblock(book, |superblock| {
                superblock.flags = 0;
                superblock.log_generation = generation;
            })?;
            self.write_superblock_again(book)?;
        }
        book.writer = None;
        book.cursor = None;
        book.logs = [None, None];
        for which in 0..2 {
            if !self.is_foreign_log(which)? {
                let removed = self.host.remove_log(which);
                removed.map_err(|error| self.os_error("cannot remove a log", error))?;
            }
        }
        Ok(())
    }
}

/// What is wrong with a log that is to be there. P9: one that was only being begun may be empty,
/// torn, or still what it was before.
fn header_flaw(file: &dyn File, uuid: &[u8; 16]) -> std::io::Result<Option<&'static str>> {
    let header = match Head::read(file)? {
        Head::Blank => return Ok(None),
        Head::Strange => return Ok(Some("is not a log: it does not begin with \"HEAPLOG1\"")),
        Head::Whole(header) => {
            return Ok((header.uuid != *uuid).then_some("is the log of another heap"));
        }
        Head::Torn(header) => header,
    };
    let mut frame = [0; size_of::<FrameHeader>()];
    file.read_at(LogHeader::FIRST_FRAME, &mut frame)?;
    let used = FrameHeader::from_bytes(&frame).salt == header.salt;
    Ok(used.then_some("has a header whose checksum does not hold, and frames that belong to it"))
}

fn reset(bulletin: &Bulletin, checkpoint: u64, generation: u64, slot: Option<u32>) {
    for word in [
        &bulletin.published_txn,
        &bulletin.durable_txn,
        &bulletin.checkpoint_txn,
        &bulletin.floor_txn,
    ] {
        word.store(checkpoint, SeqCst);
    }
    bulletin.log_generation.store(generation, SeqCst);
    bulletin.commit_count.store(0, SeqCst);
    for word in [&bulletin.writer, &bulletin.log_unsettled, &bulletin.slot_high, &bulletin.poisoned]
    {
        word.store(0, SeqCst);
    }
    bulletin.slot_high.store(slot.map_or(0, |slot| slot + 1), SeqCst);
}
