//! P24: a log that lacks what was durable is damaged, not torn; and how such a loss is accepted.

use std::sync::atomic::Ordering::SeqCst;

use super::book::{Book, RELOAD_PAUSE, RELOAD_TRIES};
use super::engine::Engine;
use crate::log::{Cursor, LogFile, Witness, find_witness};
use crate::{Error, ErrorKind, Result};

pub(super) const ADVICE: &str = "restore a backup, or accept the loss of these commits with repair";

impl Engine {
    /// What is wrong with logs that led to `cursor` and no further, if a frame behind it says that
    /// more was durable. Only for who knows that nobody writes meanwhile, or looks again.
    pub(super) fn damage(
        &self,
        book: &Book,
        logs: &[LogFile],
        cursor: Option<Cursor>,
    ) -> Result<Option<Error>> {
        let fail = |error| self.os_error("cannot read the log", error);
        let reached = cursor.map_or(book.superblock.checkpoint_txn, |at| at.txn);
        for which in 0..2 {
            let mut from = 0;
            if let Some(at) = cursor {
                // What another log held before this one began is read, or home.
                let older = |log: &LogFile| {
                    log.header.generation & 1 == which && log.header.generation < at.generation
                };
                let newest = book.superblock.log_generation <= at.generation;
                if newest && logs.iter().any(older) {
                    continue;
                }
                if at.generation & 1 == which {
                    from = at.position;
                }
            }
            let Some(file) = self.host.log(which as usize, false).map_err(fail)? else { continue };
            let uuid = &self.identity().uuid;
            if let Some(witness) = find_witness(&*file, uuid, from, reached).map_err(fail)? {
                return Ok(Some(self.lost(which, from, reached, witness)));
            }
        }
        Ok(None)
    }

    /// What is wrong with the logs, if they do not lead to a state that is pinned.
    pub fn check_logs(&self, pinned: u64) -> Result<Option<String>> {
        if self.slot.is_none() {
            return Ok(None); // read anew at every begin
        }
        let book = self.book();
        let mut flaw = None;
        for _ in 0..RELOAD_TRIES {
            // A checkpoint of another process may begin a log under our eyes.
            match self.read_logs(&book, Some(pinned)) {
                Ok((_, cursor, _)) => {
                    let home = self.bulletin().checkpoint_txn.load(SeqCst);
                    let reached = cursor.map_or(home, |at| at.txn);
                    if reached == pinned {
                        return Ok(None);
                    }
                    flaw = Some(format!("expected transaction {pinned}, found {reached}"));
                }
                Err(error) if error.kind() == ErrorKind::Corrupt => flaw = Some(error.to_string()),
                Err(error) => return Err(error),
            }
            std::thread::sleep(RELOAD_PAUSE);
        }
        Ok(flaw.map(|flaw| format!("the logs are damaged: {flaw}; make a backup now")))
    }

    fn lost(&self, which: u64, from: u64, reached: u64, witness: Witness) -> Error {
        let Witness { position, durable_txn } = witness;
        let mut path = self.host.path().clone().into_os_string();
        path.push(format!("-log{which}"));
        let text = format!(
            "the log is damaged: transaction {} is not whole, but the frame at byte {position} \
             says that all up to {durable_txn} were on the disk",
            reached + 1
        );
        let from = from.max(crate::format::LogHeader::FIRST_FRAME);
        Error::new(ErrorKind::Corrupt, text).at(path.as_ref()).offset(from).advice(ADVICE)
    }

    /// Makes the logs end at `last`, so that what lies behind speaks no more of what is lost.
    pub(super) fn cut_logs(&self, book: &mut Book, logs: &[LogFile], last: Cursor) -> Result<()> {
        let fail = |error| self.os_error("cannot cut the log", error);
        // P24: until both are cut, the heap does not open but for who accepts the loss.
        self.write_superblock(book, |superblock| superblock.log_generation = last.generation)?;
        let ours = |which: u64| logs.iter().find(|log| log.header.generation & 1 == which);
        let other = (last.generation & 1) ^ 1;
        if ours(other).is_none_or(|log| log.header.generation > last.generation) {
            self.host.remove_log(other as usize).map_err(fail)?;
            // Should it come back, it would not fit to what is committed from now on.
            self.host.sync_folder().map_err(fail)?;
        }
        if let Some(log) = ours(last.generation & 1) {
            log.file.truncate(last.position).map_err(fail)?;
            log.file.sync().map_err(|error| self.poison("syncing the log", error))?;
        }
        Ok(())
    }
}
