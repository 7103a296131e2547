//! Sync: what is published becomes what a power cut cannot take.

use std::sync::atomic::Ordering::SeqCst;

use super::engine::Engine;
use crate::Result;

impl Engine {
    /// Syncs the heap file, its length included.
    pub(super) fn sync_data(&self) -> Result<()> {
        self.grown.store(false, SeqCst);
        self.host.data().sync().map_err(|error| self.poison("syncing the heap file", error))
    }

    /// Makes everything published so far survive a power cut.
    pub fn sync_log(&self) -> Result<()> {
        let bulletin = self.bulletin();
        let published = bulletin.published_txn.load(SeqCst);
        if bulletin.durable_txn.load(SeqCst) >= published {
            return Ok(());
        }
        // Not the logs this process has read so far: others may have written to a newer one.
        for which in 0..2 {
            if let Some(log) = self.open_log(which)? {
                log.file.sync().map_err(|error| self.poison("syncing the log", error))?;
            }
        }
        bulletin.durable_txn.fetch_max(published, SeqCst);
        Ok(())
    }

    /// The same from a thread of its own: commits go on meanwhile.
    pub fn sync_behind(&self) -> Result<()> {
        self.may_write()?;
        let (logs, published) = {
            let book = self.book();
            let Some(cursor) = book.cursor else { return Ok(()) };
            let logs: Vec<_> = book.logs.iter().flatten().map(|log| log.file.clone()).collect();
            (logs, cursor.txn)
        };
        for log in logs {
            log.sync().map_err(|error| self.poison("syncing the log", error))?;
        }
        self.bulletin().durable_txn.fetch_max(published, SeqCst);
        Ok(())
    }

    /// Syncs what is published, and the direct extents this process stores to.
    pub fn sync(&self) -> Result<()> {
        self.may_write()?;
        let book = self.book();
        self.sync_log()?;
        if book.windows.is_empty() {
            return Ok(());
        }
        for window in &book.windows {
            let settled = self.view.settle(window.clone());
            settled.map_err(|error| self.os_error("cannot write the heap file", error))?;
        }
        self.sync_data()
    }
}
