//! A frozen heap: reading one committed state from the files while the writer goes on.

use std::io::IoSlice;
use std::sync::atomic::Ordering::SeqCst;

use super::engine::Engine;
use crate::format::Superblock;
use crate::log::{Index, LogFile};
use crate::os::{File, Wait};
use crate::{Error, Result};

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
    /// Freezes at a moment when no transaction and no checkpoint is under way. A process that may
    /// not write holds Blind all its life: for it the heap is always frozen.
    pub fn freeze_between_transactions(&self) -> Result<()> {
        if !self.is_writable() {
            return self.freeze();
        }
        self.begin_write(Wait::Forever)?;
        let done = self.freeze();
        self.end_write();
        done
    }

    /// The newest committed state. Call it frozen.
    pub fn read_frozen(&self) -> Result<Frozen> {
        let book = self.book();
        let target = self.slot.map(|_| self.bulletin().published_txn.load(SeqCst));
        let (logs, cursor, spans) = self.read_logs(&book, target)?;
        let checkpoint = self.bulletin().checkpoint_txn.load(SeqCst);
        let txn = cursor.map_or(book.superblock.checkpoint_txn.max(checkpoint), |at| at.txn);
        if let Some(target) = target.filter(|&target| target != txn) {
            let text = format!("the logs lead to transaction {txn}, not to {target}");
            let error = Error::new(crate::ErrorKind::Corrupt, text).at(self.host.path());
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

    /// Writes what the logs hold of that state onto a copy of the heap file.
    pub fn replay_onto(&self, frozen: &Frozen, copy: &dyn File) -> Result<()> {
        let fail = |error| self.os_error("cannot copy the log", error);
        let mut bytes = Vec::new();
        for piece in frozen.index.plan(0, frozen.txn, None) {
            bytes.resize(piece.bytes as usize, 0);
            let log = frozen.logs[piece.log].as_ref();
            let log =
                log.ok_or_else(|| Error::new(crate::ErrorKind::LogMissing, "a log is gone"))?;
            log.file.read_at(piece.position, &mut bytes).map_err(fail)?;
            copy.write_at(piece.offset, &[IoSlice::new(&bytes)]).map_err(fail)?;
        }
        Ok(())
    }
}
