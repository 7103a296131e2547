//! Abort: the mapping shows the last committed state again.

use std::ops::Range;
use std::sync::PoisonError;
use std::sync::atomic::Ordering::SeqCst;

use super::commit::{Changes, whole_pages};
use super::engine::Engine;
use crate::Result;

impl Engine {
    /// Undoes everything since `begin_changes`. An error leaves the engine poisoned: its mapping
    /// cannot be trusted any more, though the file is as it was.
    pub fn abort(&self, changes: &mut Changes) -> Result<()> {
        let done = self.undo(changes);
        if done.is_err() {
            self.poisoned.store(true, SeqCst);
        }
        done
    }

    fn undo(&self, changes: &mut Changes) -> Result<()> {
        let mut book = self.book();
        changes.tracked = false; // the harvest also names what the caller forgot to name
        self.collect(&mut book, changes)?;
        let unsynced = changes.unsynced.load(SeqCst);
        let dirty = std::mem::take(changes).into_dirty();
        let fail = |error| self.os_error("cannot undo the transaction", error);
        // Refining compares with what the file has: see `adopt_tail`. Should that fail nobody
        // refines any more, but readers go on: they are to see what was committed.
        let must_sync = unsynced || !dirty.1.is_empty();
        let synced = if must_sync { self.sync_data() } else { Ok(()) };
        for extent in &dirty.1 {
            self.view.unshare(extent.clone()).map_err(fail)?;
        }
        let pages = whole_pages(dirty.0);
        self.view.discard_many(&pages).map_err(fail)?;
        let pieces = book.index.plan(0, self.seen(), Some(&pages));
        self.copy_pieces(&mut book, &pieces)?;
        for window in dirty.2 {
            self.view.share(window.clone()).map_err(fail)?;
            if !book.windows.contains(&window) {
                book.windows.push(window);
            }
        }
        book.baseline_stale = true;
        synced
    }
}

type Dirty = (Vec<Range<u64>>, Vec<Range<u64>>, Vec<Range<u64>>);

impl Changes {
    /// Dirty pages, extents made, windows closed or enlisted.
    fn into_dirty(self) -> Dirty {
        let mut touched = self.touched.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut carried = self.carried;
        carried.extend(touched.take());
        let extents = self.extents.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut windows = self.enlisted.into_inner().unwrap_or_else(PoisonError::into_inner);
        windows.extend(self.freed.into_inner().unwrap_or_else(PoisonError::into_inner));
        (carried, extents.into_iter().map(|extent| extent.range).collect(), windows)
    }
}
