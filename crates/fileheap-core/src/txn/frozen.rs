//! A frozen heap: reading one committed state from the files while the writer goes on.

use std::io::IoSlice;

use super::book::{RELOAD_PAUSE, RELOAD_TRIES};
use super::engine::Engine;
use crate::format::Superblock;
use crate::log::{Index, LogFile};
use crate::os::{File, Wait};
use crate::{Error, ErrorKind, Result};

/// A committed state as the files hold it: the heap file, and what the logs add.
pub struct Frozen {
    /// The ruling superblock.
    pub superblock: Superblock,
    /// The state.
    pub txn: u64,
    index: Index,
    logs: [Option<LogFile>; 2],
}

impl Engine {
    /// Freezes, and says which is the newest committed state. Who may write does so at a moment
    /// when no transaction and no checkpoint is under way. Who may only read pins that state and
    /// cannot keep a checkpoint from going on that had begun before.
    pub fn freeze_newest(&self) -> Result<u64> {
        if self.is_writable() {
            let next = self.begin_write(Wait::Forever)?;
            let done = self.freeze();
            self.end_write();
            return done.map(|()| next - 1);
        }
        self.not_a_child()?;
        self.freeze()?;
        self.begin_read(Wait::Forever).or_else(|error| self.thaw().and(Err(error)))
    }

    /// Ends one `freeze_newest`.
    pub fn thaw_newest(&self) -> Result<()> {
        if !self.is_writable() {
            self.end_read();
        }
        self.thaw()
    }

    /// The state `txn` that the heap was frozen at.
    pub fn read_frozen(&self, txn: u64) -> Result<Frozen> {
        let mut tries = 0;
        loop {
            match self.read_frozen_once(txn) {
                // A checkpoint may have begun a log anew under our eyes.
                Err(_) if tries < RELOAD_TRIES => std::thread::sleep(RELOAD_PAUSE),
                done => return done,
            }
            tries += 1;
        }
    }

    fn read_frozen_once(&self, txn: u64) -> Result<Frozen> {
        let mut book = self.book();
        if self.slot.is_none() {
            self.refresh_superblock(&mut book)?;
        }
        let (logs, cursor, spans) = self.read_logs(&book, Some(txn))?;
        let reached = cursor.map_or(self.checkpointed(&book), |at| at.txn);
        if reached != txn {
            let text = format!("the logs lead to transaction {reached}, not to {txn}");
            let error = Error::new(ErrorKind::Corrupt, text).at(self.host.path());
            return Err(error.advice(super::damage::ADVICE));
        }
        let mut index = Index::default();
        index.add(&spans);
        let mut frozen = Frozen { superblock: book.superblock, txn, index, logs: [None, None] };
        for log in logs {
            let which = (log.header.generation & 1) as usize;
            frozen.logs[which] = Some(log);
        }
        Ok(frozen)
    }

    /// Writes what the logs hold of that state onto a copy of the heap file. False if one of them
    /// was begun anew since they were read: then what was written may be anything.
    pub fn replay_onto(&self, frozen: &Frozen, copy: &dyn File) -> Result<bool> {
        let fail = |error| self.os_error("cannot copy the log", error);
        let mut bytes = Vec::new();
        let pieces = frozen.index.plan(0, frozen.txn, None);
        for piece in &pieces {
            bytes.resize(piece.bytes as usize, 0);
            let log = frozen.logs[piece.log].as_ref();
            let log = log.ok_or_else(|| Error::new(ErrorKind::LogMissing, "a log is gone"))?;
            log.file.read_at(piece.position, &mut bytes).map_err(fail)?;
            copy.write_at(piece.offset, &[IoSlice::new(&bytes)]).map_err(fail)?;
        }
        let mut still = true;
        for (which, log) in frozen.logs.iter().enumerate() {
            let used = pieces.iter().any(|piece| piece.log == which);
            if let Some(log) = log.as_ref().filter(|_| used) {
                still &= self.still(log)?;
            }
        }
        Ok(still)
    }
}
