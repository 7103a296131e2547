//! Abort: the mapping shows the last committed state again.

use std::ops::Range;
use std::sync::PoisonError;
use std::sync::atomic::Ordering::SeqCst;

use super::book::Book;
use super::commit::{Changes, whole_pages};
use super::engine::Engine;
use crate::Result;
use crate::format::PREAMBLE_BYTES;

impl Engine {
    /// Undoes everything since `begin_changes`. An error leaves the engine poisoned, though the
    /// file is as it was. Where the mapping could not be undone nobody reads it as it is: the next
    /// reader starts over from the files, or hears why that does not work.
    pub fn abort(&self, changes: &mut Changes) -> Result<()> {
        let mut book = self.book();
        changes.tracked = false; // the harvest also names what the caller forgot to name
        let mut undone = self.collect(&mut book, changes);
        let unsynced = changes.unsynced.load(SeqCst);
        let mut dirty = std::mem::take(changes).into_dirty();
        if undone.is_err() {
            dirty.0 = vec![PREAMBLE_BYTES..self.mapped_bytes()]; // it may be any page
        }
        // Refining compares with what the file has: see `adopt_tail`. Should that fail nobody
        // refines any more, but readers go on: they are to see what was committed.
        let must_sync = unsynced || !dirty.1.is_empty();
        let synced = if must_sync { self.sync_data() } else { Ok(()) };
        undone = undone.and(self.restore(&mut book, dirty));
        if undone.is_err() {
            self.set_seen(u64::MAX);
        }
        let done = undone.and(synced);
        if done.is_err() {
            self.poisoned.store(true, SeqCst);
        }
        done
    }

    /// Every step is taken, whatever becomes of the others; the first error is the one to tell.
    fn restore(&self, book: &mut Book, (pages, extents, windows): Dirty) -> Result<()> {
        let mut done = Ok(());
        let mut step = |result: std::io::Result<()>| {
            if let (Ok(()), Err(error)) = (&done, result) {
                done = Err(self.os_error("cannot undo the transaction", error));
            }
        };
        extents.into_iter().for_each(|extent| step(self.view.unshare(extent)));
        let pages = whole_pages(pages);
        if self.view.discard_many(&pages).is_err() {
            pages.iter().for_each(|range| step(self.view.discard(range.clone())));
        }
        let pieces = book.index.plan(0, self.seen(), Some(&pages));
        let copied = self.copy_pieces(book, &pieces);
        for window in windows {
            step(self.view.share(window.clone()));
            if !book.windows.contains(&window) {
                book.windows.push(window);
            }
        }
        book.baseline_stale = true;
        done.and(copied)?;
        // P27: one that this transaction opened may have had another length in it.
        let seen = self.seen();
        self.drop_stale_windows(book, seen, seen).map(drop)
    }
}

type Dirty = (Vec<Range<u64>>, Vec<Range<u64>>, Vec<Range<u64>>);

impl Changes {
    /// Dirty pages, extents made, windows closed.
    fn into_dirty(self) -> Dirty {
        let mut touched = self.touched.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut carried = self.carried;
        carried.extend(touched.take());
        let extents = self.extents.into_inner().unwrap_or_else(PoisonError::into_inner);
        let windows = self.closed.into_inner().unwrap_or_else(PoisonError::into_inner);
        (carried, extents.into_iter().map(|extent| extent.range).collect(), windows)
    }
}
